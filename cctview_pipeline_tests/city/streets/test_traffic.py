"""The streets' physics: nobody drives through another, nobody runs a red light, queues discharge as measured ones do."""

from datetime import timedelta

import numpy as np
import pytest

from cctview_pipeline.city.streets.demand import turning_shares
from cctview_pipeline.city.streets.plan import ARMS, CROSSINGS_Y, KERB_X, PARKED_X, STOP_X, STOP_Y, TURNS, plan
from cctview_pipeline.city.streets.signals import RED, signals
from cctview_pipeline.city.streets.traffic import FIRST_STATIC, StreetTraffic, simulate
from cctview_pipeline.city.streets.walking import StreetCrowd
from cctview_pipeline.city.traffic import NUMBERS, STEP_S
from cctview_pipeline.city.vehicles import KINDS
from cctview_pipeline_tests.city.streets.conftest import MORNING

BUS = [kind.name for kind in KINDS].index("bus")


def outlines(traffic: StreetTraffic, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """(V, 4, 2) corners of everybody's body, m, and (V, 2) their directions."""
    narrow = np.array([kind.width[0] for kind in KINDS])[traffic.kind[rows]] - 0.1
    ahead = np.stack([traffic.cosine[rows], traffic.sine[rows]], axis=1).astype(float)
    left = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
    middle = np.stack([traffic.x[rows], traffic.y[rows]], axis=1)
    long, wide = traffic.length[rows][:, None] / 2 * ahead, narrow[:, None] / 2 * left
    return np.stack([middle + long + wide, middle + long - wide, middle - long - wide, middle - long + wide], axis=1), ahead


def overlap(one: np.ndarray, other: np.ndarray, ahead: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether two rectangles touch: no side of one has the other beyond it."""
    for axis in (ahead, np.array([-ahead[1], ahead[0]]), theirs, np.array([-theirs[1], theirs[0]])):
        a, b = one @ axis, other @ axis
        if a.max() < b.min() or b.max() < a.min():
            return False
    return True


def test_no_two_vehicles_are_at_one_place(traffic):
    looked_at = 0
    for step in range(0, len(traffic.starts) - 1, 13):
        rows = slice(*traffic.starts[step : step + 2])
        corners, ahead = outlines(traffic, rows)
        middle = corners.mean(axis=1)
        near = np.hypot(*(middle[:, None] - middle[None]).transpose(2, 0, 1)) < 13
        for i, j in zip(*np.nonzero(np.triu(near, 1)), strict=True):
            looked_at += 1
            assert not overlap(corners[i], corners[j], ahead[i], ahead[j]), (step, traffic.vehicle[rows][[i, j]], middle[[i, j]])
    assert looked_at > 10_000


def test_nobody_runs_a_red_light(traffic):
    ways, lights = traffic.ways, signals(1000)
    phases = np.array([piece.phase for piece in plan().pieces])[ways.piece]
    seconds = traffic.begin.timestamp() + ways.time
    found = [lights.light(*each) for each in zip(ways.crossing, phases, seconds, strict=True)]
    assert len(found) > 8_000
    assert RED not in found


def test_nobody_jumps_and_everybody_drives_where_the_street_is(traffic):
    rows = traffic.by_vehicle
    before, after = rows[:-1], rows[1:]
    same = traffic.vehicle[before] == traffic.vehicle[after]
    gone = np.hypot(traffic.x[after] - traffic.x[before], traffic.y[after] - traffic.y[before])[same]
    assert gone.max() < 19 * STEP_S
    turned = np.abs(traffic.cosine[before] * traffic.sine[after] - traffic.sine[before] * traffic.cosine[after])[same]
    assert turned.max() < 0.75
    from_crossing = np.abs(traffic.y[:, None] - np.array(CROSSINGS_Y)).min(axis=1)
    assert ((np.abs(traffic.x) < KERB_X) | (from_crossing < 5.8)).all()


def test_queues_discharge_as_measured_ones_do(traffic):
    """1,900 vehicles an hour of green and lane are usual (Highway Capacity Manual, 6th edition, base saturation flow)."""
    ways, lights = traffic.ways, signals(1000)
    headways = []
    for place, piece in enumerate(plan().pieces):
        if piece.turn != "through" or piece.approach not in ("N", "S") or not piece.name.endswith("-0"):
            continue
        mine = ways.piece == place
        since = traffic.begin.timestamp() + ways.time[mine] - lights.begins[piece.crossing, 1]
        for cycle in np.unique(since // 100):
            one = since // 100 == cycle
            queued = int(np.argmin(np.append(ways.stops[mine][one] > 0, False)))
            headways += np.diff(since[one][:queued])[4:].tolist()
    assert len(headways) > 100
    assert 1_780 < 3600 / np.median(headways) < 1_950


def test_who_turns_where_is_as_drawn(traffic):
    ways, shares = traffic.ways, turning_shares(1000)[:, :, 16:28].mean(axis=2)
    assert (turning_shares(1000) > 0).all()
    for crossing in range(len(CROSSINGS_Y)):
        for arm in range(len(ARMS)):
            mine = (ways.crossing == crossing) & (ways.approach == arm) & (ways.kind != BUS)
            counts = np.bincount(ways.turn[mine], minlength=3)
            expected, total = shares[crossing, arm], counts.sum()
            assert np.abs(counts / total - expected).max() < 4 * np.sqrt(0.25 / total) + 0.02, (crossing, ARMS[arm])
    assert shares.std(axis=(0, 1)).min() > 0.01, "every approach has its own"


def test_a_vehicle_goes_from_crossing_to_crossing(traffic):
    """Who leaves one to the south comes to the next from the north, some time later."""
    ways = traffic.ways
    order = np.lexsort((ways.time, ways.vehicle))
    one, two = order[:-1], order[1:]
    same = ways.vehicle[one] == ways.vehicle[two]
    one, two = one[same], two[same]
    assert len(one) > 1_000
    step = {ARMS.index("S"): 1, ARMS.index("N"): -1}
    assert (ways.crossing[two] - ways.crossing[one] == np.array([step[each] for each in ways.exit[one]])).all()
    assert ((ways.exit[one] + 2) % 4 == ways.approach[two]).all()
    assert (ways.time[two] - ways.time[one]).min() > 180 / 17


def test_queues_and_stops_are_kept_account_of(traffic):
    ways = traffic.ways
    assert (ways.queue_m[ways.stops > 0] > 2).all()
    assert (ways.queue_m[ways.stops == 0] == 0).all()
    assert (ways.stood_s[ways.stops > 0] > 0).all()
    assert 0.2 < (ways.stops > 0).mean() < 0.9
    assert 25 < np.percentile(ways.queue_m, 95) < 260, "queues of several vehicles, none longer than a stretch"


def test_buses_stop_and_parked_cars_come_and_go(traffic):
    number = traffic.vehicle % NUMBERS
    moving = number < FIRST_STATIC
    at_kerb = moving & (np.abs(np.abs(traffic.x) - PARKED_X) < 0.1) & (traffic.speed == 0)
    assert len(np.unique(traffic.vehicle[at_kerb & (traffic.kind == BUS)])) >= 3
    came_and_went = [
        vehicle
        for vehicle in np.unique(traffic.vehicle[at_kerb & traffic.dark])
        if (traffic.speed[traffic.vehicle == vehicle] > 5).any()
    ]
    assert len(came_and_went) >= 3
    still = number >= FIRST_STATIC
    assert (traffic.speed[still] == 0).all()
    assert traffic.dark[still].all()


def test_the_same_vehicle_is_at_the_same_place_in_every_window(traffic):
    begin = MORNING + timedelta(minutes=1)
    again = simulate(1000, begin, begin + timedelta(seconds=20), StreetCrowd(1000, 120).held)
    for moment in (begin, begin + timedelta(seconds=13.3)):
        one, other = traffic.at(moment), again.at(moment)
        for name in ("vehicle", "s", "d", "speed", "heading", "length", "dark"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_ways_over_a_crossing_begin_and_end_where_lanes_do():
    for place, piece in enumerate(plan().pieces):
        if piece.crossing < 0:
            continue
        assert len(plan().after[place]) == 1
        middle = np.array([0.0, CROSSINGS_Y[piece.crossing]])
        for point, arm in ((piece.line[0], piece.approach), (piece.line[-1], piece.exit)):
            off = point - middle
            assert abs(off[1 if arm in "NS" else 0]) == pytest.approx(STOP_Y if arm in "NS" else STOP_X, abs=0.01)
        assert piece.turn in TURNS
        bends = np.diff(piece.line, axis=0)
        sharp = np.abs(np.cross(bends[:-1], bends[1:])) / np.linalg.norm(bends[:-1], axis=1) / np.linalg.norm(bends[1:], axis=1)
        assert sharp.max() < 0.16, f"{piece.name} turns more tightly than a car can"
