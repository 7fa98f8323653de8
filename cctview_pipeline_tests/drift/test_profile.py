"""What a model gives in a camera-hour, and how far two such profiles lie apart."""

import numpy as np
import pytest

from cctview_pipeline.drift import Reference
from cctview_pipeline.drift.profile import LIKENESS, SCORES, Profile, divergence, expected_f1, shares_divergence
from cctview_pipeline.drift.survey import LIMITS, MIN_COUNTS, judge
from cctview_pipeline.lake import Partition
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.drifting_hours import DETECTOR, THRESHOLD, embeddings, seen
from cctview_pipeline_tests.factories.drifting_hours import scores as scores_of

SEEDS = range(200)


def test_the_same_distribution_does_not_alarm_and_another_does():
    """Of the fewest vehicles that are judged at all, beside a reference of many: none of 200 hours, and all of 200."""
    known = Reference(DETECTOR, THRESHOLD, {"training": seen(20_000, np.random.default_rng(1000))})
    rngs = [np.random.default_rng(seed) for seed in SEEDS]
    few, place = MIN_COUNTS["detections"], Partition.camera_hour("cam-1", HOUR_17)
    for night, verdict in ((False, "like training"), (True, "drift")):
        assert {judge("detections", place, seen(few, rng, night), known).verdict for rng in rngs} == {verdict}


def test_embeddings_of_the_same_world_do_not_alarm_and_others_do():
    known = Profile.of_embeddings(embeddings(5000, np.random.default_rng(1000)))
    rngs = [np.random.default_rng(seed) for seed in range(50)]
    few = MIN_COUNTS["features"]
    same = [divergence(Profile.of_embeddings(embeddings(few, rng)), known) for rng in rngs]
    other = [divergence(Profile.of_embeddings(embeddings(few, rng, night=True)), known) for rng in rngs]
    assert max(same) < LIMITS["features"] < min(other)


def test_shares_add_up_and_scores_that_are_next_to_nothing_do_not_count():
    profile = Profile.of_detections(np.array([0.01, 0.04, 0.05, 0.66, 1.0]), 0.6)
    assert profile.count == 3
    assert profile.shares[SCORES][[0, 12, -1]].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert profile.figures["in_doubt"] == pytest.approx(1 / 3)


def test_scores_that_are_probabilities_promise_the_f1_that_comes():
    rng = np.random.default_rng(0)
    scores = scores_of(20_000, rng)
    true = rng.random(len(scores)) < scores
    chosen = scores >= THRESHOLD
    f1 = 2 * (true & chosen).sum() / (chosen.sum() + true.sum())
    assert expected_f1(scores, THRESHOLD) == pytest.approx(f1, abs=0.01)
    assert expected_f1(scores_of(20_000, rng, night=True), THRESHOLD) < f1 - 0.1
    assert expected_f1(np.zeros(0), THRESHOLD) == 0


def test_divergence_is_zero_for_the_same_and_one_for_nothing_in_common():
    assert shares_divergence(np.array([0.5, 0.5, 0]), np.array([0.5, 0.5, 0])) == pytest.approx(0)
    assert shares_divergence(np.array([0.5, 0.5, 0]), np.array([0, 0, 1.0])) == pytest.approx(1)
    assert shares_divergence(np.array([0.5, 0.5, 0]), np.zeros(3)) == 0


def test_a_detector_is_not_compared_with_an_extractor():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=f"scores cannot be compared with {LIKENESS}"):
        divergence(seen(300, rng), Profile.of_embeddings(embeddings(300, rng)))


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_and_one_embedding_have_no_pairs(count: int):
    assert Profile.of_embeddings(embeddings(count, np.random.default_rng(0))).shares[LIKENESS].sum() == 0
