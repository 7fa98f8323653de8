"""Detections against the true boxes of their frames: average precision at an overlap of one half, and the rest.

All labels together are one class, "vehicle". For a size or a label, the other true boxes are ignored.
"""

from collections.abc import Iterator

import numpy as np

from cctview_pipeline.boxes import pairwise_iou
from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.detect.evaluation import Curve, Scored, precision_recall
from cctview_pipeline.evaluate.reading import CameraResults
from cctview_pipeline.evaluate.report import ALL, Row, measured
from cctview_pipeline.evaluate.truth import MIN_SIDE_PX, OVERLAP, rows_by_frame, shorter_side

SIZES = (f"{MIN_SIDE_PX:.0f}-12 px", "12-24 px", "over 24 px")
"""Of the shorter side of a box; 24 px is in the middle class."""


def detection_rows(cameras: list[CameraResults], threshold: float) -> list[Row]:
    """AP50, and precision and recall of what scores threshold or more: over all, by size, by label, by camera."""
    by_camera = [precision_recall(list(_images(c, c.truth.counted, _every(c.found.frame)))) for c in cameras]
    rows = _rows(ALL, _joined(by_camera), threshold)
    sizes = [_sizes(camera) for camera in cameras]
    for number, name in enumerate(SIZES):
        chosen = [
            _images(camera, camera.truth.counted & (true == number), found == number)
            for camera, (true, found) in zip(cameras, sizes, strict=True)
        ]
        rows += _rows(name, precision_recall([image for images in chosen for image in images]), threshold)
    for label in VEHICLES:
        chosen = [_images(c, c.truth.counted & (c.truth.label == label), c.found.label == label) for c in cameras]
        rows += _rows(label, precision_recall([image for images in chosen for image in images]), threshold)
    for camera, curve in zip(cameras, by_camera, strict=True):
        rows += _rows(camera.camera_id, curve, threshold)
    return rows


def _rows(scope: str, curve: Curve, threshold: float) -> list[Row]:
    precision, recall = curve.at(threshold)
    found_any = bool((curve.scores >= threshold).any())
    values = {"AP50": curve.average_precision, "precision": precision if found_any else None, "recall": recall}
    return measured("detection", scope, curve.truths, values)


def _images(camera: CameraResults, asked: np.ndarray, chosen: np.ndarray) -> Iterator[Scored]:
    """Frames with something to find or something found. asked: (N,) true boxes to find, the others are ignored;
    chosen: (M,) detections that take part."""
    truth, found, frames = camera.truth, camera.found, len(camera.times)
    rows = [np.flatnonzero(mask) for mask in (asked, ~asked, chosen)]
    sides = truth.frame, truth.frame, found.frame
    parts = [rows_by_frame(frame[r], frames) for frame, r in zip(sides, rows, strict=True)]
    for true, ignored, boxes in zip(*parts, strict=True):
        if len(true) or len(boxes):
            mine = rows[2][boxes]
            yield Scored(found.boxes[mine], found.score[mine], truth.boxes[rows[0][true]], truth.boxes[rows[1][ignored]])


def _sizes(camera: CameraResults) -> tuple[np.ndarray, np.ndarray]:
    """(N,), (M,) each true box's and each detection's class of size.

    A detection belongs with the counted vehicle it overlaps most, by one half or more, else to its own size: a box a
    pixel too wide is no false alarm in the next class.
    """
    truth, found, frames = camera.truth, camera.found, len(camera.times)
    true, own = _size(truth.boxes), _size(found.boxes)
    counted = np.flatnonzero(truth.counted)
    pairs = zip(rows_by_frame(truth.frame[counted], frames), rows_by_frame(found.frame, frames), strict=True)
    for true_rows, found_rows in pairs:
        if len(true_rows) and len(found_rows):
            iou = pairwise_iou(found.boxes[found_rows], truth.boxes[counted[true_rows]])
            near = iou.max(1) >= OVERLAP
            own[found_rows[near]] = true[counted[true_rows[iou.argmax(1)[near]]]]
    return true, own


def _size(boxes: np.ndarray) -> np.ndarray:
    side = shorter_side(boxes)
    return (side >= 12).astype(np.int64) + (side > 24)


def _every(like: np.ndarray) -> np.ndarray:
    return np.ones(len(like), bool)


def _joined(curves: list[Curve]) -> Curve:
    """One curve over all cameras, without matching every frame again."""
    scores = np.concatenate([np.zeros(0), *(curve.scores for curve in curves)])
    hits = np.concatenate([np.zeros(0), *(_hits(curve) for curve in curves)])
    order = np.argsort(-scores, kind="stable")
    found, truths = np.cumsum(hits[order]), sum(curve.truths for curve in curves)
    return Curve(scores[order], found / np.arange(1, len(found) + 1), found / max(truths, 1), truths)


def _hits(curve: Curve) -> np.ndarray:
    return np.diff(np.round(curve.recall * max(curve.truths, 1)), prepend=0)
