"""Who drives on the expressway, when and where: arrivals of a traffic day, and the states that follow from them.

A traffic day begins at 08:00 UTC, when the road is nearly empty in New York, with an empty road. Nobody arrives after its
24 h, but it drains for a quarter of an hour beside the next day's first vehicles. So any hour can be computed on its own:
the day is driven from its begin and only the asked window is kept.
"""

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from cctview_pipeline.city.corridor import (
    BEGIN_M,
    END_M,
    LANE_M,
    LANES,
    MAX_LANES,
    NORTHBOUND,
    RAMPS,
    SOUTHBOUND,
    lane_centre,
    lanes_at,
)
from cctview_pipeline.city.driving import CAR, TICK_S, drive
from cctview_pipeline.city.vehicles import KINDS

STEP_S = 0.5
"""Between two recorded states."""

DAY_BEGINS_H, DAY_S, DRAIN_S = 8, 86_400, 900
ZONE = ZoneInfo("America/New_York")

HOURLY = {
    SOUTHBOUND: (
        *(480, 300, 180, 130, 150, 340, 920, 2030, 2380, 2450, 2170, 2070),
        *(2100, 2180, 2380, 2440, 2750, 2940, 2690, 2450, 1890, 1260, 1040, 750),
    ),
    NORTHBOUND: (
        *(440, 280, 170, 130, 200, 520, 1320, 2440, 2940, 2500, 2310, 2100),
        *(2100, 2130, 2270, 2520, 2480, 2620, 2380, 2100, 1380, 1150, 920, 670),
    ),
}
"""Vehicles per hour at a carriageway's begin at each full hour of New York's clock; between them it changes evenly."""

MEAN_SPEED, SPEED_DEVIATION = 17.5, 0.12
"""Desired speeds on the free road: m/s, and relative."""

JAM_S_M = 2_560.0
"""Where the jam's bottleneck is, southbound."""

NUMBERS = 1_000_000
"""A vehicle is its traffic day's ordinal times this, plus its number in that day."""


@dataclass(frozen=True, kw_only=True)
class Vehicles:
    """Who is on the road at one moment, one row a vehicle, sorted by vehicle.

    vehicle (V,) int64; side, kind (V,) int8; length (V,) float32 m; s, d (V,) float32 m of its middle; speed (V,) float32
    m/s; braking (V,) bool; heading (V,) float32 rad: from the road's direction, as it drives, towards growing d; dark (V,) bool:
    whose lights are off: parked cars', and nobody's on the expressway.
    """

    vehicle: np.ndarray
    side: np.ndarray
    kind: np.ndarray
    length: np.ndarray
    s: np.ndarray
    d: np.ndarray
    speed: np.ndarray
    braking: np.ndarray
    heading: np.ndarray
    dark: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Who was where, every STEP_S from begin on. Rows are grouped by step and sorted by vehicle within a step.

    begin: UTC; starts (T + 1,): row range of each step; vehicle (N,) int64; side (N,) int8; kind (N,) int8; length (N,)
    float32 m; s, d (N,) float32 m of its middle; speed (N,) float32 m/s along its direction of travel (>= 0); braking (N,)
    bool; heading (N,) float32 rad, as in Vehicles.
    """

    begin: datetime
    starts: np.ndarray
    vehicle: np.ndarray
    side: np.ndarray
    kind: np.ndarray
    length: np.ndarray
    s: np.ndarray
    d: np.ndarray
    speed: np.ndarray
    braking: np.ndarray
    heading: np.ndarray

    def at(self, moment: datetime | float) -> Vehicles:
        """Who is on the road at this moment (or so many seconds after begin), between two steps by cubic Hermite curves.

        Between two steps, only who was there at both.
        """
        seconds = (moment - self.begin).total_seconds() if isinstance(moment, datetime) else float(moment)
        step = int(seconds // STEP_S)
        part = seconds / STEP_S - step
        if not 0 <= step < len(self.starts) - 1 or (part > 0 and step == len(self.starts) - 2):
            raise ValueError(f"{moment} is outside of the traffic that begins at {self.begin}")
        if part == 0:
            return self._between(slice(*self.starts[step : step + 2]), slice(*self.starts[step : step + 2]), 0.0)
        middle = self.starts[step + 1]
        old, new = self.vehicle[self.starts[step] : middle], self.vehicle[middle : self.starts[step + 2]]
        _, before, after = np.intersect1d(old, new, assume_unique=True, return_indices=True)
        return self._between(self.starts[step] + before, middle + after, part)

    def _between(self, before, after, part: float) -> Vehicles:
        direction = self.side[before].astype(np.float32)
        slope = np.tan(self.heading[before]), np.tan(self.heading[after])
        speed = self.speed[before], self.speed[after]
        s = _hermite(self.s[before], self.s[after], direction * speed[0], direction * speed[1], part)
        d = _hermite(self.d[before], self.d[after], slope[0] * speed[0], slope[1] * speed[1], part)
        return Vehicles(
            vehicle=self.vehicle[before],
            side=self.side[before],
            kind=self.kind[before],
            length=self.length[before],
            s=s.astype(np.float32),
            d=d.astype(np.float32),
            speed=((1 - part) * speed[0] + part * speed[1]).astype(np.float32),
            braking=self.braking[before],
            heading=((1 - part) * self.heading[before] + part * self.heading[after]).astype(np.float32),
            dark=np.zeros(len(self.vehicle[before]), bool),
        )

    @cached_property
    def by_vehicle(self) -> np.ndarray:
        """(N,) row numbers sorted by vehicle, each vehicle's in order of time."""
        return np.argsort(self.vehicle, kind="stable")

    @cached_property
    def step(self) -> np.ndarray:
        """(N,) int32 step of each row."""
        return np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))

    def path(self, vehicle: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(K,) times (s since begin), s (m) and speeds (m/s) of one vehicle; empty if it was not there."""
        ordered = self.vehicle[self.by_vehicle]
        rows = self.by_vehicle[slice(*np.searchsorted(ordered, [vehicle, vehicle + 1]))]
        return self.step[rows] * STEP_S, self.s[rows], self.speed[rows]


def crossings(traffic: Traffic, s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Whose middle passed s: vehicle (K,) int64, side (K,) int8, time (K,) float64 s since begin, speed (K,) float32 m/s.

    In order of time; linear between two steps.
    """
    rows = traffic.by_vehicle
    before, after = rows[:-1], rows[1:]
    way = traffic.side[before] * (s - traffic.s[before].astype(np.float64))
    done = traffic.side[before] * (s - traffic.s[after].astype(np.float64))
    passed = (way > 0) & (done <= 0) & (traffic.vehicle[before] == traffic.vehicle[after])
    before, after, part = before[passed], after[passed], (way / np.where(passed, way - done, 1.0))[passed]
    time = (traffic.step[before] + part) * STEP_S
    speed = ((1 - part) * traffic.speed[before] + part * traffic.speed[after]).astype(np.float32)
    order = np.lexsort((traffic.vehicle[before], time))
    return traffic.vehicle[before][order], traffic.side[before][order], time[order], speed[order]


def vehicle_id(vehicle: int) -> str:
    """Of the vehicle with this number, its traffic day's date and its number in that day: "v20200505-01234"."""
    day, number = divmod(int(vehicle), NUMBERS)
    return f"v{date.fromordinal(day):%Y%m%d}-{number:05d}"


def simulate(seed: int, begin: datetime, end: datetime, jam: bool = False) -> Traffic:
    """The traffic from begin to end, both multiples of STEP_S and both recorded.

    jam: southbound traffic is held up at JAM_S_M from minute 5 to minute 25 of each hour. The same vehicle is at the same
    place at the same moment in every window that contains the moment.
    """
    steps = (end - begin).total_seconds() / STEP_S
    if begin.tzinfo is None or steps < 0 or steps % 1 or begin.microsecond % int(STEP_S * 1e6):
        raise ValueError(f"a window from {begin} to {end}: it needs time zones, and multiples of {STEP_S} s")
    begin = begin.astimezone(UTC)
    opening = (begin - timedelta(hours=DAY_BEGINS_H, seconds=DRAIN_S)).date()
    closing = (end.astimezone(UTC) - timedelta(hours=DAY_BEGINS_H)).date()
    days = [date.fromordinal(day) for day in range(opening.toordinal(), closing.toordinal() + 1)]
    parts = [_drive_day(seed, day, begin, int(steps), side, jam) for day in days for side in (SOUTHBOUND, NORTHBOUND)]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    step, vehicle = columns[:2]
    order = np.lexsort((vehicle, step))
    starts = np.searchsorted(step[order], np.arange(int(steps) + 2))
    names = [each.name for each in fields(Traffic)][2:]
    return Traffic(begin=begin, starts=starts, **{name: column[order] for name, column in zip(names, columns[1:], strict=True)})


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """The vehicles of one traffic day in order of their arrival, whose row is their number.

    time (N,) s since the day's begin; side, kind (N,) int8; gate (N,): 0 for the carriageway's begin, else 1 + the place of
    an entry in RAMPS; exit (N,): the place in RAMPS, -1 for the road's end; length, offset (N,) m: of the body, and from the
    lane's middle to the right; desired (N,) m/s; headway (N,) s; accel, brake (N,) m/s²; taste (N,): preferred lane, 0..1.
    """

    time: np.ndarray
    side: np.ndarray
    kind: np.ndarray
    gate: np.ndarray
    exit: np.ndarray
    length: np.ndarray
    offset: np.ndarray
    desired: np.ndarray
    headway: np.ndarray
    accel: np.ndarray
    brake: np.ndarray
    taste: np.ndarray


def arrivals(seed: int, day: date) -> Arrivals:
    """Draw a traffic day's vehicles: at each gate a Poisson process whose rate follows New York's clock.

    What enters the simulation is rounded, so that the last bits of another machine's exp do not grow into other traffic.
    """
    rng = np.random.default_rng((seed, 3, day.toordinal()))
    gates = [(side, 0, 1.0) for side in (SOUTHBOUND, NORTHBOUND)]
    gates += [(ramp.side, 1 + place, ramp.share) for place, ramp in enumerate(RAMPS) if ramp.kind == "entry"]
    times = [_poisson(rng, *_expected(side, day, share)) for side, _, share in gates]
    time = np.concatenate(times)
    order = np.argsort(time, kind="stable")
    side, gate, _ = (np.repeat(values, [len(part) for part in times])[order] for values in zip(*gates, strict=True))
    count = len(time)
    kind = rng.choice(len(KINDS), count, p=np.array([kind.share for kind in KINDS]) / sum(kind.share for kind in KINDS))
    mean, deviation = np.array([kind.length for kind in KINDS])[kind].T
    pace = np.array([kind.speed for kind in KINDS])[kind] * rng.lognormal(0.0, SPEED_DEVIATION, count)
    heavy = mean > 7.0
    spread = np.clip(rng.standard_normal((4, count)), -2.0, 2.0)
    return Arrivals(
        time=np.ceil(time[order] / TICK_S) * TICK_S,
        side=side.astype(np.int8),
        kind=kind.astype(np.int8),
        gate=gate,
        exit=_choose_exits(rng, side, gate),
        length=np.round(mean + deviation * spread[0], 2),
        offset=np.round(0.14 * spread[1] * np.where(heavy, 0.5, 1.0), 3),
        desired=np.round(MEAN_SPEED * pace, 2),
        headway=np.round(np.where(heavy, 1.4, 1.05) * (1.0 + 0.15 * spread[2]), 3),
        accel=np.round(np.where(heavy, 0.8, 1.6) * (1.0 + 0.12 * spread[3]), 3),
        brake=np.where(heavy, 1.6, 2.0),
        taste=np.round(np.clip(0.5 - 1.6 * (pace - 1.0) + 0.2 * rng.standard_normal(count) + 0.2 * heavy, 0.0, 0.999), 3),
    )


def _expected(side: int, day: date, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Times since the day's begin (s), every five minutes, and how many vehicles are expected at a gate until then."""
    times = np.arange(0, DAY_S + 1, 300)
    clock = [(day_begins(day) + timedelta(seconds=int(time))).astimezone(ZONE) for time in times[:-1] + 150]
    rate = np.interp([moment.hour + moment.minute / 60 for moment in clock], np.arange(25), [*HOURLY[side], HOURLY[side][0]])
    return times, np.concatenate([[0.0], np.cumsum(rate * share / 12)])


def _poisson(rng: np.random.Generator, times: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Arrival times of an inhomogeneous Poisson process: so many, each by the inverse of the expected counts."""
    return np.interp(rng.uniform(0.0, expected[-1], rng.poisson(expected[-1])), expected, times)


def _choose_exits(rng: np.random.Generator, side: np.ndarray, gate: np.ndarray) -> np.ndarray:
    """At each exit downstream of its gate in turn, a vehicle leaves with the exit's share."""
    origin = np.where(gate > 0, np.array([ramp.s for ramp in RAMPS])[gate - 1], np.where(side > 0, BEGIN_M, END_M))
    exits = np.full(len(side), -1)
    for place, ramp in sorted(enumerate(RAMPS), key=lambda ramp: ramp[1].side * ramp[1].s):
        draws = rng.random(len(side))
        if ramp.kind == "exit":
            passes = (side == ramp.side) & (ramp.side * (ramp.s - origin) > 0) & (exits < 0)
            exits[passes & (draws < ramp.share)] = place
    return exits


def day_begins(day: date) -> datetime:
    """When a traffic day begins."""
    return datetime(day.year, day.month, day.day, DAY_BEGINS_H, tzinfo=UTC)


def _way(side: int, s):
    """Metres from the carriageway's begin in its direction of travel; an exit at infinity stays there."""
    return s - BEGIN_M if side == SOUTHBOUND else END_M - s


def _drive_day(seed: int, day: date, begin: datetime, steps: int, side: int, jam: bool) -> list[np.ndarray]:
    """One side's rows of one traffic day in a window of so many steps: the step, then the columns of Traffic."""
    drawn = arrivals(seed, day)
    chosen = np.flatnonzero(drawn.side == side)
    offset = round((begin - day_begins(day)).total_seconds() / STEP_S)
    last = min(offset + steps, round((DAY_S + DRAIN_S) / STEP_S))
    ramp_x = np.array([*(_way(side, ramp.s) for ramp in RAMPS), np.inf])
    cars = np.zeros(len(chosen), CAR)
    for name in ("length", "desired", "headway", "accel", "brake", "taste"):
        cars[name] = getattr(drawn, name)[chosen]
    cars["arrival"], cars["exit"], cars["origin"] = drawn.time[chosen], ramp_x[drawn.exit[chosen]], -1
    cars["target"] = -1
    last_lanes = np.array([*(lanes_at(ramp.side, ramp.s) - 1 for ramp in RAMPS), -1])[drawn.exit[chosen]]
    gates = [0, *(1 + place for place, ramp in enumerate(RAMPS) if ramp.side == side and ramp.kind == "entry")]
    queues = [np.flatnonzero(drawn.gate[chosen] == gate) for gate in gates]
    padded = np.full((len(queues), max(map(len, queues)) + 1), -1)
    for row, queue in zip(padded, queues, strict=True):
        row[: len(queue)] = queue
    entries = np.array([0.0, *ramp_x[np.array(gates[1:], int) - 1]])
    jam_x = _way(side, JAM_S_M) if jam and side == SOUTHBOUND else np.inf
    road, stride = _pieces(side), round(STEP_S / TICK_S)
    rows = drive(cars, last_lanes, padded, entries, *road, END_M - BEGIN_M, jam_x, max(offset, 0), last, stride)
    return _columns(rows, day, side, chosen[rows["car"]], drawn, offset)


def _columns(rows: np.ndarray, day: date, side: int, number: np.ndarray, drawn: Arrivals, offset: int) -> list[np.ndarray]:
    """The kernel's rows in the road's coordinates: the step, then the columns of Traffic."""
    s = BEGIN_M + rows["x"] if side == SOUTHBOUND else END_M - rows["x"]
    return [
        rows["step"] - offset,
        day.toordinal() * NUMBERS + number,
        drawn.side[number],
        drawn.kind[number],
        drawn.length[number].astype(np.float32),
        s.astype(np.float32),
        (lane_centre(side, rows["y"]) + side * drawn.offset[number]).astype(np.float32),
        rows["speed"].astype(np.float32),
        rows["braking"],
        (side * np.arctan(LANE_M * rows["slope"])).astype(np.float32),
    ]


def _pieces(side: int) -> tuple[np.ndarray, np.ndarray]:
    """The carriageway's pieces as it is driven: x where each begins (P,), and x where each of its lanes ends (P, MAX_LANES).

    A lane that goes on to the road's end ends at infinity, one that is not there at minus infinity.
    """
    pieces = LANES[side]
    if side == NORTHBOUND:
        pieces = [(end, lanes) for (_, lanes), end in zip(pieces, [*(s for s, _ in pieces[1:]), END_M], strict=True)][::-1]
    begins = np.array([_way(side, s) for s, _ in pieces])
    counts = np.array([lanes for _, lanes in pieces])
    ends = np.full((len(pieces), MAX_LANES), -np.inf)
    for piece, count in enumerate(counts):
        for lane in range(count):
            stops = np.flatnonzero(counts[piece:] <= lane)
            ends[piece, lane] = begins[piece + stops[0]] if len(stops) else np.inf
    return begins, ends


def _hermite(old: np.ndarray, new: np.ndarray, old_speed: np.ndarray, new_speed: np.ndarray, part: float) -> np.ndarray:
    """Cubic through both values with both derivatives (per second), these bounded so that it never turns back."""
    way = (new - old).astype(np.float64)
    bound = 3.0 * np.abs(way)
    first, second = (np.clip(speed * STEP_S, -bound, bound) for speed in (old_speed, new_speed))
    return old + part * (first + part * (3.0 * way - 2.0 * first - second + part * (first + second - 2.0 * way)))
