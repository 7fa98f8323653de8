"""Joining one camera's detections into tracks: assignment on appearance and on how vehicles move here."""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from cctview_pipeline.track.flow import RoadModel, fit_road_model
from cctview_pipeline.track.motion import UNKNOWN, MotionState, RoadCoordinates, motion_cost, motion_of, place
from cctview_pipeline.track.sightings import CameraDetections

VERSION = "flow-assignment-2"

LOOKS_OF = 2
"""Detections whose mean tells what a track looks like."""


@dataclass(frozen=True, kw_only=True)
class TrackerSettings:
    """least_similarity: cosine from which a pair teaches the flow; weight_motion: what one unit of the motion's cost is worth,
    in units of one minus the cosine; weight_cut: of the looks, where the picture's edge cuts one of the boxes; dearest: cost
    above which a detection starts a track of its own; longest_gap_s: how long a vehicle may stay unseen.

    All were chosen on development cities, whose seeds are below 9000.
    """

    least_similarity: float = 0.5
    weight_motion: float = 0.05
    weight_cut: float = 0.6
    dearest: float = 1.0
    longest_gap_s: float = 5.5


@dataclass(frozen=True)
class Tracking:
    """tracks: rows of the sightings, a list a track, in order of time, every row in just one; placed: the sightings in the
    coordinates of the learned flow."""

    tracks: list[list[int]]
    placed: RoadCoordinates

    @property
    def flow(self) -> RoadModel:
        return self.placed.flow


@dataclass
class OpenTrack:
    """A track that may go on."""

    rows: list[int]
    motion: MotionState = field(default=UNKNOWN)


def track(seen: CameraDetections, settings: TrackerSettings = TrackerSettings()) -> Tracking:
    """Learn the camera's flow from the sightings, then walk through them frame by frame."""
    placed = place(seen, fit_road_model(seen, settings.least_similarity))
    tracks: list[OpenTrack] = []
    alive: list[OpenTrack] = []
    for frame in seen.frames():
        now = seen.times[frame[0]]
        alive = [each for each in alive if now - seen.times[each.rows[-1]] <= settings.longest_gap_s]
        pairs = associate(placed, alive, frame, settings)
        for position, row in pairs:
            alive[position].rows.append(row)
            alive[position].motion = motion_of(placed, alive[position].rows)
        joined = {row for _, row in pairs}
        begun = [OpenTrack([int(row)]) for row in frame if int(row) not in joined]
        tracks += begun
        alive += begun
    return Tracking([each.rows for each in tracks], placed)


def associate(
    placed: RoadCoordinates, tracks: list[OpenTrack], rows: np.ndarray, settings: TrackerSettings
) -> list[tuple[int, int]]:
    """Assign new sightings to tracks at least cost. Returns (position in tracks, row) pairs."""
    if not tracks or not len(rows):
        return []
    seen = placed.seen
    last = np.array([each.rows[-1] for each in tracks])
    looks = np.stack([seen.embeddings[each.rows[-LOOKS_OF:]].mean(0) for each in tracks])
    cut = seen.cut[last][:, None] | seen.cut[rows][None, :]
    unlike = (1 - looks @ seen.embeddings[rows].T) * np.where(cut, settings.weight_cut, 1.0)
    cost = unlike + settings.weight_motion * motion_cost(placed, last, [each.motion for each in tracks], rows)
    # A detection may always start a track of its own: as many extra columns as tracks, at the dearest price.
    own = np.full((len(last), len(last)), settings.dearest)
    chosen, columns = linear_sum_assignment(np.concatenate([np.where(cost < settings.dearest, cost, 1e6), own], axis=1))
    return [
        (int(t), int(rows[c])) for t, c in zip(chosen, columns, strict=True) if c < len(rows) and cost[t, c] < settings.dearest
    ]
