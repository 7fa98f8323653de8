"""The flow of a camera, learned from cars that drive at 20 px/s: away at x = 220, towards the camera at x = 120."""

from dataclasses import replace

import numpy as np
import pytest

from cctview_pipeline.track.flow import AWAY, TOWARDS, DirectionModel, RoadModel, certain_pairs, fit_road_model
from cctview_pipeline.track.motion import place
from cctview_pipeline.track.sightings import CameraDetections
from cctview_pipeline_tests.factories.traffic import DrivenCar, drive, two_way_traffic

MIDDLE = np.array([[220.0, 150.0], [120.0, 150.0]])


@pytest.fixture(scope="module")
def flow():
    return fit_road_model(drive(two_way_traffic()).sightings, 0.5)


def test_velocities_are_those_of_the_cars(flow):
    np.testing.assert_allclose(flow.ways[AWAY].velocity(MIDDLE[:1]), [[0, -20]], atol=1)
    np.testing.assert_allclose(flow.ways[TOWARDS].velocity(MIDDLE[1:]), [[0, 20]], atol=1)


def test_an_ordinary_car_advances_a_second_a_second(flow):
    made = drive(two_way_traffic())
    for direction, car in ((AWAY, 10), (TOWARDS, 11)):
        seen = made.sightings
        rows = np.array([row for row, name in enumerate(seen.ids) if made.car_of[name] == car])
        way = flow.ways[direction]
        progress = way.basis(seen.points[rows]) @ way.progress
        np.testing.assert_allclose(np.diff(progress) / np.diff(seen.times[rows]), 1, atol=0.02)


def test_progress_is_nothing_in_the_middle_of_the_way(flow):
    for way in flow.ways:
        assert np.median(way.basis(way.places.data) @ way.progress) == pytest.approx(0, abs=1e-6)


def perspective(lanes: list[float], vehicles: int = 150, seed: int = 0) -> CameraDetections:
    """A camera 8 m above a straight road: vehicles drive away at 15 to 20 m/s in lanes so many m from the middle."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(vehicles):
        lane, speed, begin = lanes[number % len(lanes)], rng.uniform(15, 20), number * 4.0
        for second in np.arange(np.ceil(begin / 1.7) * 1.7, begin + 6, 1.7):
            depth = 15 + speed * (second - begin)
            x, y, size = 176 + 300 * lane / depth, 60 + 300 * 8 / depth, 300 * 1.8 / depth
            rows.append((second, number, x, y, size))
    rows.sort()
    times, numbers, x, y, size = np.array(rows).T
    looks = np.stack([np.random.default_rng(int(n)).normal(size=32) for n in numbers])
    boxes = np.stack([x - size / 2, y - size, x + size / 2, y], axis=1)
    vectors = looks / np.linalg.norm(looks, axis=1, keepdims=True)
    names = [f"v{int(n)}--{t}" for n, t in zip(numbers, times, strict=True)]
    return CameraDetections(
        ids=names,
        times=times,
        boxes=boxes,
        scores=np.ones(len(times)),
        labels=["car"] * len(times),
        embeddings=vectors,
        frame_size=(352, 240),
    )


@pytest.fixture(scope="module")
def road() -> tuple[CameraDetections, DirectionModel]:
    seen = perspective([2.0, 5.5, 9.0])
    return seen, fit_road_model(seen, 0.5).ways[AWAY]


def test_perspective_is_gone_from_the_progress(road):
    seen, way = road
    placed = place(seen, RoadModel((None, way)))
    number = np.array([int(name[1:].split("--")[0]) for name in seen.ids])
    paces = [np.diff(placed.progress[AWAY, number == n]) / np.diff(seen.times[number == n]) for n in range(20, 60)]
    true = [
        np.diff(300 * 8 / (seen.points[number == n, 1] - 60)) / np.diff(seen.times[number == n]) / 17.5 for n in range(20, 60)
    ]
    found, expected = np.array([np.nanmean(p) for p in paces]), np.array([t.mean() for t in true])
    assert np.corrcoef(found, expected)[0, 1] > 0.9
    assert np.median(np.abs(found - expected)) < 0.04


def test_lanes_are_apart_from_far_to_near(road):
    seen, way = road
    lane = np.array([int(name[1:].split("--")[0]) for name in seen.ids]) % 3
    across = way.basis(seen.points) @ way.lane
    means = [across[lane == n].mean() for n in range(3)]
    assert means == sorted(means)
    assert max(across[lane == n].std() for n in range(3)) < np.diff(means).min() / 5


def test_size_is_as_the_perspective_makes_it(road):
    seen, way = road
    off = np.abs(way.basis(seen.points) @ way.size - np.log(seen.sizes))
    assert np.median(off) < 0.01
    assert np.quantile(off, 0.9) < 0.05


def test_share_of_those_that_go_away(flow):
    share = place(drive(two_way_traffic()).sightings, flow).share
    assert ((share > 0.95) | (share < 0.05)).all()
    np.testing.assert_allclose(share.sum(0), 1)


def test_certain_pairs_are_one_car_each():
    made = drive(two_way_traffic())
    seen = made.sightings
    earlier, later = certain_pairs(seen, 0.5)
    assert len(earlier) > 100
    assert [made.car_of[seen.ids[i]] for i in earlier] == [made.car_of[seen.ids[i]] for i in later]
    np.testing.assert_allclose(seen.times[later] - seen.times[earlier], 2)


def test_two_cars_that_look_alike_make_no_certain_pair():
    alike = [DrivenCar(1, 0), DrivenCar(1, 1.5)]
    assert len(certain_pairs(drive(alike, seconds=8).sightings, 0.5)[0]) == 0
    assert len(certain_pairs(drive(alike[:1], seconds=8).sightings, 0.5)[0]) == 3


def test_frames_far_apart_make_no_pair():
    slow = [DrivenCar(1, 0, speed=5)]
    assert len(certain_pairs(drive(slow, step_s=4).sightings, 0.5)[0]) == 8
    assert len(certain_pairs(drive(slow, step_s=5).sightings, 0.5)[0]) == 0


def test_too_few_pairs_teach_nothing():
    flow = fit_road_model(drive(two_way_traffic(3)).sightings, 0.5)
    assert flow.unknown
    assert np.isnan(place(drive(two_way_traffic(3)).sightings, flow).progress).all()


def test_direction_that_nobody_takes_stays_unknown():
    flow = fit_road_model(drive([car for car in two_way_traffic() if car.away]).sightings, 0.5)
    assert flow.ways[TOWARDS] is None
    assert flow.ways[AWAY] is not None


def test_parked_cars_teach_nothing():
    assert fit_road_model(drive([DrivenCar(1, 0, speed=0)], seconds=200).sightings, 0.5).unknown


def test_odd_pairs_are_dropped():
    """One car races through forty that don't."""
    cars = [*two_way_traffic(), DrivenCar(99, 50, away=True, speed=60)]
    way = fit_road_model(drive(cars).sightings, 0.5).ways[AWAY]
    np.testing.assert_allclose(way.velocity(MIDDLE[:1]), [[0, -20]], atol=1)


def test_road_across_the_picture_leads_neither_up_nor_down():
    """All boxes end in one row; that they move is known, but not where the road leads."""
    seen = perspective([2.0])
    flat = replace(
        seen, boxes=np.stack([seen.boxes[:, 1], np.full(len(seen), 100.0), seen.boxes[:, 1] + 20, np.full(len(seen), 120.0)], 1)
    )
    assert fit_road_model(flat, 0.5).unknown


def test_nothing_seen_teaches_nothing():
    assert fit_road_model(drive([]).sightings, 0.5).unknown
