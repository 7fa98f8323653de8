"""True boxes and found ones, frame by frame, as the evaluation takes them."""

import numpy as np

from cctview_pipeline.evaluate.truth import GroundTruthBoxes, PredictedBoxes

BOX = (100.0, 100.0, 120.0, 116.0)


def truth(*rows: tuple) -> GroundTruthBoxes:
    """(frame, vehicle, box, counted), sorted by frame."""
    frame, vehicle, boxes, counted = ([row[i] for row in rows] for i in range(4))
    words = np.full(len(rows), "car")
    kinds = np.array(vehicle, str), np.array(boxes, np.float32).reshape(-1, 4), np.array(counted, bool)
    return GroundTruthBoxes(np.array(frame, np.int64), *kinds, words, words)


def found(*rows: tuple) -> PredictedBoxes:
    """(frame, track, box), sorted by frame."""
    frame, track, boxes = ([row[i] for row in rows] for i in range(3))
    ids, labels = np.array([str(i) for i in range(len(rows))], str), np.full(len(rows), "car")
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return PredictedBoxes(ids, np.array(frame, np.int64), corners, np.ones(len(rows)), labels, np.array(track, np.int64))


def moved(box: tuple, x: float, y: float = 0.0) -> tuple:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y
