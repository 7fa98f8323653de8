"""Who walks and cycles in the streets: over the crossings when the light lets them, along the pavements, and on the lanes for
bicycles. Where everybody is follows from when they set out, so that any moment can be computed on its own."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np

from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.city.crowd import STRIDE_M, TURN_M, Walkers
from cctview_pipeline.city.driving import TICK_S
from cctview_pipeline.city.mounts import Mount
from cctview_pipeline.city.people import BICYCLE, PERSON, STRIDES
from cctview_pipeline.city.streets import plan as streets
from cctview_pipeline.city.streets.plan import ARMS, BEGIN_Y, BIKE_X, CROSSINGS_Y, END_Y, STOP_Y
from cctview_pipeline.city.streets.signals import FASTEST_MS, GREENS_S, SLOWEST_MS, Signals, signals, walks
from cctview_pipeline.city.streets.traffic import EAST, NORTH, SOUTH, WEST
from cctview_pipeline.city.traffic import DAY_S, DRAIN_S, day_begins

CYCLISTS, CROSSERS = 0.25, 0.6
"""Shares of the people: who cycle; of the others, who cross the road."""
LONGEST = timedelta(seconds=900)
NEAR_M = 160.0
_NUMBERS = 6_000
_SLOTS = len(CROSSINGS_Y) + 1
_WARY_S = 3.0
"""So long before people are on a turning vehicle's way it does not set out across it."""


@dataclass(frozen=True, kw_only=True)
class Paths:
    """N people of one hour, each along a line. times, runs (N, K): s since 1970 and metres along the line, between which they
    move evenly; before the first and after the last they are not there. origin, way (N, 2): where a line begins, m, and its
    direction; kind (N,); number (N,)."""

    times: np.ndarray
    runs: np.ndarray
    origin: np.ndarray
    way: np.ndarray
    kind: np.ndarray
    number: np.ndarray


class StreetCrowd:
    """The people of one city, so many an hour at each crossing."""

    def __init__(self, seed: int, people: int) -> None:
        self.seed, self.people = seed, people
        self.lights: Signals = signals(seed)
        self._of = lru_cache(maxsize=32)(self._draw)

    def at(self, mount: Mount, moment: datetime) -> Walkers:
        """Who is near a camera at this moment, in its own world, in order of their numbers."""
        hours = sorted({floor_hour(moment - LONGEST), floor_hour(moment)})
        parts = [_walkers(paths, moment.timestamp(), mount) for hour in hours for paths in self._of(hour)]
        return Walkers(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Walkers.__annotations__})

    def held(self, day: date, ticks: int) -> tuple[np.ndarray, np.ndarray]:
        """Where people and cyclists keep vehicles from turning, at every tick since a traffic day's begin: (C, 4, T), (C, 2,
        T)."""
        people = np.zeros((len(CROSSINGS_Y), len(ARMS), ticks), bool)
        bikes = np.zeros((len(CROSSINGS_Y), 2, ticks), bool)
        if not self.people:
            return people, bikes
        begin = day_begins(day)
        origin, end = begin.timestamp(), min(ticks * TICK_S, DAY_S + DRAIN_S)
        for hour in range(-1, int(end // 3600) + 1):
            rows = self._intervals(begin + hour * HOUR)
            for target, place, first, last in rows:
                low, high = (round((each - origin) / TICK_S) for each in (first, last))
                (people if target else bikes)[(*place, slice(max(low, 0), max(high, 0)))] = True
        return people, bikes

    def _intervals(self, hour: datetime) -> list[tuple[bool, tuple[int, int], float, float]]:
        """(on foot?, (crossing, arm or direction), from, to)."""
        *crossings, riders = self._of(hour)
        found = []
        for crossing, paths in enumerate(crossings):
            for row in np.flatnonzero(paths.number % 2 == 0).tolist():  # the others do not cross
                arm, forth, begin, end = _crossing_of(paths, row, crossing)
                half = {"N": -1, "S": 1, "W": -1, "E": 1}[ARMS[arm]]
                middle = (begin + end) / 2
                first, last = (middle - 1.5, end) if forth == half else (begin, middle + 1.5)
                found.append((True, (crossing, arm), first - _WARY_S, last))
        for row in range(len(riders.number)):
            south = riders.way[row, 1] > 0
            for place in range(len(CROSSINGS_Y)):
                crossing = place if south else len(CROSSINGS_Y) - 1 - place
                go = riders.times[row, 2 * place + 2]
                speed = (riders.runs[row, 2 * place + 3] - riders.runs[row, 2 * place + 2]) / (
                    riders.times[row, 2 * place + 3] - go
                )
                found.append((False, (crossing, 0 if south else 1), go - _WARY_S, go + (2 * STOP_Y + 4) / speed))
        return found

    def _draw(self, hour: datetime) -> list[Paths]:
        """Everybody who sets out in an hour: at each crossing, then the cyclists."""
        first = int(hour.astimezone(UTC).timestamp() // 3600) * _SLOTS
        on_foot = [self._walk(hour, crossing, (first + crossing) * _NUMBERS) for crossing in range(len(CROSSINGS_Y))]
        return [*on_foot, self._ride(hour, (first + len(CROSSINGS_Y)) * _NUMBERS)]

    def _walk(self, hour: datetime, crossing: int, first: int) -> Paths:
        rng = np.random.default_rng((self.seed, 73, crossing, int(hour.timestamp())))
        count = min(int(rng.poisson(self.people * (1 - CYCLISTS))), _NUMBERS // 2 - 1)
        start = np.sort(rng.uniform(0, HOUR.total_seconds(), count)) + hour.timestamp()
        crosses, arm, forth = rng.random(count) < CROSSERS, rng.integers(0, 4, count), rng.choice([1.0, -1.0], count)
        speed, before, after = rng.uniform(SLOWEST_MS, FASTEST_MS, count), rng.uniform(8, 35, count), rng.uniform(8, 35, count)
        aside = rng.uniform(0.1, 0.9, count)
        arterial = np.isin(arm, [ARMS.index("N"), ARMS.index("S")])
        kerb = np.where(arterial, streets.KERB_X, streets.SIDE_KERB) + 0.6
        at_kerb = start + before / speed
        begin = at_kerb.copy()
        for place, name in enumerate(ARMS):
            phase, walk, _ = walks(name)
            begin[arm == place] = self.lights.next_start(crossing, phase, walk, at_kerb[arm == place])
        over = begin + 2 * kerb / speed
        end = over + after / speed
        runs = np.stack([0 * kerb, before, before + 2 * kerb, before + 2 * kerb + after], axis=1)
        times = np.stack([start, begin, over, end], axis=1)
        # Who waits stands at the kerb: a fifth knot, when they arrive there.
        runs = np.stack([runs[:, 0], runs[:, 1], runs[:, 1], runs[:, 2], runs[:, 3]], axis=1)
        times = np.stack([times[:, 0], at_kerb, times[:, 1], times[:, 2], times[:, 3]], axis=1)
        sign = np.where(np.isin(arm, [ARMS.index("S"), ARMS.index("W")]), 1.0, -1.0)
        low, high = (np.where(arterial, one, other) for one, other in zip(streets.CROSSWALK_Y, streets.CROSSWALK_X, strict=True))
        off = sign * (low + 0.2 + aside * (np.where(arterial, 9.3, high) - low - 0.4))
        y = CROSSINGS_Y[crossing]
        far = -forth * (kerb + before)
        origin = np.where(arterial[:, None], np.stack([far, y + off], 1), np.stack([off, y + far], 1))
        way = np.where(arterial[:, None], np.stack([forth, 0 * forth], 1), np.stack([0 * forth, forth], 1))
        # Others keep to the pavement between two crossings.
        along = ~crosses
        stay = rng.uniform(12, 50, count)
        gone = np.where(forth > 0, 0.0, stay)
        near = np.where(arterial, STOP_Y + 2, streets.STOP_X + 2) + gone
        edge = rng.choice([1.0, -1.0], count) * np.where(arterial, rng.uniform(12.8, 16.0, count), rng.uniform(6.4, 9.0, count))
        spot = np.where(arterial[:, None], np.stack([edge, y + np.where(arm == 2, 1, -1) * near], 1),
                        np.stack([sign * near, y + edge], 1))  # fmt: skip
        outward = np.where(arterial, np.where(arm == 2, 1.0, -1.0), sign) * forth
        heading = np.where(arterial[:, None], np.stack([0 * outward, outward], 1), np.stack([outward, 0 * outward], 1))
        steps = np.linspace(0, 1, 5)
        runs = np.where(along[:, None], stay[:, None] * steps, runs)
        times = np.where(along[:, None], start[:, None] + (stay / speed)[:, None] * steps, times)
        number = first + 2 * np.arange(count) + along
        return Paths(
            times=times,
            runs=runs,
            origin=np.where(along[:, None], spot, origin),
            way=np.where(along[:, None], heading, way),
            kind=np.full(count, PERSON, np.int8),
            number=number,
        )

    def _ride(self, hour: datetime, first: int) -> Paths:
        """Along the arterial from end to end; at a light that is not green they wait until it is."""
        rng = np.random.default_rng((self.seed, 79, int(hour.timestamp())))
        count = min(int(rng.poisson(self.people * CYCLISTS)), _NUMBERS - 1)
        start = np.sort(rng.uniform(0, HOUR.total_seconds(), count)) + hour.timestamp()
        south, speed = rng.random(count) < 0.5, rng.uniform(4.2, 6.5, count)
        back, aside = rng.uniform(0.8, 7.0, (count, len(CROSSINGS_Y))), rng.uniform(-0.35, 0.35, count)
        times, runs = [start], [np.zeros(count)]
        for place in range(len(CROSSINGS_Y)):
            crossing = np.where(south, place, len(CROSSINGS_Y) - 1 - place)
            y = np.array(CROSSINGS_Y)[crossing]
            run = np.where(south, y - BEGIN_Y, END_Y - y) - STOP_Y - 1.0 - back[:, place]
            there = times[-1] + (run - runs[-1]) / speed
            go = np.empty(count)
            for each in range(len(CROSSINGS_Y)):
                mine = crossing == each
                go[mine] = self.lights.next_start(each, 1, GREENS_S[1] - 3.0, there[mine] + back[mine, place] / speed[mine])
            go = np.maximum(go - back[:, place] / speed, there)
            times += [there, go]
            runs += [run, run]
        times.append(times[-1] + (END_Y - BEGIN_Y - runs[-1]) / speed)
        runs.append(np.full(count, END_Y - BEGIN_Y))
        sign = np.where(south, 1.0, -1.0)
        return Paths(
            times=np.stack(times, axis=1),
            runs=np.stack(runs, axis=1),
            origin=np.stack([sign * (BIKE_X + aside), np.where(south, BEGIN_Y, END_Y)], axis=1),
            way=np.stack([0 * sign, sign], axis=1),
            kind=np.full(count, BICYCLE, np.int8),
            number=first + np.arange(count),
        )


def _crossing_of(paths: Paths, row: int, crossing: int) -> tuple[int, int, float, float]:
    """Of who crosses: the arm, whether x or y grows (1) or falls (-1), and from when to when they are on the road."""
    x, y = paths.origin[row, 0], paths.origin[row, 1] - CROSSINGS_Y[crossing]
    over_arterial = paths.way[row, 0] != 0
    arm = ("S" if y > 0 else "N") if over_arterial else ("W" if x > 0 else "E")
    return ARMS.index(arm), int(paths.way[row].sum()), float(paths.times[row, 2]), float(paths.times[row, 3])


def _walkers(paths: Paths, seconds: float, mount: Mount) -> Walkers:
    rows = (
        np.flatnonzero((paths.times[:, 0] <= seconds) & (seconds < paths.times[:, -1])) if len(paths.number) else np.zeros(0, int)
    )
    times, runs = paths.times[rows], paths.runs[rows]
    leg = np.clip((times <= seconds).sum(1) - 1, 0, times.shape[1] - 2)
    each = np.arange(len(rows))
    lasts, way = times[each, leg + 1] - times[each, leg], runs[each, leg + 1] - runs[each, leg]
    run = runs[each, leg] + way * (seconds - times[each, leg]) / np.maximum(lasts, 1e-9)
    speed = way / np.maximum(lasts, 1e-9)
    place = paths.origin[rows] + run[:, None] * paths.way[rows]
    near = (np.abs(place - (mount.d, mount.s)) < NEAR_M).all(1)
    rows, run, speed, place = rows[near], run[near], speed[near], place[near]
    cosine, sine = paths.way[rows].T
    kind = paths.kind[rows]
    turns = run / np.where(kind == BICYCLE, TURN_M, STRIDE_M)
    side = np.where(sine > 0, SOUTH, np.where(sine < 0, NORTH, np.where(cosine > 0, WEST, EAST)))
    return Walkers(
        number=paths.number[rows].astype(np.int64),
        kind=kind,
        side=side.astype(np.int8),
        places=np.stack([place[:, 0], place[:, 1] - mount.s, cosine, sine, cosine * speed, sine * speed], axis=1),
        stride=(turns * STRIDES).astype(np.int64) % STRIDES,
    )
