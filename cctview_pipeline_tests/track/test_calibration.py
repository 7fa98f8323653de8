"""A made camera over a made road: cars of known size are projected, and their boxes alone must give the geometry back."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.track.calibration import CAR_M, OUTLINE, OUTLINE_ERROR, Ground, calibrate, speed_kmh

FRAME = (352, 240)
ABOVE = Ground(focal=700.0, height=7.5, horizon=30.0, roll=0.02, azimuth=0.05)
"""Between two carriageways, as most cameras hang."""

LANES_M = (-10.0, -6.5, -3.0, 3.0, 6.5, 10.0)
"""Across the road from the camera; vehicles in the left three come towards it."""


def see(ground, along, across, towards, size=CAR_M):
    """Boxes (N, 4) px of cars of this size, (3,) or (N, 3) m, with their middles at these places, (N,) m."""
    turned = OUTLINE * np.broadcast_to(size, (len(along), 3))[:, None]
    places = np.stack([along, across], 1)[:, None] + np.where(towards, -1, 1)[:, None, None] * turned[..., :2]
    corners = ground.pixels(places, turned[..., 2])
    return np.concatenate([corners.min(1), corners.max(1)], axis=1)


def hour(ground=ABOVE, cars=3000, lanes=LANES_M, reach=(25.0, 160.0), noise_px=0.0, size_spread=0.0, seed=0):
    """An hour's boxes: every car twice, 20 m apart, if it is in the frame then. Boxes, labels, earlier and later rows."""
    rng = np.random.default_rng(seed)
    lane, along = rng.integers(len(lanes), size=cars), rng.uniform(*reach, cars)
    across, towards = np.array(lanes)[lane], np.array(lanes)[lane] < np.mean(lanes)
    size = CAR_M * np.exp(size_spread * rng.normal(size=(cars, 1)))
    pairs = [see(ground, along + step, across, towards, size) for step in (-10, 10)]
    boxes = np.stack(pairs) + noise_px * rng.normal(size=(2, cars, 4))
    inside = np.all((boxes[..., 2:] > 0) & (boxes[..., :2] < FRAME) & (boxes[..., 3:] - boxes[..., 1:2] > 7), axis=(0, 2))
    boxes = np.clip(boxes[:, inside], 0, [*FRAME, *FRAME])
    rows = np.arange(2 * inside.sum()).reshape(2, -1)
    near, far = rows
    earlier, later = (np.where(towards[inside], *order) for order in ((far, near), (near, far)))
    return boxes.reshape(-1, 4), np.full(rows.size, "car"), earlier, later


def scale(found, ground=ABOVE, along=np.linspace(40.0, 110.0, 8)):
    """Measured over true length of ten metres along the road, (8,)."""
    begins, ends = (ground.pixels(np.stack([along + step, np.zeros(8)], 1)) for step in (-5, 5))
    return np.linalg.norm(found.metres(ends) - found.metres(begins), axis=1) / 10


@pytest.fixture(scope="module")
def exact():
    return calibrate(*hour())


def test_exact_boxes_give_the_geometry_back(exact):
    np.testing.assert_allclose(scale(exact), 1, atol=0.06)
    assert exact.horizon == pytest.approx(ABOVE.horizon, abs=3)
    assert exact.roll == pytest.approx(ABOVE.roll, abs=0.01)
    assert exact.azimuth == pytest.approx(ABOVE.azimuth, abs=0.02)
    assert OUTLINE_ERROR < exact.scale_error < 0.25


@pytest.mark.parametrize(
    "ground",
    [
        Ground(focal=450.0, height=6.0, horizon=50.0, roll=-0.02, azimuth=0.0),
        Ground(focal=900.0, height=9.0, horizon=15.0, roll=0.0, azimuth=-0.1),
        Ground(focal=600.0, height=12.0, horizon=-20.0, roll=0.01, azimuth=0.15),
    ],
)
def test_noisy_boxes_of_unequal_cars(ground):
    found = calibrate(*hour(ground, cars=6000, noise_px=0.7, size_spread=0.08))
    assert np.abs(scale(found, ground) - 1).max() < 2 * found.scale_error
    assert found.scale_error < 0.25


def test_road_that_is_seen_from_its_side():
    aside = Ground(focal=500.0, height=8.0, horizon=40.0, azimuth=1.2)
    found = calibrate(*hour(aside, cars=6000, lanes=(-45.0, -41.5, -38.0, -32.0, -28.5, -25.0), reach=(-60.0, 60.0)))
    assert found.azimuth == pytest.approx(1.2, abs=0.05)
    places = aside.metres(np.array([[100.0, 150.0], [250.0, 150.0]]))
    measured = found.metres(np.array([[100.0, 150.0], [250.0, 150.0]]))
    assert np.linalg.norm(np.diff(measured, axis=0)) == pytest.approx(np.linalg.norm(np.diff(places, axis=0)), rel=0.1)


def test_another_frame_size(exact):
    boxes, *rest = hour()
    twice = calibrate(2 * boxes, *rest, frame_size=(704, 480))
    points = np.array([[150.0, 120.0], [200.0, 90.0]])
    np.testing.assert_allclose(twice.metres(2 * points), exact.metres(points), rtol=1e-6)


def test_too_few_cars():
    assert calibrate(*hour(cars=60)) is None
    nothing = np.zeros(0, int)
    assert calibrate(np.zeros((0, 4)), np.zeros(0, str), nothing, nothing) is None


def test_cars_whose_way_is_unknown():
    boxes, labels, earlier, _ = hour()
    assert calibrate(boxes, labels, earlier[:0], earlier[:0]) is None
    assert calibrate(boxes, labels, earlier, earlier) is None  # they stand


def test_lorries_alone_tell_nothing():
    boxes, labels, *pairs = hour()
    assert calibrate(boxes, np.full(len(labels), "truck"), *pairs) is None


def test_boxes_that_do_not_shrink_with_distance_are_refused():
    boxes, *rest = hour()
    middle = (boxes[:, 0] + boxes[:, 2]) / 2
    same = np.stack([middle - 12, boxes[:, 3] - 18, middle + 12, boxes[:, 3]], axis=1)
    assert calibrate(same, *rest) is None


grounds = st.builds(
    Ground,
    focal=st.floats(150, 1500),
    height=st.floats(3, 20),
    horizon=st.floats(-150, 150),
    roll=st.floats(-0.1, 0.1),
    azimuth=st.floats(-1.5, 1.5),
)


@given(grounds, st.floats(0, 352), st.floats(0, 240))
def test_metres_inverts_the_projection(ground, x, y):
    place = ground.metres(np.array([x, y]))
    if np.isfinite(place).all():
        np.testing.assert_allclose(ground.pixels(place), [x, y], atol=1e-4)
        if np.linalg.norm(place) > ground.height:  # else down the picture may lead past the camera's own foot
            nearer = ground.metres(np.array([x, y]) + ground.axes[2, :2])
            assert np.linalg.norm(nearer) < np.linalg.norm(place) + 1e-6


def test_metres_of_a_camera_that_looks_straight_ahead():
    level = Ground(focal=500.0, height=5.0, horizon=120.0)
    np.testing.assert_allclose(level.metres(np.array([[176.0, 170.0], [276.0, 170.0]])), [[50, 0], [50, 10]])
    assert np.isnan(level.metres(np.array([176.0, 119.0]))).all()
    assert np.isnan(level.pixels(np.array([-1.0, 0.0]))).all()


def drive(kmh, begin=100.0, seconds=(0.0, 1.7, 3.4, 5.1)):
    times = np.array(seconds)
    return ABOVE.pixels(np.stack([begin - kmh / 3.6 * times, np.full(len(times), -6.5)], axis=1)), times


@pytest.mark.parametrize("kmh", [5.0, 30.0, 60.0])
def test_speed(kmh):
    speed, error = speed_kmh(ABOVE, *drive(kmh))
    assert speed == pytest.approx(kmh)
    assert 0 < error < 10


def test_one_wrong_box_does_little_harm():
    points, times = drive(40)
    points[1] += (0, 12)
    speed, _ = speed_kmh(ABOVE, points, times)
    assert speed == pytest.approx(40, rel=0.15)


def test_far_away_a_pixel_matters_more():
    _, near = speed_kmh(ABOVE, *drive(40, begin=90))
    _, far = speed_kmh(ABOVE, *drive(40, begin=200))
    assert far > 2 * near


def test_error_is_that_of_repeated_measurements():
    points, times = drive(50, begin=110)
    rng = np.random.default_rng(1)
    measured = [speed_kmh(ABOVE, points + rng.normal(size=points.shape), times) for _ in range(300)]
    speeds, errors = np.array(measured).T
    assert speeds.std() == pytest.approx(errors.mean(), rel=0.35)


def test_scale_error_is_part_of_the_error():
    unsure = replace(ABOVE, scale_error=0.2)
    assert speed_kmh(unsure, *drive(50))[1] > 10


def test_who_stands_has_no_speed():
    points, times = drive(0)
    assert speed_kmh(ABOVE, points, times)[0] == pytest.approx(0)


def test_speed_needs_two_sightings_on_the_road():
    points, times = drive(50)
    assert np.isnan(speed_kmh(ABOVE, points[:1], times[:1])).all()
    assert np.isnan(speed_kmh(ABOVE, points[:0], times[:0])).all()
    assert np.isnan(speed_kmh(ABOVE, points, np.zeros(4))).all()
    points[1:, 1] = 5  # in the sky
    assert np.isnan(speed_kmh(ABOVE, points, times)).all()
