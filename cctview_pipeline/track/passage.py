"""What one track tells about its vehicle's way past the camera: which way, when, how fast, in which lane, how large."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cctview_pipeline.track.flow import AWAY, TOWARDS
from cctview_pipeline.track.motion import RoadCoordinates

FIT_NOISE_S = 0.15
"""How far the learned progress of a place is off, beside the noise of the box."""

PACE_ERROR = 0.02
"""How far a track's pace is off at least, relatively: the flow knows no better. With 0.05 travel times were off by 0.5 to 1.0 of
what they were said to be, edge by edge (development seed 1000)."""

PARKED_S = 60.0
"""Who stands longer than this is parked; in a queue everyone moves on before."""


@dataclass(frozen=True, kw_only=True)
class TrackKinematics:
    """passed_at: s since 1970, when it passed the middle of what the camera sees of its way; pace: its speed over the usual
    one there, with its relative standard error; lane: across its carriageway, in standard deviations, growing to the right of
    the picture; relative_size: logarithm of its size over the usual one there."""

    passed_at: float
    pace: float
    pace_error: float
    lane: float
    relative_size: float


def direction_of(placed: RoadCoordinates, rows: Sequence[int]) -> int | None:
    """TOWARDS, AWAY, or None for a vehicle that stood or is not known to move. A way of two of its own sizes decides; for a
    shorter one, and for a single sighting, what three in four of the vehicles about there do."""
    seen, (first, last) = placed.seen, (rows[0], rows[-1])
    move = seen.points[last] - seen.points[first]
    sizes = np.linalg.norm(move) / seen.sizes[first]
    if len(rows) > 1 and sizes <= 0.5:
        return None
    by_itself = (AWAY if move[1] < 0 else TOWARDS) if len(rows) > 1 else None
    if sizes > 2:
        return by_itself
    share = placed.share[:, list(rows)].mean(1)
    return int(share.argmax()) if share.max() >= 0.75 else by_itself


def parked(placed: RoadCoordinates, rows: Sequence[int]) -> bool:
    """Whether it stood in one place for longer than PARKED_S."""
    seen, (first, last) = placed.seen, (rows[0], rows[-1])
    stood = np.linalg.norm(seen.points[last] - seen.points[first]) <= 0.5 * seen.sizes[first]
    return bool(stood and seen.times[last] - seen.times[first] > PARKED_S)


def passage_of(placed: RoadCoordinates, rows: Sequence[int], direction: int | None) -> TrackKinematics | None:
    """None where the flow of its direction is unknown.

    A straight line of progress over time, by least squares with the noise of each sighting, and the usual pace as what is
    believed beforehand: so a single sighting has a passage too, only not one of its own pace.
    """
    way = None if direction is None else placed.flow.ways[direction]
    if way is None:
        return None
    chosen = np.array([row for row in rows if not np.isnan(placed.progress[direction, row])], np.int64)
    if not len(chosen):
        return None
    progress, times = placed.progress[direction, chosen], placed.seen.times[chosen]
    weights = 1 / (placed.progress_std[direction, chosen] ** 2 + FIT_NOISE_S**2)
    middle, advanced = np.average(times, weights=weights), np.average(progress, weights=weights)
    believed = 1 / max(way.pace_std, 0.08) ** 2
    known = (weights * (times - middle) ** 2).sum() + believed
    pace = max(((weights * (times - middle) * (progress - advanced)).sum() + believed) / known, 0.05)
    return TrackKinematics(
        passed_at=float(middle - advanced / pace),
        pace=float(pace),
        pace_error=float(np.hypot(1 / np.sqrt(known) / pace, PACE_ERROR)),
        lane=float(np.median(placed.lane[direction, chosen])),
        relative_size=float(np.median(placed.size[direction, chosen])),
    )
