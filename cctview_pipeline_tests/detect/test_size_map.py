"""What a camera's vehicles measure, from a few frames of the hour; the same frames give the same plan."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.detect.plan import Look
from cctview_pipeline.detect.size_map import FRAMES, plan_frames, seen_sizes
from cctview_pipeline_tests.factories.squares import SquareDetector, boxes_of, jpeg
from cctview_pipeline_tests.factories.tables import SEEN, rows

LARGE, SMALL = (1280, 720), (352, 240)
SQUARES = {LARGE: [(100, 100, 150), (400, 100, 180), (800, 300, 190)], SMALL: [(20, 40, 12), (90, 90, 24), (200, 120, 40)]}


def frames(*sizes: tuple[int, int]) -> pa.Table:
    return rows(
        "raw_frames",
        *(
            {"frame_id": f"f{i}", "captured_at": SEEN + timedelta(seconds=i), "width": size[0], "height": size[1]}
            | {"jpeg": jpeg(size, SQUARES[size])}
            for i, size in enumerate(sizes)
        ),
    )


def test_who_is_too_large_as_the_pictures_are_is_seen_in_halves_of_them():
    detector = SquareDetector()
    assert len(detector.detect([jpeg(LARGE, SQUARES[LARGE])])[0]) == 0
    found = seen_sizes(detector, [jpeg(LARGE, SQUARES[LARGE])] * 2, LARGE)
    assert found[np.argsort(found[:, 0])][::2] == pytest.approx(boxes_of(SQUARES[LARGE]), abs=8)


def test_every_size_of_an_hour_has_a_plan_of_its_own():
    hour = frames(*[SMALL, LARGE] * 10)
    plans = plan_frames(SquareDetector(), hour)
    assert list(plans) == [SMALL, LARGE]
    assert plans[SMALL].looks == (Look(1.0, 0, 240),)
    assert [round(look.scale, 3) for look in plans[LARGE].looks] == [0.354]
    assert plans[LARGE].vehicles == 30
    assert plan_frames(SquareDetector(), hour) == plans


def test_small_pictures_are_looked_at_enlarged_and_halved():
    detector = SquareDetector(enlarged=1.5)
    found = seen_sizes(detector, [jpeg(SMALL, [(20, 40, 12), (200, 20, 90)])], SMALL)
    assert detector.asked == [(528, 360), (264, 180)]
    assert found[np.argsort(found[:, 0])] == pytest.approx(boxes_of([(20, 40, 12), (200, 20, 90)]), abs=3)


def test_a_few_frames_are_looked_at_spread_over_the_hour():
    detector = SquareDetector()
    plan_frames(detector, frames(*[SMALL] * 100))
    assert detector.asked == [SMALL] * FRAMES


def test_an_hour_without_frames_and_a_detector_that_scales_by_itself_have_no_plans():
    assert plan_frames(SquareDetector(), frames()) == {}
    assert plan_frames(SquareDetector(None), frames(SMALL)) == {}
