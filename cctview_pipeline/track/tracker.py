"""Joining one camera's detections into tracks: assignment on appearance and on how vehicles move here.

A vehicle that the detector is not sure of in a frame is looked for among the boxes below its threshold, where its track leads:
they join tracks and begin none. ByteTrack (Zhang et al., ECCV 2022) takes such boxes where they overlap; here the flow tells.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from cctview_pipeline.boxes import pairwise_iou
from cctview_pipeline.track.flow import RoadModel, fit_road_model
from cctview_pipeline.track.motion import UNKNOWN, MotionState, RoadCoordinates, motion_cost, motion_of, place
from cctview_pipeline.track.sightings import CameraDetections

VERSION = "flow-assignment-4"

LOOKS_OF = 2
"""Detections whose mean tells what a track looks like."""

UNSURE_FROM = 0.2
"""Score from which a box below the detector's threshold can be where a track leads."""

APART = 0.3
"""An overlap (IoU) with a sure detection from which an unsure one is taken for another box of the same vehicle."""


@dataclass(frozen=True, kw_only=True)
class TrackerSettings:
    """least_similarity: cosine from which a pair teaches the flow; weight_motion: what one unit of the motion's cost is worth,
    in units of one minus the cosine; weight_cut: of the looks, where the picture's edge cuts one of the boxes; dearest: cost
    above which a detection starts a track of its own; dearest_unsure: from which one below the threshold joins none;
    longest_gap_s: how long a vehicle may stay unseen.

    All were chosen on development cities, whose seeds are below 9000.
    """

    least_similarity: float = 0.5
    weight_motion: float = 0.05
    weight_cut: float = 0.7
    dearest: float = 1.1
    dearest_unsure: float = 0.3
    longest_gap_s: float = 9.0


@dataclass(frozen=True)
class Tracking:
    """tracks: rows of the sightings, a list a track, in order of time: every sure row in just one, an unsure one in one at most,
    neither as its first nor as its last; placed: the sightings in the coordinates of the learned flow."""

    tracks: list[list[int]]
    placed: RoadCoordinates

    @property
    def flow(self) -> RoadModel:
        return self.placed.flow


@dataclass
class OpenTrack:
    """A track that may go on. sure: those of its rows that have an embedding; looks: (D,) of the last of them."""

    rows: list[int]
    sure: list[int]
    looks: np.ndarray
    motion: MotionState = UNKNOWN

    @classmethod
    def of(cls, placed: RoadCoordinates, rows: list[int]) -> "OpenTrack":
        """Of sure rows."""
        return cls(rows, list(rows), placed.seen.embeddings[rows[-LOOKS_OF:]].mean(0), motion_of(placed, rows))

    def go_on(self, placed: RoadCoordinates, row: int) -> None:
        self.rows.append(row)
        if placed.seen.sure[row]:
            self.sure.append(row)
            self.looks = placed.seen.embeddings[self.sure[-LOOKS_OF:]].mean(0)
        self.motion = motion_of(placed, self.rows)


def track(seen: CameraDetections, settings: TrackerSettings = TrackerSettings()) -> Tracking:
    """Learn the camera's flow from the sure sightings, then walk through all of them frame by frame."""
    placed = place(seen, fit_road_model(seen.select(seen.sure), settings.least_similarity))
    tracks: list[OpenTrack] = []
    alive: list[OpenTrack] = []
    for frame in seen.frames():
        now, sure = seen.times[frame[0]], frame[seen.sure[frame]]
        alive = [each for each in alive if now - seen.times[each.rows[-1]] <= settings.longest_gap_s]
        unsure = _apart(seen, frame[~seen.sure[frame]], sure)
        motion = _motion(placed, alive, np.concatenate([sure, unsure]), settings)
        pairs = _assign(_unlike(placed, alive, sure, settings) + motion[:, : len(sure)], sure, settings.dearest)
        found = {position for position, _ in pairs}
        lost = [position for position, each in enumerate(alive) if position not in found and len(each.rows) > 1]
        recovered = _assign(motion[lost, len(sure) :], unsure, settings.dearest_unsure)
        for position, row in [*pairs, *((lost[number], row) for number, row in recovered)]:
            alive[position].go_on(placed, row)
        joined = {row for _, row in pairs}
        begun = [OpenTrack.of(placed, [int(row)]) for row in sure if int(row) not in joined]
        tracks += begun
        alive += begun
    return Tracking([each.rows[: each.rows.index(each.sure[-1]) + 1] for each in tracks], placed)


def associate(
    placed: RoadCoordinates, tracks: list[OpenTrack], rows: np.ndarray, settings: TrackerSettings
) -> list[tuple[int, int]]:
    """Assign new sightings to tracks at least cost of looks and motion. Returns (position in tracks, row) pairs."""
    return _assign(_unlike(placed, tracks, rows, settings) + _motion(placed, tracks, rows, settings), rows, settings.dearest)


def _unlike(placed: RoadCoordinates, tracks: list[OpenTrack], rows: np.ndarray, settings: TrackerSettings) -> np.ndarray:
    """(T, R) what going on costs by the looks."""
    if not tracks:
        return np.zeros((0, len(rows)))
    seen = placed.seen
    cut = seen.cut[[each.rows[-1] for each in tracks]][:, None] | seen.cut[rows][None, :]
    looks = np.stack([each.looks for each in tracks])
    return (1 - looks @ seen.embeddings[rows].T) * np.where(cut, settings.weight_cut, 1.0)


def _motion(placed: RoadCoordinates, tracks: list[OpenTrack], rows: np.ndarray, settings: TrackerSettings) -> np.ndarray:
    """(T, R) what it costs by the motion."""
    if not tracks or not len(rows):
        return np.zeros((len(tracks), len(rows)))
    last = np.array([each.rows[-1] for each in tracks])
    return settings.weight_motion * motion_cost(placed, last, [each.motion for each in tracks], rows)


def _assign(cost: np.ndarray, rows: np.ndarray, dearest: float) -> list[tuple[int, int]]:
    """At least cost (T, R) in all. A track may always go on with none: as many extra columns as tracks, at the dearest price."""
    if not (cost < dearest).any():
        return []
    own = np.full((len(cost), len(cost)), dearest)
    chosen, columns = linear_sum_assignment(np.concatenate([np.where(cost < dearest, cost, 1e6), own], axis=1))
    return [(int(t), int(rows[c])) for t, c in zip(chosen, columns, strict=True) if c < len(rows) and cost[t, c] < dearest]


def _apart(seen: CameraDetections, unsure: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Unsure rows that are no second boxes of sure ones."""
    if not len(unsure) or not len(sure):
        return unsure
    return unsure[pairwise_iou(seen.boxes[unsure], seen.boxes[sure]).max(1) < APART]
