"""Detections against the true boxes of their frames: average precision at an overlap of one half, and the rest.

All labels together are one class, "vehicle". For a size or a label, the other true boxes are ignored.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np

from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.detect.evaluation import Curve, Scored, by_size, precision_recall
from cctview_pipeline.evaluate.reading import CameraResults
from cctview_pipeline.evaluate.report import ALL, Row, measured
from cctview_pipeline.evaluate.truth import MIN_SIDE_PX, OVERLAP, rows_by_frame

SIZES = (f"{MIN_SIDE_PX:.0f}-12 px", "12-24 px", "over 24 px")
"""Of the shorter side of a box; 24 px is in the middle class."""


def detection_rows(cameras: list[CameraResults], threshold: float) -> list[Row]:
    """AP50, and precision and recall of what scores threshold or more: over all, by size, by label, by camera."""
    images = [list(_images(c, c.truth.counted, _every(c.found.frame))) for c in cameras]
    by_camera = [precision_recall(each) for each in images]
    rows = _rows(ALL, _joined(by_camera), threshold)
    sized = [by_size(image, OVERLAP) for image in chain.from_iterable(images)]
    for number, name in enumerate(SIZES):
        rows += _rows(name, precision_recall([image[number] for image in sized]), threshold)
    for label in VEHICLES:
        chosen = (_images(c, c.truth.counted & (c.truth.label == label), c.found.label == label) for c in cameras)
        rows += _rows(label, precision_recall(list(chain.from_iterable(chosen))), threshold)
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
