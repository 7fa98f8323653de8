"""How many vehicles went by which movement: each once, however many tracks it was broken into.

A movement's vehicles are counted at one place of its most usual way, where most are followed and known to be of it: a vehicle
passed it that was seen before it, and not so far before that it was still so in the next frame. Pieces of its track before and
after are then one vehicle without being joined, as in track/passages.py. A vehicle counts for every movement with the probability
that it was of it."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cctview_pipeline.track.movements.found import FoundView
from cctview_pipeline.track.movements.paths import STEP_M, Path

UNLIKELY = 0.02
"""A movement of this probability or less is none of a vehicle's."""
OFF_LINE = 0.25, 8.0
"""Who was nowhere nearer to a movement's most usual way than this share of the distance, or so many m, did not pass its line."""
AROUND = 8
"""Points of others' ways that tell where a vehicle goes that was seen once."""


@dataclass(frozen=True, kw_only=True)
class Crossings:
    """Who passed which movement's line, C of them. vehicle, movement: their places in the view; known: the probability, of who
    was followed; shared (C,): with what is not known shared out, so that also those count who were seen once; seconds: when, s
    since 1970."""

    vehicle: np.ndarray
    movement: np.ndarray
    known: np.ndarray
    shared: np.ndarray
    seconds: np.ndarray


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """From where to where, m along a movement's line, vehicles were seen; the second with what they drive to the next frame.
    begun, ended: s since 1970, when they were there."""

    vehicle: np.ndarray
    weight: np.ndarray
    low: np.ndarray
    high: np.ndarray
    begun: np.ndarray
    ended: np.ndarray


def crossings(found: FoundView, frame_gap_s: float) -> Crossings:
    """Of a view. frame_gap_s: from a frame to the next."""
    shared, speeds = _shared_out(found)
    rows = [np.zeros((0, 5))]
    for movement, line in enumerate(found.lines):
        known = found.weights[:, movement]
        stretch = _stretches(found, line, shared[:, movement], speeds, frame_gap_s)
        place = _best_place(stretch, known[stretch.vehicle])
        over = (stretch.low <= place) & (place < stretch.high)
        share = np.clip((place - stretch.low) / np.maximum(stretch.high - stretch.low, 1e-6), 0, 1)
        when, who = stretch.begun + share * (stretch.ended - stretch.begun), stretch.vehicle[over]
        rows.append(np.column_stack([who, np.full(len(who), movement), known[who], stretch.weight[over], when[over]]))
    vehicle, movement, probability, weight, seconds = np.concatenate(rows).T
    return Crossings(
        vehicle=vehicle.astype(np.int64), movement=movement.astype(np.int64), known=probability, shared=weight, seconds=seconds
    )


def _best_place(stretch: _Stretch, weight: np.ndarray) -> float:
    """Where most are followed of whom it is known that they are of the movement, by their weights; the middle, where as many are
    along some way. Who may as well be of another counts against a place: on an arm from which ways part, all are seen."""
    if not len(stretch.low):
        return 0.0
    places = np.arange(0.0, max(stretch.high.max(), STEP_M) + STEP_M / 2, STEP_M) + 0.1
    sure = weight * (2 * weight - 1)
    over = np.array([sure[(stretch.low <= at) & (at < stretch.high)].sum() for at in places])
    return float(np.median(places[over >= over.max() - 1e-9]))


def _stretches(found: FoundView, line: np.ndarray, weight: np.ndarray, speeds: np.ndarray, gap: float) -> _Stretch:
    tree = cKDTree(line)
    seen, ground = found.view.seen, found.view.ground
    rows = []
    for vehicle in np.flatnonzero(weight > UNLIKELY):
        path = found.paths[vehicle]
        places = path.places if path.moved else ground[path.rows[-1:]]
        off, at = tree.query(places)
        near = off <= np.maximum(OFF_LINE[1], OFF_LINE[0] * places[:, 1])
        if not near.any():
            continue
        at, times = STEP_M * at[near], (path.seconds if path.moved else seen.times[path.rows[-1:]])[near]
        on = speeds[vehicle] * gap
        rows.append((vehicle, weight[vehicle], at.min(), at.max() + on, times.min(), times.max() + gap))
    columns = np.array(rows).reshape(-1, 6).T
    names = ("weight", "low", "high", "begun", "ended")
    return _Stretch(vehicle=columns[0].astype(np.int64), **dict(zip(names, columns[1:], strict=True)))


def _shared_out(found: FoundView) -> tuple[np.ndarray, np.ndarray]:
    """(V, M) weights with what is not known of a vehicle shared out as the others went that were where its way has its middle,
    and (V,) m/s at the end of each way. Who stood all the time has not passed anything."""
    moved = found.moved
    speeds = np.array([_speed(path) if path.moved else 0.0 for path in found.paths])
    stood = np.array([not path.moved and len(path.rows) > 1 for path in found.paths], bool)
    unknown = np.where(stood, 0.0, np.clip(1 - found.weights.sum(axis=1), 0, 1))
    open_ = np.flatnonzero(unknown > UNLIKELY)
    known = np.flatnonzero(moved & (unknown < 1 - UNLIKELY))
    if not len(known) or not len(open_):
        return found.weights, speeds
    places = np.concatenate([found.paths[each].places for each in known])
    owner = np.repeat(known, [len(found.paths[each].places) for each in known])
    pace = np.concatenate([_paces(found.paths[each]) for each in known])
    at = np.array([_middle(found, each) for each in open_.tolist()])
    count = min(AROUND, len(places))
    off, near = (each.reshape(len(open_), count) for each in cKDTree(places).query(at, k=count))
    close = off[:, -1] <= np.maximum(OFF_LINE[1], OFF_LINE[0] * at[:, 1])
    others = found.weights[owner[near]].mean(axis=1)
    others /= np.maximum(others.sum(axis=1, keepdims=True), 1e-9)
    shared = found.weights.copy()
    shared[open_] += np.where(close, unknown[open_], 0.0)[:, None] * others
    lone = ~moved[open_]
    speeds[open_[lone]] = np.median(pace[near], axis=1)[lone]
    return shared, speeds


def _middle(found: FoundView, vehicle: int) -> np.ndarray:
    path = found.paths[vehicle]
    return path.places[len(path.places) // 2] if path.moved else found.view.ground[path.rows[0]]


def _speed(path: Path) -> float:
    """m/s at the end, over the last quarter of the way."""
    first = min(-2, -(len(path.seconds) // 4))
    return float(STEP_M * (len(path.seconds[first:]) - 1) / max(path.seconds[-1] - path.seconds[first], 0.1))


def _paces(path: Path) -> np.ndarray:
    """(K,) m/s at the points of a way."""
    return STEP_M / np.maximum(np.gradient(path.seconds), 0.05)
