"""Who stood on an approach, for how long, and how many at once: as far as a frame every second or two tells.

A vehicle stood from its first to its last sighting in one place, if that is MIN_STOOD_S or more: shorter stops fall between two
frames, and of longer ones up to a frame is missing at either end. One that nobody saw move stood in a queue only where others
drive; beside them it is parked. A queue is counted in vehicles that are seen to stand in a frame: who hides behind others is
missing."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cctview_pipeline.track.movements.found import FoundView
from cctview_pipeline.track.movements.joining import LONGEST_STAND_S

STILL = 0.35
"""Own sizes: a vehicle stands that has moved less since it stopped."""
MIN_STOOD_S = 3.0
LONGEST_S = 150.0
"""Who was never seen to move and stood longer is parked, wherever that is."""
IN_LANE_M, IN_LANE_SHARE = 2.0, 0.03
"""How near to others' ways somebody stands who is not parked: m, and of the distance."""
AROUND = 5


@dataclass(frozen=True, kw_only=True)
class Stands:
    """S of them. vehicle: its place in the view; since, until: s since 1970; weights (S, A): of the approaches."""

    vehicle: np.ndarray
    since: np.ndarray
    until: np.ndarray
    weights: np.ndarray
    approaches: list[str]


def stands(found: FoundView) -> Stands:
    """Of a view."""
    approaches = sorted({movement.approach for movement in found.movements})
    of_approach = np.array([[each.approach == arm for arm in approaches] for each in found.movements], float)
    by_approach = found.weights @ of_approach.reshape(len(found.movements), len(approaches))
    rows = []
    near = _lanes(found, by_approach)
    for vehicle, path in enumerate(found.paths):
        for since, until in _stood(found, path.rows):
            at = found.view.ground[path.rows[0]]
            weight = by_approach[vehicle] if path.moved else near(at) if until - since <= LONGEST_S else np.zeros(len(approaches))
            if weight.sum() > 0:
                rows.append((vehicle, since, until, weight))
    return Stands(
        vehicle=np.array([row[0] for row in rows], np.int64),
        since=np.array([row[1] for row in rows], float),
        until=np.array([row[2] for row in rows], float),
        weights=np.array([row[3] for row in rows], float).reshape(len(rows), len(approaches)),
        approaches=approaches,
    )


def longest_queues(found: Stands, frame_times: np.ndarray) -> np.ndarray:
    """(F, A): vehicles that stand on every approach in each frame. frame_times: (F,) s, sorted."""
    change = np.zeros((len(frame_times) + 1, len(found.approaches)))
    np.add.at(change, np.searchsorted(frame_times, found.since - 1e-3), found.weights)
    np.add.at(change, np.searchsorted(frame_times, found.until + 1e-3), -found.weights)
    return np.clip(np.cumsum(change, axis=0)[:-1], 0, None)


def _stood(found: FoundView, rows: np.ndarray) -> list[tuple[float, float]]:
    """Spans of time in which it was in one place."""
    seen, spans, first = found.view.seen, [], 0
    for place in range(1, len(rows) + 1):
        still = place < len(rows) and (
            np.linalg.norm(seen.points[rows[place]] - seen.points[rows[first]]) < STILL * seen.sizes[rows[first]]
            and seen.times[rows[place]] - seen.times[rows[place - 1]] <= LONGEST_STAND_S
        )
        if not still:
            since, until = seen.times[rows[first]], seen.times[rows[place - 1]]
            if until - since >= MIN_STOOD_S:
                spans.append((float(since), float(until)))
            first = place
    return spans


def _lanes(found: FoundView, by_approach: np.ndarray):
    """A function: a place on the ground, (2,) m -> (A,) how the others go that drive over it; nothing where none does."""
    known = np.flatnonzero(found.moved & (by_approach.sum(axis=1) > 0.5))
    if not len(known):
        return lambda at: np.zeros(by_approach.shape[1])
    tree = cKDTree(np.concatenate([found.paths[each].places for each in known]))
    owner = np.repeat(known, [len(found.paths[each].places) for each in known])

    def near(at: np.ndarray) -> np.ndarray:
        off, nearest = tree.query(at, k=min(AROUND, len(owner)))
        inside = np.atleast_1d(off)[-1] <= IN_LANE_M + IN_LANE_SHARE * at[1]
        return by_approach[owner[np.atleast_1d(nearest)]].mean(axis=0) if inside else np.zeros(by_approach.shape[1])

    return near
