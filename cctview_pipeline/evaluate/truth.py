"""What counts: the one rule of every metric, and which detection lies on which vehicle.

A vehicle counts in a frame when its visible box is large enough and enough of it is visible. The rest is ignored: it is
no miss when nothing is found there, and no false alarm when something is. Counted vehicles are matched first, so that
an ignored one never takes a detection away from them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from cctview_pipeline.boxes import pairwise_iou
from cctview_pipeline.detect.evaluation import covered

MIN_SIDE_PX = 8.0
MIN_VISIBLE = 0.30
OVERLAP = 0.5


@dataclass(frozen=True, kw_only=True)
class GroundTruthBoxes:
    """N true boxes of one camera, sorted by frame.

    frame: (N,) position in the camera's frames; vehicle: (N,) vehicle ids; boxes: (N, 4) px; counted: (N,) bool;
    label, carriageway: (N,) strings.
    """

    frame: np.ndarray
    vehicle: np.ndarray
    boxes: np.ndarray
    counted: np.ndarray
    label: np.ndarray
    carriageway: np.ndarray


@dataclass(frozen=True, kw_only=True)
class PredictedBoxes:
    """M detections of vehicles of one camera, of every score, sorted by frame.

    ids: (M,) detection ids; frame: (M,) position in the camera's frames; boxes: (M, 4) px; score: (M,); label: (M,);
    track: (M,) position in the camera's tracks, or -1.
    """

    ids: np.ndarray
    frame: np.ndarray
    boxes: np.ndarray
    score: np.ndarray
    label: np.ndarray
    track: np.ndarray


@dataclass(frozen=True)
class FrameOverlap:
    """One frame's counted truth (G rows of GroundTruthBoxes) and kept detections (D rows of PredictedBoxes); iou: (G, D)."""

    frame: int
    truth: np.ndarray
    found: np.ndarray
    iou: np.ndarray


@dataclass(frozen=True)
class Assignment:
    """Which true box each detection that is in a track lies on.

    hit: (M,) row of GroundTruthBoxes, or -1; kept: (M,) in a track and not left out as lying on an ignored vehicle;
    overlaps: the frames that have counted truth or kept detections.
    """

    hit: np.ndarray
    kept: np.ndarray
    overlaps: list[FrameOverlap]


def counts(boxes: np.ndarray, visible_fraction: np.ndarray) -> np.ndarray:
    """(N, 4) visible boxes in px and (N,) visible parts of the silhouettes -> (N,) bool, the rule."""
    return (shorter_side(boxes) >= MIN_SIDE_PX) & (visible_fraction >= MIN_VISIBLE)


def shorter_side(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) -> (N,) px."""
    return np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])


def rows_by_frame(frame: np.ndarray, frames: int) -> list[np.ndarray]:
    """(N,) sorted positions of frames -> the rows of each frame."""
    return np.split(np.arange(len(frame)), np.searchsorted(frame, np.arange(1, frames))) if frames else []


def assign(truth: GroundTruthBoxes, found: PredictedBoxes, frames: int) -> Assignment:
    """Assign each frame's tracked detections to its counted vehicles: the highest sum of IoU, each at least one half.

    frames: how many the camera sent. A detection that hits no counted vehicle and lies on an ignored one is left out.
    """
    hit = np.full(len(found.ids), -1)
    kept = found.track >= 0
    overlaps = []
    counted, ignored = np.flatnonzero(truth.counted), np.flatnonzero(~truth.counted)
    tracked = np.flatnonzero(kept)
    sides = ((counted, truth.frame), (ignored, truth.frame), (tracked, found.frame))
    in_frame = zip(*(rows_by_frame(frame[rows], frames) for rows, frame in sides), strict=True)
    for frame, (true_rows, ignored_rows, found_rows) in enumerate(in_frame):
        true_rows, ignored_rows, found_rows = counted[true_rows], ignored[ignored_rows], tracked[found_rows]
        if not len(true_rows) and not len(found_rows):
            continue
        iou = pairwise_iou(truth.boxes[true_rows], found.boxes[found_rows])
        rows, columns = linear_sum_assignment(np.where(iou >= OVERLAP, iou, 0), maximize=True)
        valid = iou[rows, columns] >= OVERLAP
        hit[found_rows[columns[valid]]] = true_rows[rows[valid]]
        if len(ignored_rows) and len(found_rows):
            on_ignored = covered(found.boxes[found_rows], truth.boxes[ignored_rows])
            kept[found_rows[on_ignored & (hit[found_rows] < 0)]] = False
        stay = kept[found_rows]
        if len(true_rows) or stay.any():
            overlaps.append(FrameOverlap(frame, true_rows, found_rows[stay], iou[:, stay]))
    return Assignment(hit, kept, overlaps)


def vehicles_of_tracks(truth: GroundTruthBoxes, found: PredictedBoxes, assignment: Assignment, tracks: int) -> list[str | None]:
    """Each track's vehicle: the one most of its kept detections lie on, at least half of them; else None.

    Of two vehicles with half each, the one with the lower id.
    """
    kept = np.bincount(found.track[assignment.kept], minlength=tracks)
    on_one = np.flatnonzero(assignment.kept & (assignment.hit >= 0))
    identified: list[str | None] = [None] * tracks
    names, vehicle = np.unique(truth.vehicle[assignment.hit[on_one]], return_inverse=True)
    pairs, votes = np.unique(np.stack([found.track[on_one], vehicle]), axis=1, return_counts=True)
    most = np.zeros(tracks, np.int64)
    for track, name, count in zip(*pairs, votes, strict=True):
        if 2 * count >= kept[track] and count > most[track]:
            most[track], identified[track] = count, str(names[name])
    return identified
