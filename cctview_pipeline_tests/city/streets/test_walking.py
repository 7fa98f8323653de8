"""Pedestrians cross on green only, cyclists wait at red lights, and who turns off lets them go first."""

from datetime import timedelta

import numpy as np
import pytest

from cctview_pipeline.city.people import BICYCLE, PERSON
from cctview_pipeline.city.streets.plan import ARMS, CROSSINGS_Y, KERB_X, SIDE_KERB, STOP_Y
from cctview_pipeline.city.streets.signals import CYCLE_S, GREENS_S, YELLOW_S, signals, walks
from cctview_pipeline.city.streets.walking import StreetCrowd
from cctview_pipeline_tests.city.streets.conftest import MORNING


@pytest.fixture(scope="module")
def crowd() -> StreetCrowd:
    """A busy quarter."""
    return StreetCrowd(1000, 600)


def states(crowd, streets, minutes=8, every=1.7):
    """Who is near the third crossing's camera, moment by moment: seconds since 1970, kinds and places in the plan."""
    mount = streets.mount("street-5")
    for second in np.arange(0, 60 * minutes, every):
        moment = MORNING + timedelta(seconds=float(second))
        walkers = crowd.at(mount, moment)
        yield moment.timestamp(), walkers, walkers.places[:, :2] + (0, mount.s)


def test_pedestrians_are_on_the_road_while_their_light_is_green(crowd, streets):
    lights, seen = signals(1000), 0
    for seconds, walkers, places in states(crowd, streets):
        for x, y in places[walkers.kind == PERSON]:
            crossing = int(np.argmin(np.abs(y - np.array(CROSSINGS_Y))))
            dy = y - CROSSINGS_Y[crossing]
            over_arterial, over_side = abs(x) < KERB_X, abs(dy) < SIDE_KERB
            if not (over_arterial or over_side):
                continue
            assert over_arterial != over_side, "nobody walks about in the middle of a crossing"
            arm = ("N" if dy < 0 else "S") if over_arterial else ("W" if x > 0 else "E")
            phase, _, over = walks(arm)
            assert (seconds - lights.begins[crossing, phase]) % CYCLE_S < over, (crossing, arm)
            seen += 1
    assert seen > 200


def test_cyclists_come_to_the_crossing_on_green_only(crowd, streets):
    lights, seen, last = signals(1000), 0, {}
    for seconds, walkers, places in states(crowd, streets, every=0.5):
        now = {}
        for number, (_, y), way in zip(walkers.number, places, walkers.places[:, 3], strict=True):
            if walkers.kind[walkers.number == number][0] == BICYCLE:
                now[number] = np.sign(way) * (y - CROSSINGS_Y[2]) + STOP_Y
        for number in now.keys() & last.keys():
            if last[number] < 0 <= now[number]:
                assert (seconds - 0.5 - lights.begins[2, 1]) % CYCLE_S < GREENS_S[1] + YELLOW_S
                seen += 1
        last = now
    assert seen > 5


def test_everybody_has_a_number_and_moves_steadily(crowd, streets):
    for _, walkers, _ in states(crowd, streets, minutes=1):
        assert len(set(walkers.number.tolist())) == len(walkers.number)
        assert np.hypot(*walkers.places[:, 2:4].T) == pytest.approx(1)
        speed = np.hypot(*walkers.places[:, 4:].T)
        assert (speed[walkers.kind == PERSON] < 1.8).all()
        assert (speed[walkers.kind == BICYCLE] < 7).all()


def test_turning_vehicles_and_people_keep_apart(streets, traffic):
    """In the city as it is, where who turns off knows of the people: hardly anybody is hidden because a vehicle is there."""
    mount, inside, on_road = streets.mount("street-5"), 0, 0
    crowd = StreetCrowd(1000, 120)
    for second in np.arange(0, 720, 1.1):
        moment = MORNING + timedelta(seconds=float(second))
        people, vehicles = crowd.at(mount, moment), traffic.at(moment)
        ahead = np.stack([np.sin(vehicles.heading), np.sign(vehicles.side) * np.cos(vehicles.heading)], axis=1)
        for x, y in people.places[:, :2] + (0, mount.s):
            on_road += abs(x) < KERB_X or np.abs(y - np.array(CROSSINGS_Y)).min() < SIDE_KERB
            apart = np.stack([x - vehicles.d, y - vehicles.s], axis=1)
            along, beside = (apart * ahead).sum(1), np.abs(apart[:, 1] * ahead[:, 0] - apart[:, 0] * ahead[:, 1])
            inside += bool(((np.abs(along) < vehicles.length / 2) & (beside < 0.9)).any())
    assert on_road > 400
    assert inside <= 0.02 * on_road


def test_nobody_walks_where_nobody_is_wanted(streets):
    nobody = StreetCrowd(1000, 0)
    people, bikes = nobody.held(MORNING.date(), 4_000)
    assert not people.any()
    assert not bikes.any()
    assert len(nobody.at(streets.mount("street-1"), MORNING).number) == 0
    assert len(ARMS) == people.shape[1]
