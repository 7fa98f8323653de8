"""Joining one camera's detections into tracks: assignment on appearance and on where the learned flow leads."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from cctview_pipeline.boxes import pairwise_iou
from cctview_pipeline.track.flow import AWAY, LONGEST_STEP_S, SIZES_PER_SECOND, TOWARDS, Flow, learn_flow
from cctview_pipeline.track.sightings import Sightings

VERSION = "flow-assignment-1"


@dataclass(frozen=True)
class TrackerSettings:
    """least_similarity: cosine from which a pair teaches the flow; weight_motion: what a displacement off by the
    tolerance costs, in units of one minus the cosine; dearest: cost above which a detection starts a track of its own;
    longest_gap_s: how long a vehicle may stay unseen."""

    least_similarity: float = 0.5
    weight_motion: float = 0.25
    dearest: float = 0.65
    longest_gap_s: float = 4.5


@dataclass(frozen=True)
class Tracking:
    """tracks: rows of the sightings, a list a track, in order of time, every row in just one; flow: what was learned."""

    tracks: list[list[int]]
    flow: Flow


def track(seen: Sightings, settings: TrackerSettings = TrackerSettings()) -> Tracking:
    """Learn the camera's flow from the sightings, then walk through them frame by frame."""
    flow = learn_flow(seen, settings.least_similarity)
    tracks: list[list[int]] = []
    alive: list[int] = []
    for frame in seen.frames():
        now = seen.times[frame[0]]
        alive = [t for t in alive if now - seen.times[tracks[t][-1]] <= settings.longest_gap_s]
        pairs = associate(seen, [tracks[t] for t in alive], frame, flow, settings)
        for place, row in pairs:
            tracks[alive[place]].append(row)
        joined = {row for _, row in pairs}
        for row in frame:
            if int(row) not in joined:
                tracks.append([int(row)])
                alive.append(len(tracks) - 1)
    return Tracking(tracks, flow)


def associate(
    seen: Sightings, tracks: list[list[int]], rows: np.ndarray, flow: Flow, settings: TrackerSettings
) -> list[tuple[int, int]]:
    """Assign new sightings to tracks at least cost. Returns (place in tracks, row) pairs."""
    if not tracks or not len(rows):
        return []
    last = np.array([rows_of[-1] for rows_of in tracks])
    similarity = np.stack([seen.embeddings[rows_of[-3:]].mean(0) for rows_of in tracks]) @ seen.embeddings[rows].T
    offness = np.minimum(_flow_offness(seen, tracks, rows, flow), _still_offness(seen, last, rows))
    cost = (1 - similarity) + settings.weight_motion * offness**2
    cost[~_reachable(seen, last, rows)] = np.inf
    # A detection may always start a track of its own: as many extra columns as tracks, at the dearest price.
    padded = np.concatenate([np.where(cost < settings.dearest, cost, 1e6), np.full((len(last), len(last)), settings.dearest)], 1)
    chosen, columns = linear_sum_assignment(padded)
    return [
        (int(t), int(rows[c])) for t, c in zip(chosen, columns, strict=True) if c < len(rows) and cost[t, c] < settings.dearest
    ]


def _reachable(seen: Sightings, last: np.ndarray, rows: np.ndarray) -> np.ndarray:
    seconds = seen.times[rows][None, :] - seen.times[last][:, None]
    size = np.sqrt(seen.sizes[last][:, None] * seen.sizes[rows][None, :])
    distance = np.linalg.norm(seen.points[last][:, None] - seen.points[rows][None, :], axis=2)
    ratio = seen.sizes[last][:, None] / seen.sizes[rows][None, :]
    growth = 1 + 0.75 * np.minimum(seconds, LONGEST_STEP_S)
    return (seconds > 0) & (distance < SIZES_PER_SECOND * size * seconds + size) & (ratio < growth) & (1 / ratio < growth)


def _flow_offness(seen: Sightings, tracks: list[list[int]], rows: np.ndarray, flow: Flow) -> np.ndarray:
    """How far each sighting is from where the flow takes each track, in units of the tolerance: (tracks, rows)."""
    last = np.array([rows_of[-1] for rows_of in tracks])
    seconds = seen.times[rows[0]] - seen.times[last]
    start, goal = seen.points[last], seen.points[rows]
    if flow.unknown:  # too few vehicles in this hour to learn from: then the nearer the better, within reach
        reach = SIZES_PER_SECOND * seen.sizes[last] * seconds
        return 2 * np.linalg.norm(start[:, None] - goal[None, :], axis=2) / reach[:, None]
    best = np.full((len(last), len(rows)), np.inf)
    for direction in (TOWARDS, AWAY):
        moves = flow.displacement(start, direction, seconds) * _pace(seen, tracks, flow, direction)[:, None]
        tolerance = 0.5 * seen.sizes[last] + 0.35 * np.linalg.norm(moves, axis=1)
        off = np.linalg.norm((start + moves)[:, None] - goal[None, :], axis=2) / tolerance[:, None]
        best = np.fmin(best, off)  # NaN where the flow is unknown, or leads the other way
    return best


def _pace(seen: Sightings, tracks: list[list[int]], flow: Flow, direction: int) -> np.ndarray:
    """(tracks,) how fast each went in its last step, as a multiple of the flow there; 1 while it is unknown, NaN for one
    that went the other way."""
    pace = np.ones(len(tracks))
    moving = [t for t, rows in enumerate(tracks) if len(rows) > 1]
    if not moving:
        return pace
    before, after = (np.array([tracks[t][i] for t in moving]) for i in (-2, -1))
    seconds = seen.times[after] - seen.times[before]
    went = seen.points[after] - seen.points[before]
    usual = flow.displacement(seen.points[before], direction, seconds)
    ratio = (went * usual).sum(1) / np.maximum((usual**2).sum(1), 1e-6)
    pace[moving] = np.where(ratio < -0.2, np.nan, np.clip(ratio, 0.1, 2.0))
    return pace


def _still_offness(seen: Sightings, last: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A parked or queued vehicle's boxes do overlap: 0 when they coincide, infinite below an overlap of a half."""
    overlap = pairwise_iou(seen.boxes[last], seen.boxes[rows])
    return np.where(overlap > 0.5, 2 * (1 - overlap), np.inf)
