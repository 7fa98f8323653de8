"""Geometry of boxes: arrays of ``x1, y1, x2, y2`` in pixels."""

import numpy as np


def pairwise_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, 4) and (M, 4) boxes -> (N, M) intersection over union, 0..1."""
    # Column by column: a reduction over the two sides of a box would take most of the time.
    width, height = (np.minimum(a[:, None, i + 2], b[None, :, i + 2]) - np.maximum(a[:, None, i], b[None, :, i]) for i in (0, 1))
    intersection = np.maximum(width, 0) * np.maximum(height, 0)
    union = areas(a)[:, None] + areas(b)[None, :] - intersection
    return intersection / np.maximum(union, 1e-9)


def areas(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) boxes -> (N,) areas in square pixels."""
    width, height = (np.maximum(boxes[:, i + 2] - boxes[:, i], 0) for i in (0, 1))
    return width * height


def clip(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """The boxes with every corner moved into an image of width x height pixels."""
    limit = np.array([width, height, width, height], boxes.dtype)
    return np.clip(boxes, 0, limit)


def suppress(boxes: np.ndarray, scores: np.ndarray, iou: float) -> np.ndarray:
    """Greedy non-maximum suppression: indices of the boxes kept, best score first, ties by position."""
    order = np.argsort(-scores, kind="stable")
    ordered, gone, kept = boxes[order], np.zeros(len(order), bool), []
    overlaps = pairwise_iou(ordered, ordered) > iou
    for place in range(len(order)):
        if not gone[place]:
            kept.append(place)
            gone |= overlaps[place]
    return order[kept].astype(np.int64)
