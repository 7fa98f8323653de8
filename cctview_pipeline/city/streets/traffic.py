"""Who is where in the streets, and when: the states of a window of time, and who went over which crossing by which way."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np

from cctview_pipeline.city.driving import TICK_S
from cctview_pipeline.city.streets.demand import Demand, demand
from cctview_pipeline.city.streets.driving import CAR, ROADS, drive
from cctview_pipeline.city.streets.plan import ARMS, LANES_X, PARKED_X, SIDE_LANE, SIDE_PARKED, TURNS, plan
from cctview_pipeline.city.streets.signals import CYCLE_S, GREENS_S, YELLOW_S, signals
from cctview_pipeline.city.traffic import DAY_BEGINS_H, DAY_S, DRAIN_S, NUMBERS, STEP_S, Vehicles, day_begins

SOUTH, NORTH, WEST, EAST = 1, -1, 2, -2
"""Sides, as ``Vehicles`` has them: the way that a vehicle drives, its sign being that of its way along the arterial."""
FIRST_STATIC = 900_000
"""Numbers of cars that stay parked all day begin here."""
JAM_CROSSING, JAM_GREEN_S = 3, 9.0
"""The jam: the southbound lanes get only so much of their green at the last crossing."""

Held = Callable[[date, int], tuple[np.ndarray, np.ndarray]]
"""A traffic day and a number of ticks from its begin -> where people (C, 4, T) and bicycles (C, 2, T) keep who turns from
going."""


@dataclass(frozen=True, kw_only=True)
class StreetTraffic:
    """Who was where, every STEP_S from begin on. Rows are grouped by step and sorted by vehicle within a step.

    begin: UTC; starts (T + 1,): row range of each step; vehicle (N,) int64; kind (N,) int8; length (N,) float32 m; x, y (N,)
    float32 m of its middle; cosine, sine (N,) float32: its heading, of x and y; speed (N,) float32 m/s; braking (N,) bool;
    dark (N,) bool: parked, with its lights off; ways: who went over which crossing.
    """

    begin: datetime
    starts: np.ndarray
    vehicle: np.ndarray
    kind: np.ndarray
    length: np.ndarray
    x: np.ndarray
    y: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray
    speed: np.ndarray
    braking: np.ndarray
    dark: np.ndarray
    ways: "Ways"

    def at(self, moment: datetime | float) -> Vehicles:
        """Who is there at this moment (or so many seconds after begin), between two steps by cubic Hermite curves; between two
        steps, only who was there at both."""
        seconds = (moment - self.begin).total_seconds() if isinstance(moment, datetime) else float(moment)
        step = int(seconds // STEP_S)
        part = seconds / STEP_S - step
        if not 0 <= step < len(self.starts) - 1 or (part > 0 and step == len(self.starts) - 2):
            raise ValueError(f"{moment} is outside of the traffic that begins at {self.begin}")
        first, middle = self.starts[step : step + 2]
        before = after = np.arange(first, middle)
        if part > 0:
            old, new = self.vehicle[first:middle], self.vehicle[middle : self.starts[step + 2]]
            _, one, two = np.intersect1d(old, new, assume_unique=True, return_indices=True)
            before, after = first + one, middle + two
        return self._between(before, after, part)

    def _between(self, before: np.ndarray, after: np.ndarray, part: float) -> Vehicles:
        x, y = (
            _hermite(place[before], place[after], way[before] * self.speed[before], way[after] * self.speed[after], part)
            for place, way in ((self.x, self.cosine), (self.y, self.sine))
        )
        cosine, sine = ((1 - part) * each[before] + part * each[after] for each in (self.cosine, self.sine))
        along = np.abs(sine) >= np.abs(cosine)
        side = np.where(along, np.where(sine > 0, SOUTH, NORTH), np.where(cosine > 0, WEST, EAST))
        return Vehicles(
            vehicle=self.vehicle[before],
            side=side.astype(np.int8),
            kind=self.kind[before],
            length=self.length[before],
            s=y.astype(np.float32),
            d=x.astype(np.float32),
            speed=((1 - part) * self.speed[before] + part * self.speed[after]).astype(np.float32),
            braking=self.braking[before],
            heading=np.arctan2(cosine, np.sign(side) * sine).astype(np.float32),
            dark=self.dark[before],
        )

    @cached_property
    def by_vehicle(self) -> np.ndarray:
        """(N,) row numbers sorted by vehicle, each vehicle's in order of time."""
        return np.argsort(self.vehicle, kind="stable")

    @cached_property
    def step(self) -> np.ndarray:
        """(N,) int32 step of each row."""
        return np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Who went over a crossing in the window and before it, in order of time. vehicle, kind, piece, crossing, approach, exit
    (K,): arms by their places in ARMS; turn (K,): of TURNS; time (K,) s since the traffic's begin: when the front crossed the
    stop line; stood_s, stops, queue_m (K,): how long and how often it stood before, and the farthest distance of its rear from
    the line while it did."""

    vehicle: np.ndarray
    kind: np.ndarray
    piece: np.ndarray
    crossing: np.ndarray
    approach: np.ndarray
    exit: np.ndarray
    turn: np.ndarray
    time: np.ndarray
    stood_s: np.ndarray
    stops: np.ndarray
    queue_m: np.ndarray

    def select(self, keep: np.ndarray) -> "Ways":
        return Ways(**{each.name: getattr(self, each.name)[keep] for each in fields(self)})


def simulate(seed: int, begin: datetime, end: datetime, held: Held, jam: bool = False) -> StreetTraffic:
    """The streets from begin to end, both multiples of STEP_S and both recorded; the same vehicle is at the same place at the
    same moment in every window that contains the moment. jam: as the fault says."""
    begin = begin.astimezone(UTC)
    steps = round((end - begin).total_seconds() / STEP_S)
    opening = (begin - timedelta(hours=DAY_BEGINS_H, seconds=DRAIN_S)).date()
    closing = (end.astimezone(UTC) - timedelta(hours=DAY_BEGINS_H)).date()
    days = [date.fromordinal(day) for day in range(opening.toordinal(), closing.toordinal() + 1)]
    parts = [_drive_day(seed, day, begin, steps, held, jam) for day in days]
    columns = [np.concatenate(column) for column in zip(*(columns for columns, _ in parts), strict=True)]
    order = np.lexsort((columns[1], columns[0]))
    starts = np.searchsorted(columns[0][order], np.arange(steps + 2))
    names = ("vehicle", "kind", "length", "x", "y", "cosine", "sine", "speed", "braking", "dark")
    ways = Ways(**{each.name: np.concatenate([getattr(part, each.name) for _, part in parts]) for each in fields(Ways)})
    found = {name: column[order] for name, column in zip(names, columns[1:], strict=True)}
    return StreetTraffic(begin=begin, starts=starts, ways=ways.select(np.argsort(ways.time, kind="stable")), **found)


def _drive_day(seed: int, day: date, begin: datetime, steps: int, held: Held, jam: bool) -> tuple[list[np.ndarray], Ways]:
    """One traffic day's rows in the window, the step first, and its ways over crossings."""
    drawn = demand(seed, day)
    offset = round((begin - day_begins(day)).total_seconds() / STEP_S)
    last, stride = min(offset + steps, round((DAY_S + DRAIN_S) / STEP_S)), round(STEP_S / TICK_S)
    ticks = max(last, 0) * stride + 1
    count = len(drawn.time)
    cars = np.zeros(count, CAR)
    for name in ("length", "desired", "headway", "accel", "brake"):
        cars[name] = getattr(drawn, name)
    cars["arrival"], cars["left_x"], cars["heavy"] = drawn.time, -1.0, drawn.length > 7.0
    lengths, stops = np.array([len(way) for way in drawn.ways]), np.array([len(each) for each in drawn.stops])
    cars["first_leg"] = cars["leg"] = np.cumsum(lengths) - lengths
    cars["last_leg"] = cars["leg"] + lengths - 1
    cars["stop"] = np.cumsum(stops) - stops
    cars["last_stop"] = cars["stop"] + stops
    halts = [(cars["leg"][row] + place, x, stay, spot) for row, each in enumerate(drawn.stops) for place, x, stay, spot in each]
    people, bikes = held(day, ticks)
    lights = signals(seed)
    legs, places = np.concatenate([np.array(way) for way in drawn.ways]), np.array(halts, float).reshape(-1, 4)
    rows, passed = drive(
        cars, legs, places, _queues(drawn.ways), _roads(), _siblings(), lights.begins, np.array(GREENS_S),
        np.array([YELLOW_S, CYCLE_S]), _held_up(lights.begins, ticks, jam), people, bikes, drawn.spots, max(offset, 0), last,
    stride, )  # fmt: skip
    return _columns(rows, day, drawn, offset, steps), _ways(passed, day, drawn.kind, offset * STEP_S)


def _queues(ways: list[tuple[int, ...]]) -> np.ndarray:
    first = np.array([way[0] for way in ways])
    queues = [np.flatnonzero(first == piece) for piece in np.unique(first)]
    padded = np.full((len(queues), max(map(len, queues)) + 1), -1)
    for row, queue in zip(padded, queues, strict=True):
        row[: len(queue)] = queue
    return padded


def _roads() -> np.ndarray:
    roads = np.zeros(len(plan().pieces), ROADS)
    for row, piece in zip(roads, plan().pieces, strict=True):
        over = piece.crossing >= 0
        row["length"], row["common"], row["slow"] = piece.length, piece.common_m, min(piece.slow, 1e9)
        row["crossing"], row["phase"] = piece.crossing, piece.phase
        row["exit"], row["turn"] = (ARMS.index(piece.exit), TURNS.index(piece.turn)) if over else (-1, -1)
        turns_right = over and piece.approach in "NS" and piece.turn == "right"
        row["bike"] = (0 if piece.approach == "N" else 1) if turns_right else -1
    return roads


def _siblings() -> np.ndarray:
    begins: dict[tuple, list[int]] = {}
    for place, piece in enumerate(plan().pieces):
        begins.setdefault(tuple(np.round(piece.line[0], 2)), []).append(place)
    most = max(map(len, begins.values()))
    found = np.full((len(plan().pieces), most), -1)
    for together in begins.values():
        for place in together:
            found[place, : len(together)] = [place, *(other for other in together if other != place)]
    return found


def _held_up(begins: np.ndarray, ticks: int, jam: bool) -> np.ndarray:
    held = np.zeros((len(begins), ticks), bool)
    if jam:
        seconds = np.arange(ticks) * TICK_S
        late = (seconds - begins[JAM_CROSSING, 1]) % CYCLE_S >= JAM_GREEN_S
        held[JAM_CROSSING] = late & (seconds % 3600 >= 300) & (seconds % 3600 < 1500)
    return held


def _columns(rows: np.ndarray, day: date, drawn: Demand, offset: int, steps: int) -> list[np.ndarray]:
    """The kernel's rows and the parked cars on the map: the step, then the columns of StreetTraffic."""
    car, piece = rows["car"].astype(np.int64), rows["piece"].astype(np.int64)
    shift = PARKED_X - LANES_X[1]
    place, along, right = plan().at(piece, rows["x"], rows["aside"] * shift)
    slope = (rows["slope"] * shift)[:, None]
    heading = (along + slope * right) / np.hypot(1.0, slope)
    numbers = day.toordinal() * NUMBERS
    driving = [rows["step"] - offset, numbers + car, drawn.kind[car], drawn.length[car].astype(np.float32)]
    driving += [*place.T.astype(np.float32), *heading.T.astype(np.float32), rows["speed"].astype(np.float32), rows["braking"]]
    driving.append((rows["aside"] == 1.0) & (drawn.length[car] < 7.0))
    first, last = max(offset, 0), min(offset + steps, round(DAY_S / STEP_S) - 1)
    if last < first:
        return driving
    standing = _standing(drawn.statics)
    count, times = len(drawn.statics), np.arange(first, last + 1)
    repeated = [np.tile(column, len(times)) for column in standing]
    parked = [np.repeat(times - offset, count), np.tile(numbers + FIRST_STATIC + np.arange(count), len(times)), *repeated]
    return [np.concatenate(pair).astype(pair[0].dtype) for pair in zip(driving, parked, strict=True)]


def _standing(statics: np.ndarray) -> list[np.ndarray]:
    """kind, length, x, y, cosine, sine, speed, braking and darkness of the cars that stay parked."""
    piece, x = statics[:, 0].astype(np.int64), statics[:, 1]
    side = np.array([each.name[0] in "WE" for each in plan().pieces])[piece]
    aside = np.where(side, SIDE_PARKED - SIDE_LANE, PARKED_X - LANES_X[1])
    place, along, _ = plan().at(piece, x, aside)
    count = len(statics)
    kind = (np.arange(count) * 7 % 10 < 4).astype(np.int8)
    length = 4.45 + 0.3 * ((np.arange(count) * 37 % 11) / 10)
    still = np.zeros(count, np.float32)
    return [
        kind,
        length.astype(np.float32),
        *place.T.astype(np.float32),
        *along.T.astype(np.float32),
        still,
        still > 0,
        still == 0,
    ]


def _ways(passed: np.ndarray, day: date, kind: np.ndarray, offset_s: float) -> Ways:
    pieces = plan().pieces
    arm = {arm: place for place, arm in enumerate(ARMS)}
    over = np.array([(p.crossing, arm.get(p.approach, -1), arm.get(p.exit, -1)) for p in pieces])[passed["piece"]]
    return Ways(
        vehicle=day.toordinal() * NUMBERS + passed["car"].astype(np.int64),
        kind=kind[passed["car"]],
        piece=passed["piece"],
        crossing=over[:, 0],
        approach=over[:, 1],
        exit=over[:, 2],
        turn=(over[:, 2] - over[:, 1] - 1) % 4,
        time=passed["time"] - offset_s,
        stood_s=passed["stood_s"],
        stops=passed["stops"],
        queue_m=passed["queue_m"],
    )


def _hermite(old: np.ndarray, new: np.ndarray, old_speed: np.ndarray, new_speed: np.ndarray, part: float) -> np.ndarray:
    """Cubic through both values with both derivatives (per second), these bounded so that it never turns back."""
    way = (new - old).astype(np.float64)
    bound = 3.0 * np.abs(way)
    first, second = (np.clip(speed * STEP_S, -bound, bound) for speed in (old_speed, new_speed))
    return old + part * (first + part * (3.0 * way - 2.0 * first - second + part * (first + second - 2.0 * way)))
