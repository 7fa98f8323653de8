"""Who comes to the streets on a traffic day, when, and by which way: arrivals, turns, buses, and who parks where."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np

from cctview_pipeline.city.driving import TICK_S
from cctview_pipeline.city.streets.plan import ARMS, CROSSINGS_Y, TURNS, Plan, exit_of, plan, stretches
from cctview_pipeline.city.traffic import DAY_S, ZONE, day_begins
from cctview_pipeline.city.vehicles import KINDS

PROFILE = (
    *(0.20, 0.13, 0.09, 0.08, 0.10, 0.22, 0.50, 0.88, 1.00, 0.86, 0.78, 0.80),
    *(0.86, 0.85, 0.88, 0.96, 1.08, 1.12, 0.98, 0.78, 0.60, 0.48, 0.38, 0.28),
)
"""Traffic at each full hour of New York's clock, of what is usual in the morning; between them it changes evenly."""
ARTERIAL_H, SIDE_H = 1_000.0, 170.0
"""Vehicles an hour that come by each end of the arterial, and by each side street from each side, about."""
SHARES = {"car": 0.46, "suv": 0.37, "van": 0.10, "truck": 0.03, "bus": 0.0, "motorcycle": 0.04}
"""Of the kinds; buses come by their timetable."""
BUS_EVERY_S = 420.0

PARKED_M = 6.4
"""From one car at the kerb to the next."""
STAY_S, EMPTY_S = 600.0, 240.0
"""How long somebody stays at a kerb where cars come and go, and for how long it is empty, about."""
CORNER_M, BUS_STOP_M, BUS_ROOM_M = 16.0, 38.0, 66.0
"""Nobody parks so near to a stop line; where buses stop after a crossing, and until where the kerb is theirs."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """The vehicles of one day in order of their arrival, N of them. time (N,) s since the day's begin; kind (N,) int8; length,
    desired, headway, accel, brake (N,) as drivers have them; ways: pieces of each one's way; stops: of each one rows (place in
    its way, x, seconds, spot); statics: (K, 2) piece and x of cars that stay parked all day."""

    time: np.ndarray
    kind: np.ndarray
    length: np.ndarray
    desired: np.ndarray
    headway: np.ndarray
    accel: np.ndarray
    brake: np.ndarray
    ways: list[tuple[int, ...]]
    stops: list[list[tuple[int, float, float, int]]]
    statics: np.ndarray
    spots: int


def turning_shares(seed: int) -> np.ndarray:
    """(crossings, 4 arms, 96 quarters of the local day, 3 turns): shares of who comes by an arm and turns left, drives on, turns
    right."""
    rng = np.random.default_rng((seed, 67))
    count = len(CROSSINGS_Y)
    arterial = np.array([arm in "NS" for arm in ARMS])[None, :, None]
    left = np.where(arterial, rng.uniform(0.04, 0.11, (count, 4, 1)), rng.uniform(0.2, 0.4, (count, 4, 1)))
    right = np.where(arterial, rng.uniform(0.06, 0.15, (count, 4, 1)), rng.uniform(0.2, 0.35, (count, 4, 1)))
    usual = np.concatenate([left, 1 - left - right, right], axis=-1)[:, :, None]
    drawn = usual * rng.lognormal(0, 0.2, (count, 4, 96, 3))
    return np.round(drawn / drawn.sum(axis=-1, keepdims=True), 4)


def demand(seed: int, day: date) -> Demand:
    """Draw a day. What enters the simulation is rounded, so that other machines' last bits do not grow into other traffic."""
    rng = np.random.default_rng((seed, 71, day.toordinal()))
    gates = [("S", 0), ("N", 0), *((arm, crossing) for crossing in range(len(CROSSINGS_Y)) for arm in "WE")]
    local = rng.uniform(0.8, 1.2, len(gates))
    expected = [
        _expected(day, (ARTERIAL_H if arm in "SN" else SIDE_H) * part) for (arm, _), part in zip(gates, local, strict=True)
    ]
    times = [_poisson(rng, *each) for each in expected]
    gate = np.repeat(np.arange(len(gates)), [len(each) for each in times])
    buses = [_timetable(rng) for _ in range(2)]
    time = np.concatenate([*times, *buses])
    gate = np.concatenate([gate, *(np.full(len(each), place) for place, each in enumerate(buses))])
    bus = np.arange(len(time)) >= len(time) - sum(map(len, buses))
    order = np.argsort(time, kind="stable")
    time, gate, bus = time[order], gate[order], bus[order]
    names = [kind.name for kind in KINDS]
    kind = np.where(bus, names.index("bus"), rng.choice(len(KINDS), len(time), p=[SHARES[name] for name in names]))
    ways = _ways(rng, seed, day, gates, time, gate, bus)
    stops, statics, spots = _kerbs(rng, time, kind, bus, ways)
    return Demand(time=np.ceil(time / TICK_S) * TICK_S, kind=kind.astype(np.int8), ways=ways, stops=stops, statics=statics,
                  spots=spots, **_drivers(rng, kind))  # fmt: skip


def _drivers(rng: np.random.Generator, kind: np.ndarray) -> dict[str, np.ndarray]:
    mean, deviation = np.array([each.length for each in KINDS])[kind].T
    heavy, count = mean > 7.0, len(kind)
    spread = np.clip(rng.standard_normal((4, count)), -2.0, 2.0)
    return {
        "length": np.round(mean + deviation * spread[0], 2),
        "desired": np.round(13.6 * np.where(heavy, 0.92, 1.0) * (1 + 0.09 * spread[1]), 2),
        "headway": np.round(np.where(heavy, 1.3, 0.9) * (1.0 + 0.15 * spread[2]), 3),
        "accel": np.round(np.where(heavy, 1.1, 1.9) * (1.0 + 0.12 * spread[3]), 3),
        "brake": np.where(heavy, 1.6, 2.0),
    }


def _expected(day: date, rate: float) -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(0, DAY_S + 1, 300)
    clock = [(day_begins(day) + timedelta(seconds=int(time))).astimezone(ZONE) for time in times[:-1] + 150]
    share = np.interp([moment.hour + moment.minute / 60 for moment in clock], np.arange(25), [*PROFILE, PROFILE[0]])
    return times, np.concatenate([[0.0], np.cumsum(rate * share / 12)])


def _poisson(rng: np.random.Generator, times: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.interp(rng.uniform(0.0, expected[-1], rng.poisson(expected[-1])), expected, times)


def _timetable(rng: np.random.Generator) -> np.ndarray:
    times = np.arange(rng.uniform(0, BUS_EVERY_S), DAY_S, BUS_EVERY_S)
    return np.clip(times + rng.normal(0, 60, len(times)), 0, DAY_S - 1)


def _ways(rng, seed: int, day: date, gates, time: np.ndarray, gate: np.ndarray, bus: np.ndarray) -> list[tuple[int, ...]]:
    """At each crossing in turn everybody turns off with the share of its quarter of an hour."""
    shares, count = turning_shares(seed), len(CROSSINGS_Y)
    offset = day_begins(day).astimezone(ZONE)
    quarter = (((offset.hour * 60 + offset.minute) * 60 + time) // 900 % 96).astype(int)
    draws, lane = rng.random((len(time), count + 1)), np.where(bus, 1, rng.integers(0, 2, len(time)))
    # Of each crossing and arm, which turn it would be: (N, crossings, 4).
    limits = np.cumsum(shares, axis=-1)[:, :, quarter, :2]
    first = (draws[None, None, :, 0, None] > limits).sum(-1)
    later = (draws.T[1:, None, :, None] > limits).sum(-1)
    later[:, :, bus], first[:, :, bus] = 1, 1
    found = []
    for row, (arm, crossing) in enumerate(gates[each] for each in gate):
        if arm in "SN":
            found.append(_along(arm, 0, tuple(later[:, 0 if arm == "S" else 2, row].tolist()), int(lane[row])))
            continue
        turn = TURNS[first[crossing, ARMS.index(arm), row]]
        heading = exit_of(arm, turn)
        onward = tuple(later[:, 0 if heading == "S" else 2, row].tolist()) if turn != "through" else ()
        found.append(_from_side(arm, crossing, turn, onward, int(lane[row])))
    return found


@cache
def _along(heading: str, begin: int, turns: tuple[int, ...], lane: int) -> tuple[int, ...]:
    """The pieces of who drives along the arterial from a stretch on. turns: at each crossing, in the crossings' order."""
    number, count = plan().number, len(CROSSINGS_Y)
    order = [place if heading == "S" else count - 1 - place for place in range(count)]
    off = next((place for place in range(begin, count) if turns[order[place]] != 1), count)
    turn = TURNS[turns[order[off]]] if off < count else "through"
    lane = {"left": 0, "right": 1}.get(turn, lane)
    approach = "N" if heading == "S" else "S"
    pieces = []
    for place in range(begin, count + 1):
        pieces.append(f"{heading}{place}-{lane}")
        if place == count:
            break
        crossing = order[place]
        if lane == 0:
            pieces.append(f"{heading}{place}-{'p' if place == off else '0b'}")
        leaves = exit_of(approach, turn if place == off else "through")
        if place == off:
            pieces += [f"{crossing}{approach}>{leaves}-0", f"{leaves}{crossing}<"]
            break
        pieces.append(f"{crossing}{approach}>{leaves}-{lane}")
    return tuple(number[name] for name in pieces)


@cache
def _from_side(arm: str, crossing: int, turn: str, turns: tuple[int, ...], lane: int) -> tuple[int, ...]:
    number, leaves = plan().number, exit_of(arm, turn)
    if turn == "through":
        return tuple(number[name] for name in (f"{arm}{crossing}>", f"{crossing}{arm}>{leaves}-0", f"{leaves}{crossing}<"))
    place = crossing + 1 if leaves == "S" else len(CROSSINGS_Y) - crossing
    onward = _along(leaves, place, turns, lane)
    into = plan().pieces[onward[0]].name[-1]
    return (number[f"{arm}{crossing}>"], number[f"{crossing}{arm}>{leaves}-{into}"], *onward)


def _kerbs(rng, time, kind, bus, ways) -> tuple[list[list[tuple[int, float, float, int]]], np.ndarray, int]:
    """Everybody's stops, cars that stay parked, and how many places at the kerb come and go."""
    places = kerb_places(plan())
    stops: list[list[tuple[int, float, float, int]]] = [[] for _ in ways]
    waiting = {spot: (piece, x) for spot, (piece, x, use) in enumerate(places) if use == "bus"}
    for row in np.flatnonzero(bus).tolist():
        for spot, (piece, x) in waiting.items():
            if piece in ways[row] and rng.random() < 0.85:
                stops[row].append((ways[row].index(piece), x, round(float(rng.uniform(12, 32)), 2), spot))
        stops[row].sort()
    by_piece: dict[int, list[int]] = {}
    for row in np.flatnonzero(kind <= 1).tolist():
        for piece in ways[row]:
            by_piece.setdefault(piece, []).append(row)
    for spot, (piece, x, use) in enumerate(places):
        if use != "short":
            continue
        free = float(rng.exponential(EMPTY_S))
        for row in by_piece.get(piece, ()):
            if time[row] < free or stops[row]:
                continue
            stay = round(float(STAY_S * rng.lognormal(-0.2, 0.8)), 2)
            stops[row].append((ways[row].index(piece), x, stay, spot))
            free = time[row] + 120 + stay + float(rng.exponential(EMPTY_S))
    statics = [(piece, x) for piece, x, use in places if use == "long" and rng.random() < 0.75]
    return stops, np.array(statics).reshape(-1, 2), len(places)


def kerb_places(whole: Plan) -> list[tuple[int, float, str]]:
    """(piece, x, use) of every place at a kerb: bus for buses, short where cars come and go, long where they stay all day."""
    found = []
    for heading in "SN":
        for place, (begin, end) in enumerate(stretches(heading)):
            piece, length = whole.number[f"{heading}{place}-1"], abs(end - begin)
            x = 30.0
            if place:
                found.append((piece, BUS_STOP_M, "bus"))
                x = BUS_ROOM_M
            x += PARKED_M / 2
            while x < length - CORNER_M:
                group = [x + PARKED_M * each for each in range(3)]
                found += [(piece, each, "long") for each in group if each < length - CORNER_M]
                x = group[-1] + 18.0
                if x + 18.0 < length - CORNER_M:
                    found.append((piece, x, "short"))
                    x += 18.0
    for arm in "WE":
        for crossing in range(len(CROSSINGS_Y)):
            for way, first in (("<", 28.0), (">", 12.0)):
                piece = whole.number[f"{arm}{crossing}{way}"]
                found += [(piece, first + PARKED_M * each, "long") for each in range(16)]
    return found
