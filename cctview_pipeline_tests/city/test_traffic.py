from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctview_pipeline.city import traffic
from cctview_pipeline.city.corridor import BEGIN_M, END_M, LANE_M, MEDIAN_M, RAMPS, SOUTHBOUND, lanes_at
from cctview_pipeline.city.driving import EXIT_M
from cctview_pipeline.city.traffic import (
    DAY_S,
    DRAIN_S,
    HOURLY,
    NUMBERS,
    STEP_S,
    Traffic,
    arrivals,
    crossings,
    simulate,
    vehicle_id,
)

DAY = date(2020, 5, 5)
COLUMNS = ("vehicle", "side", "kind", "length", "s", "d", "speed", "braking", "heading")


def utc(hour: int, minute: int = 0) -> datetime:
    return datetime(2020, 5, 5, hour, minute, tzinfo=UTC)


@pytest.fixture(scope="module")
def dawn() -> Traffic:
    return simulate(5, utc(9), utc(10))


@pytest.fixture(scope="module")
def busy() -> Traffic:
    return simulate(5, utc(11, 45), utc(12, 15))


@pytest.fixture(scope="module")
def jam() -> Traffic:
    return simulate(5, utc(11), utc(12), jam=True)


@pytest.fixture(scope="module")
def noon() -> Traffic:
    return simulate(5, utc(16), utc(16, 20))


@pytest.fixture(scope="module", params=["dawn", "busy", "jam", "noon"])
def any_traffic(request) -> Traffic:
    return request.getfixturevalue(request.param)


def pairs(traffic: Traffic) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the same vehicle at neighbouring steps."""
    before, after = traffic.by_vehicle[:-1], traffic.by_vehicle[1:]
    same = traffic.vehicle[before] == traffic.vehicle[after]
    return before[same], after[same]


def ends(traffic: Traffic) -> tuple[np.ndarray, np.ndarray]:
    """Each vehicle's first and last rows."""
    vehicle = traffic.vehicle[traffic.by_vehicle]
    new = np.flatnonzero(np.diff(vehicle, prepend=-1))
    return traffic.by_vehicle[new], traffic.by_vehicle[np.append(new[1:], len(vehicle)) - 1]


def state(traffic: Traffic, moment: datetime) -> list[np.ndarray]:
    step = round((moment - traffic.begin).total_seconds() / STEP_S)
    rows = slice(*traffic.starts[step : step + 2])
    return [getattr(traffic, name)[rows] for name in COLUMNS]


def test_the_same_seed_gives_the_same_traffic_and_another_one_other_traffic(dawn):
    again, other = simulate(5, utc(9), utc(10)), simulate(6, utc(9), utc(10))
    for name in ("starts", *COLUMNS):
        np.testing.assert_array_equal(getattr(again, name), getattr(dawn, name))
    assert not np.array_equal(other.starts, dawn.starts)


def test_the_columns_are_as_documented(any_traffic):
    types = [getattr(any_traffic, name).dtype for name in COLUMNS]
    assert types == [np.int64, np.int8, np.int8, *[np.float32] * 4, np.bool_, np.float32]
    assert {len(getattr(any_traffic, name)) for name in COLUMNS} == {any_traffic.starts[-1]}
    assert any_traffic.starts[0] == 0
    assert np.isfinite(any_traffic.s).all()
    assert (any_traffic.speed >= 0).all()


def test_a_vehicle_is_at_one_place_at_a_time_and_rows_are_sorted(any_traffic):
    key = any_traffic.step * np.int64(10**12) + any_traffic.vehicle
    assert (np.diff(key) > 0).all()


@settings(max_examples=25, deadline=None)
@given(first=st.integers(-4000, 7000), steps=st.integers(0, 600), pick=st.integers(0, 600))
def test_a_moment_is_the_same_in_every_window(dawn, first, steps, pick):
    begin = dawn.begin + timedelta(seconds=first * STEP_S)
    window = simulate(5, begin, begin + timedelta(seconds=steps * STEP_S))
    assert len(window.starts) == steps + 2
    moment = begin + timedelta(seconds=min(pick, steps) * STEP_S)
    if dawn.begin <= moment <= utc(10):
        for ours, theirs in zip(state(window, moment), state(dawn, moment), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_overlapping_windows_agree_in_a_busy_hour(busy):
    later = simulate(5, utc(12), utc(12, 30))
    shift = busy.starts[1800]
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(busy, name)[shift:], getattr(later, name)[: len(busy.vehicle) - shift])
    moment = utc(12, 7) + timedelta(seconds=0.3)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(busy.at(moment), name), getattr(later.at(moment), name))


def test_traffic_days_meet_without_a_seam(monkeypatch):
    monkeypatch.setattr(traffic, "HOURLY", dict.fromkeys(HOURLY, (120,) * 24))
    whole, part = simulate(5, utc(7, 50), utc(8, 20)), simulate(5, utc(8, 5), utc(8, 25))
    for minute in range(6, 20):
        for ours, theirs in zip(state(whole, utc(8, minute)), state(part, utc(8, minute)), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    ordinal = whole.vehicle // NUMBERS
    assert set(ordinal) == {DAY.toordinal() - 1, DAY.toordinal()}
    assert whole.step[ordinal < DAY.toordinal()].max() < (600 + DRAIN_S - 60) / STEP_S, "the old day drained by itself"
    counts = np.diff(whole.starts)
    assert counts.min() > 0.3 * counts.max()


def test_nobody_overlaps(any_traffic):
    t = any_traffic
    order = np.lexsort((t.s, t.side, t.step))
    gaps = []
    for apart in range(1, 8):
        a, b = order[:-apart], order[apart:]
        beside = (t.step[a] == t.step[b]) & (t.side[a] == t.side[b]) & (np.abs(t.d[a] - t.d[b]) < 2.5)
        gaps.append(t.s[b][beside] - t.s[a][beside] - 0.5 * (t.length[a] + t.length[b])[beside])
    assert np.concatenate(gaps).min() > 0.9


def test_nobody_jumps_and_places_agree_with_speeds(any_traffic):
    t = any_traffic
    a, b = pairs(t)
    assert (t.step[b] - t.step[a] == 1).all()
    way = t.side[a] * (t.s[b] - t.s[a])
    assert way.min() >= 0
    assert way.max() < 36 * STEP_S
    np.testing.assert_allclose(way, 0.5 * (t.speed[a] + t.speed[b]) * STEP_S, atol=0.4)
    assert np.abs(t.d[b] - t.d[a]).max() < 1.5
    change = (t.speed[b] - t.speed[a]) / STEP_S
    assert change.max() < 2.5
    assert (change < -4.5).mean() < 1e-4, "emergency braking is rare"


def test_headings_agree_with_the_lateral_movement(busy):
    assert np.abs(busy.heading).max() < 0.3
    a, b = pairs(busy)
    moving = (busy.speed[a] > 8) & (busy.heading[a] * busy.heading[b] != 0)
    slope = (busy.d[b] - busy.d[a])[moving] / np.abs(busy.s[b] - busy.s[a])[moving]
    np.testing.assert_allclose(slope, np.tan(0.5 * (busy.heading[a] + busy.heading[b])[moving]), atol=0.03)
    assert moving.sum() > 1000


def test_vehicles_come_and_go_only_at_the_ends_and_at_ramps(any_traffic):
    t = any_traffic
    first, last = ends(t)
    first, last = first[t.step[first] > 0], last[t.step[last] < len(t.starts) - 2]
    for side in (1, -1):
        road = (BEGIN_M, END_M)[::side]
        gates = np.array([road[0], *(ramp.s for ramp in RAMPS if ramp.side == side and ramp.kind == "entry")])
        since = side * (t.s[first[t.side[first] == side], None] - gates)
        assert (((since >= 0) & (since < 20)).sum(1) == 1).all()
        doors = np.array([road[1], *(ramp.s + side * EXIT_M for ramp in RAMPS if ramp.side == side and ramp.kind == "exit")])
        until = side * (doors - t.s[last[t.side[last] == side], None])
        assert (((until > -30) & (until < 20)).sum(1) == 1).all()


def test_vehicles_keep_to_the_road(any_traffic):
    t = any_traffic
    away = np.abs(t.d)
    assert (np.sign(t.d) == t.side).all()
    assert (away > MEDIAN_M + 0.5 * LANE_M - 0.35).all()
    places = np.arange(BEGIN_M, END_M + 1)
    for side in (1, -1):
        rows = t.side == side
        lanes = np.array([max(lanes_at(side, s), lanes_at(side, s - side * 15)) for s in places])[
            np.rint(t.s[rows] - BEGIN_M).astype(int)
        ]
        exits = [ramp.s for ramp in RAMPS if ramp.side == side and ramp.kind == "exit"]
        leaving = np.any([(side * (t.s[rows] - s) >= -1) & (side * (t.s[rows] - s) < EXIT_M + 45) for s in exits], axis=0)
        beyond = away[rows] - (MEDIAN_M + LANE_M * (lanes - 0.5))
        assert beyond[~leaving].max() < 0.35
        assert beyond[leaving].max() < 2 * LANE_M + 0.35


def test_most_who_want_to_leave_do(noon, dawn):
    for t in (noon, dawn):
        drawn, (_, last) = arrivals(5, DAY), ends(t)
        number = t.vehicle[last] % NUMBERS
        exits = np.array([ramp.s for ramp in RAMPS])[drawn.exit[number]]
        past = t.side[last] * (t.s[last] - exits)
        wanted = (drawn.exit[number] >= 0) & (past > 0)
        assert (past[wanted] > 100).mean() < 0.1
        assert wanted.sum() > 30


def test_arrivals_follow_the_clock_of_new_york():
    time = arrivals(5, DAY).time
    count = {hour: np.count_nonzero((time >= (hour - 8) * 3600) & (time < (hour - 7) * 3600)) for hour in (8, 11, 12, 16, 21)}
    assert count[12] > 10 * np.count_nonzero((time >= 23 * 3600) & (time < DAY_S)), "8 and 3 o'clock, summer time"
    assert count[8] < 1200 < count[16] < count[21]
    assert count[16] == pytest.approx(2 * 2100 * 1.28, rel=0.1)
    winter = arrivals(5, date(2020, 1, 14)).time
    assert np.count_nonzero((winter >= 3 * 3600) & (winter < 4 * 3600)) < 0.8 * count[11], "6 o'clock, winter time"


def test_arrivals_are_drawn_as_described():
    drawn = arrivals(5, DAY)
    assert (np.diff(drawn.time) >= 0).all()
    assert len(drawn.time) < NUMBERS
    leaves = drawn.exit >= 0
    ramps = np.array([(ramp.side, ramp.s) for ramp in RAMPS])
    assert (ramps[drawn.exit[leaves], 0] == drawn.side[leaves]).all()
    both = leaves & (drawn.gate > 0)
    assert (drawn.side[both] * (ramps[drawn.exit[both], 1] - ramps[drawn.gate[both] - 1, 1]) > 0).all()
    share = np.bincount(drawn.kind) / len(drawn.kind)
    np.testing.assert_allclose(share, [kind.share for kind in traffic.KINDS], atol=0.01)


def test_noon_flows_freely(noon):
    for side in (1, -1):
        assert 45 < 3.6 * noon.speed[noon.side == side].mean() < 85
        _, sides, _, _ = crossings(noon, 2_000.0)
        assert 3 * np.count_nonzero(sides == side) == pytest.approx(2100, rel=0.25)


def test_a_jam_makes_a_queue_upstream_that_dissolves(busy, jam):
    def crawling(t: Traffic, minute: int) -> np.ndarray:
        now = t.at(minute * 60.0)
        place = (now.side == SOUTHBOUND) & (now.s > 2_300) & (now.s < 2_560)
        return now.speed[place]

    assert len(crawling(jam, 24)) > 50
    assert np.mean(crawling(jam, 24) < 3) > 0.6
    assert np.mean(crawling(jam, 3)) > 12
    assert np.mean(crawling(jam, 58)) > 8
    assert np.mean(crawling(busy, 25)) > 12
    assert 3.6 * jam.speed[jam.side == -SOUTHBOUND].mean() > 45


def test_between_two_steps_vehicles_move_evenly(jam):
    for step in (0, 1500, 4000):
        moments = [jam.at((step + part) * STEP_S) for part in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
        common = sorted(set.intersection(*(set(moment.vehicle) for moment in moments)))
        s = np.array([moment.s[np.searchsorted(moment.vehicle, common)] for moment in moments])
        side = moments[0].side[np.searchsorted(moments[0].vehicle, common)]
        ways = side * np.diff(s, axis=0)
        assert ways.min() > -1e-3
        assert np.ptp(ways, axis=0).max() < 0.5
        np.testing.assert_array_equal(moments[0].s, jam.s[jam.starts[step] : jam.starts[step + 1]])
    end = jam.at(utc(12))
    assert len(end.vehicle) == jam.starts[-1] - jam.starts[-2]
    with pytest.raises(ValueError, match="outside"):
        jam.at(3600.1)
    with pytest.raises(ValueError, match="outside"):
        jam.at(-0.1)


@settings(max_examples=8, deadline=None)
@given(s=st.floats(BEGIN_M, END_M))
def test_crossings_agree_with_places(busy, s):
    vehicle, side, time, speed = crossings(busy, s)
    assert len(set(vehicle.tolist())) == len(vehicle), "nobody passes twice"
    assert (np.diff(time) >= 0).all()
    for number in range(0, len(vehicle), 97):
        times, places, speeds = busy.path(vehicle[number])
        order = slice(None, None, side[number])
        moving = np.interp(time[number], times, places)
        assert moving == pytest.approx(s, abs=0.01)
        assert np.interp(time[number], times, speeds) == pytest.approx(speed[number], abs=0.01)
        assert (np.diff(places[order]) >= 0).all()
    at = busy.at(900.0)
    before = {v for v, moment in zip(vehicle.tolist(), time, strict=True) if moment <= 900.0}
    passed = set(at.vehicle[at.side * (at.s - s) > 1e-3].tolist())
    begun = set(busy.vehicle[: busy.starts[1]].tolist())
    entered = {v for v in passed - begun - before if at.side[at.vehicle == v] * (busy.path(v)[1][0] - s) < 0}
    assert not entered, "who passed s since it came is in the crossings"


def test_a_path_of_a_stranger_is_empty(dawn):
    assert all(len(values) == 0 for values in dawn.path(7))


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)), number=st.integers(0, NUMBERS - 1))
def test_a_vehicle_s_id_tells_its_day_and_number(day, number):
    name = vehicle_id(day.toordinal() * NUMBERS + number)
    assert name[0] == "v"
    assert datetime.strptime(name[1:9], "%Y%m%d").date() == day
    assert int(name[10:]) == number


def test_ids_look_like_this():
    assert vehicle_id(DAY.toordinal() * NUMBERS + 1234) == "v20200505-01234"


@pytest.mark.parametrize(
    ("begin", "end"),
    [(datetime(2020, 5, 5, 9), datetime(2020, 5, 5, 10)), (utc(10), utc(9)), (utc(9), utc(9) + timedelta(seconds=0.3))],
)
def test_a_window_that_does_not_fit_is_refused(begin, end):
    with pytest.raises(ValueError, match="window"):
        simulate(5, begin, end)
