"""True boxes and found ones, frame by frame, as the evaluation takes them."""

import numpy as np

from cctview_pipeline.evaluate.truth import GroundTruthBoxes, PredictedBoxes

BOX = (100.0, 100.0, 120.0, 116.0)


def truth(*rows: tuple) -> GroundTruthBoxes:
    """(frame, vehicle, box, counted), sorted by frame."""
    frame, vehicle, boxes, counted = ([row[i] for row in rows] for i in range(4))
    words = np.full(len(rows), "car")
    return GroundTruthBoxes(
        frame=np.array(frame, np.int64),
        vehicle=np.array(vehicle, str),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        counted=np.array(counted, bool),
        label=words,
        carriageway=words,
    )


def found(*rows: tuple) -> PredictedBoxes:
    """(frame, track, box), sorted by frame."""
    frame, track, boxes = ([row[i] for row in rows] for i in range(3))
    ids, labels = np.array([str(i) for i in range(len(rows))], str), np.full(len(rows), "car")
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return PredictedBoxes(
        ids=ids,
        frame=np.array(frame, np.int64),
        boxes=corners,
        score=np.ones(len(rows)),
        label=labels,
        track=np.array(track, np.int64),
    )


def moved(box: tuple, x: float, y: float = 0.0) -> tuple:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y
