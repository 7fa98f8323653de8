"""Geometry of boxes: arrays of ``x1, y1, x2, y2`` in pixels."""

import numpy as np


def pairwise_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, 4) and (M, 4) boxes -> (N, M) intersection over union, 0..1."""
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    intersection = np.prod(np.clip(bottom_right - top_left, 0, None), axis=2)
    union = areas(a)[:, None] + areas(b)[None, :] - intersection
    return intersection / np.maximum(union, 1e-9)


def areas(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) boxes -> (N,) areas in square pixels."""
    return np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)


def clip(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """The boxes with every corner moved into an image of width x height pixels."""
    limit = np.array([width, height, width, height], boxes.dtype)
    return np.clip(boxes, 0, limit)


def suppress(boxes: np.ndarray, scores: np.ndarray, iou: float) -> np.ndarray:
    """Greedy non-maximum suppression: indices of the boxes kept, best score first, ties by position."""
    order = np.argsort(-scores, kind="stable")
    overlaps = pairwise_iou(boxes, boxes) > iou
    kept: list[int] = []
    for index in order:
        if not overlaps[index, kept].any():
            kept.append(int(index))
    return np.array(kept, np.int64)
