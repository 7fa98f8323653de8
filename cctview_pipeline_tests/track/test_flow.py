"""The flow of a camera, learned from cars that drive at 20 px/s: away at x = 220, towards the camera at x = 120."""

import numpy as np
import pytest

from cctview_pipeline.track.flow import AWAY, TOWARDS, certain_pairs, learn_flow
from cctview_pipeline_tests.made_traffic import DrivenCar, drive, two_way_traffic

MIDDLE = np.array([[220.0, 150.0], [120.0, 150.0]])


@pytest.fixture(scope="module")
def flow():
    return learn_flow(drive(two_way_traffic()).sightings, 0.5)


def test_velocities_are_those_of_the_cars(flow):
    np.testing.assert_allclose(flow.velocity(MIDDLE[:1], AWAY), [[0, -20]], atol=1e-3)
    np.testing.assert_allclose(flow.velocity(MIDDLE[1:], TOWARDS), [[0, 20]], atol=1e-3)


def test_displacement_follows_the_velocity(flow):
    np.testing.assert_allclose(flow.displacement(MIDDLE[:1], AWAY, np.array([2.0])), [[0, -40]], atol=1e-3)
    np.testing.assert_allclose(flow.displacement(MIDDLE[1:], TOWARDS, np.array([0.5])), [[0, 10]], atol=1e-3)


def test_share_away(flow):
    np.testing.assert_allclose(flow.share_away(MIDDLE), [1, 0])


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
    flow = learn_flow(drive(two_way_traffic(3)).sightings, 0.5)
    assert np.isnan(flow.velocity(MIDDLE, AWAY)).all()
    assert np.isnan(flow.share_away(MIDDLE)).all()


def test_direction_that_nobody_takes_stays_unknown():
    flow = learn_flow(drive([car for car in two_way_traffic() if car.away]).sightings, 0.5)
    assert np.isnan(flow.velocity(MIDDLE, TOWARDS)).all()
    np.testing.assert_allclose(flow.share_away(MIDDLE), [1, 1])


def test_parked_cars_teach_nothing():
    parked = learn_flow(drive([DrivenCar(1, 0, speed=0)], seconds=200).sightings, 0.5)
    assert parked.trees == (None, None)


def test_odd_pairs_are_dropped():
    """One car races the wrong way through forty that don't."""
    cars = [*two_way_traffic(), DrivenCar(99, 50, away=True, speed=60)]
    flow = learn_flow(drive(cars).sightings, 0.5)
    assert np.abs(flow.velocities[AWAY][:, 1] + 20).max() < 12


def test_nothing_seen_teaches_nothing():
    assert learn_flow(drive([]).sightings, 0.5).trees == (None, None)
