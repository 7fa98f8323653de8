"""At which scales pictures are looked at, by what their vehicles measure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.detect.plan import Look, plan_of

RANGE = (8.0, 70.0)
AS_IT_IS = (Look(1.0, 0, 240),)


def boxes(sides: list[float], rows: tuple[float, float] = (100.0, 200.0), each: int = 10) -> np.ndarray:
    """(N, 4): squares of sides, so many of each, whose upper edges are anywhere between two rows."""
    tall = np.repeat(sides, each).astype(np.float32)
    top = np.linspace(*rows, len(tall), dtype=np.float32)
    return np.stack([np.full_like(tall, 50), top, 50 + tall, top + tall], axis=1)


def test_pictures_whose_vehicles_have_the_sizes_that_are_found_are_looked_at_as_they_are():
    plan = plan_of((352, 240), boxes([9, 14, 20, 40, 60]), RANGE)
    assert plan.looks == AS_IT_IS
    assert plan.pixels == 352 * 240
    assert str(plan) == "352x240 at 1"


def test_nothing_is_scaled_for_a_few_large_ones():
    assert plan_of((352, 240), np.concatenate([boxes([12, 20, 30]), boxes([200], each=1)]), RANGE).looks == AS_IT_IS


def test_large_vehicles_are_made_smaller():
    (look,) = plan_of((1920, 1080), boxes([60, 90, 120, 180]), RANGE).looks
    assert (look.top, look.bottom) == (0, 1080)
    assert look.scale == pytest.approx(2**-1.5)  # 0.354: the next lower step of 70 / 180
    assert 180 * look.scale <= RANGE[1]
    assert 60 * look.scale >= RANGE[0]


def test_where_near_and_far_differ_by_too_much_the_far_rows_are_looked_at_again():
    far, near = boxes([10, 12], rows=(200, 260), each=20), boxes([100, 280], rows=(500, 700), each=20)
    plan = plan_of((1920, 1080), np.concatenate([far, near]), RANGE)
    whole, band = plan.looks
    assert whole == Look(0.25, 0, 1080)
    assert band.scale > 0.7
    assert band.top < 200 - 10
    assert 260 + 12 + 10 < band.bottom < 500
    assert plan.pixels < 1920 * 1080 / 3
    assert str(plan) == f"1920x1080 at 0.25 and rows {band.top}-{band.bottom} at {band.scale:.3g}"


def test_where_too_few_are_seen_pictures_are_as_large_as_they_usually_are():
    assert plan_of((352, 240), boxes([300], each=3), RANGE).looks == AS_IT_IS
    assert plan_of((640, 480), np.zeros((0, 4)), RANGE).looks == (Look(1.0, 0, 480),)
    assert plan_of((1920, 1080), np.zeros((0, 4)), RANGE).looks == (Look(pytest.approx(2**-1.75), 0, 1080),)


@given(st.lists(st.floats(2, 230), min_size=1, max_size=8), st.sampled_from([(352, 240), (1280, 720), (4000, 3000)]))
def test_nothing_is_enlarged_and_what_is_large_fits(sides, size):
    sides = [side * size[1] / 240 for side in sides]
    seen = boxes(sides, rows=(0.0, size[1] - max(sides)), each=20)
    plan = plan_of(size, seen, RANGE)
    large = np.quantile((seen[:, 2:] - seen[:, :2]).min(1), 0.95)
    assert all(0 < look.scale <= 1 for look in plan.looks)
    assert all(0 <= look.top < look.bottom <= size[1] for look in plan.looks)
    assert large * plan.looks[0].scale <= 1.2 * RANGE[1] + 1e-3
    assert [look.scale for look in plan.looks] == sorted(look.scale for look in plan.looks)


@pytest.mark.parametrize("seen", [boxes([9, 14, 20, 40]), np.concatenate([boxes([9, 14, 60], each=20), boxes([150], each=3)])])
def test_small_pictures_are_enlarged(seen):
    plan = plan_of((352, 240), seen, RANGE, scales=(15 / 11, 15 / 22))
    assert plan.looks == (Look(15 / 11, 0, 240),)
    assert str(plan) == "352x240 at 1.36"
    assert plan.pixels == pytest.approx(480 * 240 * 15 / 11, abs=1)


@pytest.mark.parametrize("seen", [boxes([9, 14, 63]), boxes([200]), boxes([20], each=19), np.zeros((0, 4))])
def test_small_pictures_with_large_vehicles_are_looked_at_twice_and_so_is_where_few_are_known(seen):
    plan = plan_of((352, 240), seen, RANGE, scales=(15 / 11, 15 / 22))
    assert plan.looks == (Look(15 / 11, 0, 240), Look(15 / 22, 0, 240))
    assert str(plan) == "352x240 at 1.36 and 0.682"
