"""Which tracks of one camera are pieces of one vehicle's way: what the tracker, which walks from frame to frame, could not know.

A vehicle is lost behind another, or found twice in a frame and followed twice. Its pieces then lie on one line of progress over
time, in one lane, and are as large as each other. How far they may be off follows from their boxes' noise, from how drivers
change their pace, and from boxes of half-hidden vehicles, which are wrong by a lane or a second: a mixture of both. What stands
against it is how often other tracks begin or end on the way, and how those lie. Every piece goes on in one other at most, by the
assignment of the highest sum (Huang, Wu and Nevatia, ECCV 2008, join tracklets so).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from cctview_pipeline.track.motion import PACE_DRIFT, RoadCoordinates
from cctview_pipeline.track.passage import FIT_NOISE_S

LONGEST_GAP_S = 8.0
FARTHEST_S = 3.5
"""How long a vehicle may stay unseen between two pieces, and how far they may be apart along the way, s."""

PRIOR = -1.25
"""Log odds, before anything is compared, that one piece goes on in another that begins while the flow could bring it there."""

LOST_AFTER_S, LOSS_S = 2.0, 4.0
"""The longer a gap the rarer: by e every so many seconds, from so many on."""

TIME = (0.7, 0.15, 1.0)
LANE = (0.65, 0.25, 1.0)
SIZE = (0.8, 0.15, 0.5)
"""Of what is between two pieces of one vehicle: the share that is ordinary, its standard deviation, and that of the rest. Of
times, beside the pieces' own errors, s; of lanes, in standard deviations of the carriageway; of logarithms of sizes. Measured
in development cities (1000 and 1002, half an hour each)."""

OTHER_LANE, OTHER_SIZE = 1.41, 0.42
"""Standard deviations between two vehicles."""

SAME_PLACE = 0.3
"""Two boxes in one frame are of one vehicle, seen twice, where so much of the smaller lies in the other."""

NEAREST = 8
"""Tracks before and after a moment that tell the pace of the moment."""

ENDS = 4
"""Sightings that tell how a piece begins and ends."""


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """P tracks of one direction, of one view.

    rows: their sightings; first, last (P, 2): time, s, and progress, s; lane, size_first, size_last (P,): medians; usual (P, 2):
    pace of the moment and its spread, as the tracks around it have it; begins, ends (P, 5): a line of progress over time at
    either end: time, progress, pace, variances of progress and pace.
    """

    placed: RoadCoordinates
    direction: int
    rows: list[np.ndarray]
    first: np.ndarray
    last: np.ndarray
    lane: np.ndarray
    size_first: np.ndarray
    size_last: np.ndarray
    usual: np.ndarray
    begins: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def pieces_of(placed: RoadCoordinates, direction: int, tracks: Sequence[Sequence[int]]) -> Pieces:
    """tracks: rows of the sightings, each with one at least whose progress is known."""
    rows = [np.array([row for row in each if np.isfinite(placed.progress[direction, row])], np.int64) for each in tracks]
    times, progress = placed.seen.times, placed.progress[direction]
    lane, size = placed.lane[direction], placed.size[direction]
    usual = _pace_of_the_moment(placed, direction, rows)
    return Pieces(
        placed=placed,
        direction=direction,
        rows=rows,
        first=np.array([(times[each[0]], progress[each[0]]) for each in rows]).reshape(-1, 2),
        last=np.array([(times[each[-1]], progress[each[-1]]) for each in rows]).reshape(-1, 2),
        lane=np.array([np.median(lane[each]) for each in rows]),
        size_first=np.array([np.median(size[each[:3]]) for each in rows]),
        size_last=np.array([np.median(size[each[-3:]]) for each in rows]),
        usual=usual,
        begins=np.array([_line(placed, direction, each[:ENDS], *pace) for each, pace in zip(rows, usual, strict=True)]).reshape(
            -1, 5
        ),
        ends=np.array([_line(placed, direction, each[-ENDS:], *pace) for each, pace in zip(rows, usual, strict=True)]).reshape(
            -1, 5
        ),
    )


def join(pieces: Pieces) -> np.ndarray:
    """(P,) the number of each piece's vehicle, from 0 in order of their first piece."""
    vehicle = np.arange(len(pieces))
    earlier, later, odds = likely(pieces)
    for one, other in _best(earlier, later, odds, len(pieces)):
        vehicle[vehicle == vehicle[other]] = vehicle[one]
    return np.unique(vehicle, return_inverse=True)[1]


def likely(pieces: Pieces) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(M,), (M,) pairs of pieces, and (M,) the log odds that they are of one vehicle, of those that are likelier than not."""
    if len(pieces) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    loose = _loose_ends_a_second(pieces)
    found: list[tuple[int, int, float]] = []
    for one in range(len(pieces)):
        near = _candidates(pieces, one)
        odds = _log_odds(pieces, one, near, loose)
        found += [(one, int(other), odd) for other, odd in zip(near[odds > 0], odds[odds > 0], strict=True)]
    found = [(one, other, odd) for one, other, odd in found if _apart_or_twice(pieces, one, other)]
    columns = np.array(found).reshape(-1, 3).T
    return columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2]


def _best(earlier: np.ndarray, later: np.ndarray, odds: np.ndarray, count: int) -> list[tuple[int, int]]:
    """One-to-one pairs of the highest sum of log odds."""
    ones, others = np.unique(earlier), np.unique(later)
    if not len(ones):
        return []
    worth = np.zeros((len(ones), len(others)))
    worth[np.searchsorted(ones, earlier), np.searchsorted(others, later)] = odds
    chosen = zip(*linear_sum_assignment(worth, maximize=True), strict=True)
    return [(int(ones[i]), int(others[j])) for i, j in chosen if worth[i, j] > 0]


def _candidates(pieces: Pieces, one: int) -> np.ndarray:
    """Pieces that begin later, not too long after this one's end, and not behind it."""
    begin, gap = pieces.first[:, 0], pieces.first[:, 0] - pieces.last[one, 0]
    after = (begin > begin[one]) | ((begin == begin[one]) & (np.arange(len(pieces)) > one))
    ahead = (gap <= 0) | (pieces.first[:, 1] >= pieces.last[one, 1] - 2)
    return np.flatnonzero(after & ahead & (gap <= LONGEST_GAP_S))


def _log_odds(pieces: Pieces, one: int, others: np.ndarray, loose: float) -> np.ndarray:
    """loose: how many pieces a second begin on the way."""
    gap = pieces.first[others, 0] - pieces.last[one, 0]
    middle = (pieces.first[others, 0] + pieces.last[one, 0]) / 2
    end, begin = pieces.ends[one], pieces.begins[others]
    pace = np.maximum((end[2] + begin[:, 2]) / 2, 0.1)
    off = (begin[:, 1] + begin[:, 2] * (middle - begin[:, 0]) - end[1] - end[2] * (middle - end[0])) / pace
    variance = end[3] + end[4] * (middle - end[0]) ** 2 + begin[:, 3] + begin[:, 4] * (middle - begin[:, 0]) ** 2
    error = np.sqrt(variance + (PACE_DRIFT * np.maximum(gap, 0)) ** 2) / pace
    odds = PRIOR + np.log(_mixture(off, TIME, error) / loose) - np.maximum(gap - LOST_AFTER_S, 0) / LOSS_S
    lane, size = pieces.lane[others] - pieces.lane[one], pieces.size_first[others] - pieces.size_last[one]
    odds += np.log(_mixture(lane, LANE) / _normal(lane, OTHER_LANE)) + np.log(_mixture(size, SIZE) / _normal(size, OTHER_SIZE))
    return np.where(np.abs(off) <= FARTHEST_S, odds, -np.inf)


def _apart_or_twice(pieces: Pieces, one: int, other: int) -> bool:
    """Whether no frame shows both, or all that do show one vehicle twice."""
    seen = pieces.placed.seen
    a, b = pieces.rows[one], pieces.rows[other]
    _, in_a, in_b = np.intersect1d(seen.times[a], seen.times[b], return_indices=True)
    return bool((_inside(seen.boxes[a[in_a]], seen.boxes[b[in_b]]) >= SAME_PLACE).all())


def _inside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, 4), (N, 4) -> (N,) share of the smaller box that lies in the other."""
    common = np.prod(np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0), axis=1)
    return common / np.minimum(np.prod(a[:, 2:] - a[:, :2], axis=1), np.prod(b[:, 2:] - b[:, :2], axis=1))


def _loose_ends_a_second(pieces: Pieces) -> float:
    """Of all pieces those that are not seen at the place that most are seen at: they begin or end on the way."""
    begin, end = pieces.first[:, 1], pieces.last[:, 1]
    most = max(((begin <= place) & (end >= place)).sum() for place in begin)
    return max(len(pieces) - most, 20) / max(float(np.ptp(pieces.first[:, 0])), 600.0)


def _pace_of_the_moment(placed: RoadCoordinates, direction: int, rows: list[np.ndarray]) -> np.ndarray:
    """(P, 2) median pace, and its spread, of the tracks that pass about when each does: in a jam all are slow."""
    way = placed.flow.ways[direction]
    assert way is not None
    least, times = max(way.pace_std, 0.08), placed.seen.times
    moved = [each for each in rows if len(each) > 1]
    if not moved:
        return np.tile([1.0, least], (len(rows), 1))
    middle = np.array([times[each].mean() for each in moved])
    order = np.argsort(middle)
    pace = np.array([np.ptp(placed.progress[direction, each[[0, -1]]]) / (times[each[-1]] - times[each[0]]) for each in moved])[
        order
    ]
    usual = []
    for at in np.searchsorted(middle[order], [times[each].mean() for each in rows]):
        around = pace[max(at - NEAREST, 0) : at + NEAREST]
        median = np.median(around)
        usual.append((median, max(least, 1.48 * np.median(np.abs(around - median)))))
    return np.array(usual)


def _line(placed: RoadCoordinates, direction: int, rows: np.ndarray, usual: float, spread: float) -> tuple[float, ...]:
    """Time, progress and pace in the middle of some sightings, and the variances of progress and pace. The usual pace is what is
    believed beforehand, unless the sightings are far from it."""
    times, progress = placed.seen.times[rows], placed.progress[direction, rows]
    weights = 1 / (placed.progress_std[direction, rows] ** 2 + FIT_NOISE_S**2)
    middle, advanced = np.average(times, weights=weights), np.average(progress, weights=weights)
    known = (weights * (times - middle) ** 2).sum()
    moved = (weights * (times - middle) * (progress - advanced)).sum()
    odd = known > 0 and (moved / known - usual) ** 2 > 9 * (spread**2 + 1 / known + PACE_DRIFT**2)
    believed = 1e-6 if odd else 1 / spread**2
    pace = max((moved + believed * usual) / (known + believed), 0.02)
    return float(middle), float(advanced), float(pace), float(1 / weights.sum()), float(1 / (known + believed))


def _mixture(off: np.ndarray, shape: tuple[float, float, float], error: np.ndarray | float = 0.0) -> np.ndarray:
    """Density of an ordinary and a wide normal, both wider by an error."""
    share, narrow, wide = shape
    ordinary = np.hypot(narrow, error)
    return share * _normal(off, ordinary) + (1 - share) * _normal(off, np.hypot(ordinary, wide)) + 1e-12


def _normal(off: np.ndarray, std: np.ndarray | float) -> np.ndarray:
    return np.exp(-((off / std) ** 2) / 2) / (np.sqrt(2 * np.pi) * std)
