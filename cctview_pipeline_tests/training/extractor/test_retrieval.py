"""Finding a vehicle again at its own camera, and whether an outcome may be used."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from cctview_pipeline.lake import Partition
from cctview_pipeline.match import Ranking
from cctview_pipeline.training.extractor.lake_lessons import LakeTrack
from cctview_pipeline.training.extractor.retrieval import Retrieval, camera_ranking, paired_gain, refusal
from cctview_pipeline_tests.factories.archive import HOUR_17


@dataclass
class Reader:
    """Sees of a crop the numbers that are written on it, as far as it can count."""

    most: int = 99
    dimension: int = 2
    version: str = "reader"

    def embed(self, crops: Sequence[bytes], space: str = "own") -> np.ndarray:
        return np.array([[min(int(crop), self.most), 1.0] for crop in crops], np.float32)


def vehicle(number: int, first: float, camera: str = "cam-1") -> LakeTrack:
    hour = Partition.camera_hour(camera, HOUR_17)
    return LakeTrack(
        id=f"{camera} {number}",
        hour=hour,
        first=first,
        last=first + 10,
        continues=None,
        detections=(),
        model="tracker",
        images=(b"%d" % number,) * 3,
    )


def test_who_tells_vehicles_apart_finds_all_and_who_does_not_finds_some():
    tracks = [vehicle(number, 5.0 * number) for number in range(6)]
    ranking = camera_ranking(Reader(), tracks)
    assert (ranking.rank1, len(ranking.first)) == (1.0, 6)
    assert camera_ranking(Reader(most=3), tracks).mean_average_precision < 1


def test_who_has_nobody_to_be_taken_for_is_no_query():
    alone, doubtful = vehicle(7, 2000.0), [vehicle(1, 0.0), vehicle(2, 15.0)]
    other_camera = vehicle(3, 0.0, "cam-2")
    assert len(camera_ranking(Reader(), [alone, *doubtful, other_camera]).first) == 0


def ranked(*precision: float) -> Ranking:
    return Ranking(np.round(1 / np.array(precision)).astype(int), np.array(precision), 0)


WORSE, BETTER = ranked(*[0.5] * 8, 1, 1), ranked(*[0.5] * 2, *[1] * 8)


def test_gain_is_of_the_same_queries():
    change, error = paired_gain(WORSE, BETTER)
    assert change == pytest.approx(0.3)
    assert error == pytest.approx(np.std([0.5] * 6 + [0] * 4, ddof=1) / np.sqrt(10))


def test_only_a_gain_beyond_chance_is_used():
    before = Retrieval(WORSE, None)
    assert refusal(before, Retrieval(BETTER, None), 0.01) == ""
    assert "from 0.600 to 0.600" in refusal(before, before, 0.01)
    one_more = Retrieval(ranked(1, *[0.5] * 7, 1, 1), None)
    assert "on 10 held-out tracks the mAP went from 0.600 to 0.650" in refusal(before, one_more, 0.01)
    assert "from 0.900 to 0.600" in refusal(Retrieval(BETTER, None), before, 0.01)


def test_nothing_is_used_that_has_forgotten_the_next_camera():
    before, after = Retrieval(WORSE, ranked(0.5, 0.5)), Retrieval(BETTER, ranked(0.5, 1 / 3))
    assert "the synthetic city it fell from 0.500 to 0.417, by more than 0.01" in refusal(before, after, 0.01)
    assert refusal(before, after, 0.1) == ""
    assert refusal(before, replace(after, city=ranked(1, 1)), 0.0) == ""


def test_facts_are_named_for_what_they_measure():
    assert Retrieval(WORSE, ranked(1.0, 0.5)).facts("before_") == {
        "before_rank1": 0.2,
        "before_mAP": 0.6,
        "before_queries": 10,
        "before_city_rank1": 0.5,
        "before_city_mAP": 0.75,
        "before_city_queries": 2,
    }
