"""How well a sighting goes on from a track: along the road, across it, and in size; or by itself (:mod:`steps`).

Costs are minus twice the logarithm of a likelihood over that of an ordinary step that fits, so they add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cctview_pipeline.track.flow import SIZES_PER_SECOND, DirectionModel, RoadModel
from cctview_pipeline.track.sightings import CameraDetections
from cctview_pipeline.track.steps import BOX_NOISE_PX, CUT_NOISE, step_cost

PACE_DRIFT = 0.08
"""How much a driver's pace changes between two frames."""

SIZE_STD = 0.2
"""Of the logarithm of a vehicle's size between two frames, beside a pixel's noise."""

LANE_CHANGE, CHANGE_STD = 0.1, 0.6
ODD_PACE, ODD_STD = 0.03, 0.5
ODD_SIZE, ODD_SIZE_TIMES = 0.05, 3.0
"""How often a step is no ordinary one, and how far it then goes: in lanes' standard deviations, in paces, in SIZE_STDs."""

AGAINST_FLOW = 6.0
"""What going on costs besides where a flow is known and it is not that of the flow: standing, turning off."""

MISSED = 4.0
"""What it costs not to have been found in a frame in between."""

USUAL_STD_S = 0.2
"""How well a place along the road is usually foretold."""

MIN_LANE_STD = 0.06
MEMORY = 4
"""Detections that tell a track's pace."""


@dataclass(frozen=True, kw_only=True)
class RoadCoordinates:
    """N sightings in the coordinates of a flow, each row a direction; NaN where no vehicle of that direction was seen near.

    progress (2, N) s; lane, size (2, N): size relative to what is usual there, as a logarithm; progress_std, lane_std (2, N):
    from the noise of the box; share (2, N): of the vehicles about here, how many go that way.
    """

    seen: CameraDetections
    flow: RoadModel
    progress: np.ndarray
    lane: np.ndarray
    size: np.ndarray
    progress_std: np.ndarray
    lane_std: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class MotionState:
    """direction: -1 while it is unknown; pace: seconds of progress a second, with its variance; velocity: in the picture, px/s,
    None of what was seen once."""

    direction: int
    pace: float
    variance: float
    velocity: tuple[float, float] | None = None


UNKNOWN = MotionState(-1, 1.0, np.nan)


def place(seen: CameraDetections, flow: RoadModel) -> RoadCoordinates:
    """Look up every sighting's coordinates once."""
    points, count = seen.points, len(seen)
    progress, lane, size, progress_std, lane_std = (np.full((2, count), np.nan) for _ in range(5))
    near = np.full((2, count), np.inf)
    noise = BOX_NOISE_PX * seen.px + CUT_NOISE * seen.sizes * seen.cut
    for direction, way in enumerate(flow.ways):
        if way is None or not count:
            continue
        design = way.basis(points)
        lane[direction], size[direction] = design @ way.lane, np.log(seen.sizes) - design @ way.size
        progress_std[direction] = way.basis.gradient(points, way.progress) * noise
        lane_std[direction] = way.basis.gradient(points, way.lane) * noise
        near[direction] = way.places.query(points, k=8)[0][:, -1] + seen.px
        known = near[direction] < 2.5 * seen.sizes + 10 * seen.px
        progress[direction] = np.where(known, design @ way.progress, np.nan)
    density = 1 / near**2
    share = density / np.maximum(density.sum(0), 1e-12)
    return RoadCoordinates(
        seen=seen, flow=flow, progress=progress, lane=lane, size=size, progress_std=progress_std, lane_std=lane_std, share=share
    )


def motion_of(placed: RoadCoordinates, rows: Sequence[int]) -> MotionState:
    """A track's direction and pace from its last sightings: what is measured, drawn to the usual pace as far as it is unsure."""
    if len(rows) < 2:
        return UNKNOWN
    first, last = rows[max(0, len(rows) - MEMORY)], rows[-1]
    seconds = placed.seen.times[last] - placed.seen.times[first]
    step = (placed.seen.points[last] - placed.seen.points[rows[-2]]) / (placed.seen.times[last] - placed.seen.times[rows[-2]])
    velocity = (float(step[0]), float(step[1]))
    best, least = replace(UNKNOWN, velocity=velocity), np.inf
    for direction, way in enumerate(placed.flow.ways):
        if way is None:
            continue
        measured = (placed.progress[direction, last] - placed.progress[direction, first]) / seconds
        noise = (placed.progress_std[direction, last] ** 2 + placed.progress_std[direction, first] ** 2) / seconds**2
        noise, spread = noise + PACE_DRIFT**2, way.pace_std**2
        off = (measured - 1) ** 2 / (spread + noise)
        share = placed.share[direction, rows[-MEMORY:]].sum() / len(rows[-MEMORY:])
        cost = min(off, 30.0) - 2 * np.log(max(share, 1e-3))
        if not cost < least:
            continue
        usual = off < 9  # otherwise it is in a jam, or where others are: then what is measured is believed
        pace = (1 / spread + measured / noise) / (1 / spread + 1 / noise) if usual else max(measured, 0.0)
        variance = 1 / (1 / spread + 1 / noise) if usual else noise
        best, least = MotionState(direction, float(pace), float(variance), velocity), cost
    return best


def motion_cost(placed: RoadCoordinates, last: np.ndarray, motions: Sequence[MotionState], rows: np.ndarray) -> np.ndarray:
    """(T, R) of going on from each track's last sighting to each of the rows; infinite where it cannot be reached."""
    seen = placed.seen
    seconds = seen.times[rows][None, :] - seen.times[last][:, None]
    lost = np.isnan(placed.progress).all(0)
    known = ~(lost[last][:, None] | lost[rows][None, :])
    cost = step_cost(seen, last, [motion.velocity for motion in motions], rows, seconds) + AGAINST_FLOW * known
    cost += _mixture(
        np.log(seen.sizes[rows][None, :] / seen.sizes[last][:, None]) / _size_std(seen, last, rows), ODD_SIZE, ODD_SIZE_TIMES
    )
    for direction, way in enumerate(placed.flow.ways):
        if way is not None:
            cost = np.fmin(cost, _along_the_way(placed, direction, way, last, motions, rows, seconds))
    cost += MISSED * (seen.frame_numbers[rows][None, :] - seen.frame_numbers[last][:, None] - 1)
    return np.where(_reachable(seen, last, rows, seconds), cost, np.inf)


def _along_the_way(
    placed: RoadCoordinates,
    direction: int,
    way: DirectionModel,
    last: np.ndarray,
    motions: Sequence[MotionState],
    rows: np.ndarray,
    seconds: np.ndarray,
) -> np.ndarray:
    seen = placed.seen
    known = [motion.direction == direction for motion in motions]
    pace = np.array([motion.pace if k else 1.0 for motion, k in zip(motions, known, strict=True)])[:, None]
    spread = np.array([motion.variance if k else way.pace_std**2 for motion, k in zip(motions, known, strict=True)])[:, None]

    def step(values: np.ndarray) -> np.ndarray:
        return values[direction, rows][None, :] - values[direction, last][:, None]

    def noise(values: np.ndarray) -> np.ndarray:
        return values[rows][None, :] ** 2 + values[last][:, None] ** 2

    along_std = np.sqrt((spread + PACE_DRIFT**2) * seconds**2 + noise(placed.progress_std[direction]))
    across_std = np.sqrt(max(way.lane_std, MIN_LANE_STD) ** 2 + noise(placed.lane_std[direction]))
    cost = _mixture((step(placed.progress) - pace * seconds) / along_std, ODD_PACE, ODD_STD * seconds / along_std)
    cost += _mixture(step(placed.lane) / across_std, LANE_CHANGE, CHANGE_STD / across_std)
    cost += _mixture(step(placed.size) / _size_std(seen, last, rows), ODD_SIZE, ODD_SIZE_TIMES)
    cost += 2 * np.log(along_std / USUAL_STD_S)  # a wide guess holds many others too
    cost -= 2 * np.log(np.maximum(placed.share[direction, last], 1e-3))[:, None]
    elsewhere = np.array([motion.direction == 1 - direction for motion in motions])
    return np.where(elsewhere[:, None], np.inf, cost)


def _size_std(seen: CameraDetections, last: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(T, R) of the logarithm of a vehicle's size between two sightings."""
    noise = (BOX_NOISE_PX * seen.px / seen.sizes) ** 2 + 0.1 * seen.cut
    return np.sqrt(SIZE_STD**2 + noise[rows][None, :] + noise[last][:, None])


def _mixture(off: np.ndarray, odd: float, times: np.ndarray | float) -> np.ndarray:
    """Minus twice the log-likelihood of a standard normal that, so often, is that many times as wide."""
    wide = np.maximum(times, 1.01)
    return -2 * np.log((1 - odd) * np.exp(-(off**2) / 2) + odd / wide * np.exp(-((off / wide) ** 2) / 2) + 1e-300)


def _reachable(seen: CameraDetections, last: np.ndarray, rows: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    size = np.sqrt(seen.sizes[last][:, None] * seen.sizes[rows][None, :])
    ratio = seen.sizes[last][:, None] / seen.sizes[rows][None, :]
    near = _distance(seen, last, rows) < SIZES_PER_SECOND * size * seconds + size
    return (seconds > 0) & near & (ratio < 6) & (ratio > 1 / 6)


def _distance(seen: CameraDetections, last: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.linalg.norm(seen.points[last][:, None] - seen.points[rows][None, :], axis=2)
