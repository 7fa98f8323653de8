"""What an edge teaches about itself, from pairs whose truth is known and not told."""

from dataclasses import replace

import numpy as np
import pytest

from cctview_pipeline.match.belief import APPEARANCE, CENTRE_STD, PACE, SIZE, STEP_S, EdgeModel, Likelihood, believed
from cctview_pipeline.match.matching import learn_edge, marginals
from cctview_pipeline.match.pairs import Pairs, candidates, two_vehicles
from cctview_pipeline_tests.factories.corridor import EDGE, track_set

USUAL_S = EDGE.metres / (60 / 3.6)
COUNT = 300


def made_pairs(
    seconds=120.0, share=0.7, pace_std=0.12, noise=0.02, drift=0.0, seed=0, alike=0.15
) -> tuple[Pairs, Pairs, np.ndarray]:
    """Someone leaves the source every 4 s and needs so many seconds over the pace; others come from a ramp. Each pair, pairs of
    two vehicles, and which pairs are one."""
    rng = np.random.default_rng(seed)
    left = 4.0 * np.arange(COUNT)
    pace, size = rng.normal(0, pace_std, COUNT), rng.normal(0, 0.1, COUNT)
    needed = seconds * np.exp(-pace + rng.normal(0, noise, COUNT) + drift * left / left[-1])
    known = rng.random(COUNT) < share
    looks = rng.normal(size=(COUNT, 8))
    seen = np.where(known[:, None], looks + alike * rng.normal(size=looks.shape), rng.normal(size=looks.shape))
    paces = np.where(known, pace, rng.normal(0, pace_std, COUNT))
    sizes = np.where(known, size, rng.normal(0, 0.1, COUNT)) + rng.normal(0, 0.03, COUNT)

    def passing(times, vectors, **columns):
        return track_set(times - 2, times + 2, vectors[:, None], **columns, pace_error=np.full(COUNT, 0.01), lane=np.zeros(COUNT))

    gallery = passing(left, looks, pace=pace, size=size)
    queries = passing(left + needed, seen, pace=paces, size=sizes)
    pairs = candidates(EDGE, queries, gallery)
    return pairs, two_vehicles(EDGE, queries, gallery), (pairs.query == pairs.gallery) & known[pairs.query]


def learned(pairs: Pairs, apart: Pairs) -> EdgeModel:
    return learn_edge(believed(EDGE, pairs, apart), pairs)


def test_the_travel_time_is_learned_and_how_much_the_pace_tells():
    pairs, apart, same = made_pairs()
    found = learned(pairs, apart)
    assert found.seconds() == pytest.approx(120, rel=0.02)
    assert found.times[1] + found.times[2] == pytest.approx(-1, abs=0.1)
    assert found.spread < 0.06
    assert found.support == pytest.approx(same.sum(), rel=0.1)
    assert found.share == pytest.approx(0.7, abs=0.08)


def test_what_is_learned_finds_more_than_what_was_believed():
    pairs, apart, same = made_pairs(alike=0.8)
    right = lambda belief: marginals(pairs, belief.log_odds(pairs))[same].sum() / same.sum()  # noqa: E731
    before = believed(EDGE, pairs, apart)
    assert right(learn_edge(before, pairs)) > right(before) + 0.2


def test_a_jam_that_grows_over_the_hour_is_followed():
    pairs, apart, _ = made_pairs(drift=0.7, noise=0.03)
    found = learned(pairs, apart)
    one = replace(pairs.select(np.array([0])), paces=np.zeros((2, 1)))
    early, late = (found.expected(replace(one, arrived=np.array([second])))[0] for second in (100.0, 1200.0))
    assert np.exp(late - early) > 1.4


def test_where_nothing_fits_the_belief_stays_and_few_are_expected():
    pairs, apart, _ = made_pairs(share=0.0)
    found = learned(pairs, apart)
    assert found.seconds() == pytest.approx(USUAL_S, rel=CENTRE_STD)
    assert found.share < 0.45
    assert found.support < 100


def test_cues_tell_one_vehicle_from_two():
    pairs, apart, same = made_pairs()
    found = learned(pairs, apart)
    for place in (APPEARANCE, SIZE):
        ratio = found.cues[place].log_ratio(pairs.cues[place])
        assert np.median(ratio[same]) > 0.5 > 0 > np.median(ratio[~same])
    assert found.cues[APPEARANCE].same < found.cues[APPEARANCE].other


def test_what_is_unknown_tells_nothing():
    cue = Likelihood(same=0.0, same_std=0.1, other=0.0, other_std=0.5)
    assert cue.log_ratio(np.array([np.nan]))[0] == 0
    assert cue.log_ratio(np.array([0.0]))[0] > 0 > cue.log_ratio(np.array([0.6]))[0]
    assert cue.learned(cue, np.full(50, np.nan), np.ones(50)) == cue


def test_nearer_than_usual_speaks_for_one_vehicle_where_it_is_a_distance():
    looks = Likelihood(same=0.5, same_std=0.1, other=1.0, other_std=0.1, one_sided=True)
    ratios = looks.log_ratio(np.linspace(0, 2, 41))
    assert (np.diff(ratios[8:]) <= 1e-9).all()
    assert ratios[0] > 1
    assert Likelihood(same=0.5, same_std=0.1, other=1.0, other_std=0.1).log_ratio(np.array([0.0]))[0] > 0


def test_one_label_speaks_for_one_vehicle():
    pairs, apart, _ = made_pairs()
    mixed = replace(apart, same_label=np.arange(len(apart)) % 2 == 0)
    before = believed(EDGE, pairs, mixed)
    alike, unlike = (before.log_odds(replace(pairs, same_label=np.full(len(pairs), value))) for value in (True, False))
    np.testing.assert_allclose(alike - unlike, np.log(9), rtol=1e-3)


def test_course_of_the_hour_has_a_point_every_five_minutes():
    pairs, apart, _ = made_pairs()
    assert len(believed(EDGE, pairs, apart).times) == 5 + int(pairs.lasts_s // STEP_S) + 2


def test_paces_that_agree_speak_for_one_vehicle_as_far_as_they_do():
    pairs, apart, _ = made_pairs(pace_std=0.2)
    cue = learned(pairs, apart).cues[PACE]
    assert cue.same_std < cue.other_std / 2
