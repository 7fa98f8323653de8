"""How hard a camera's frames are, city or real: sizes, crowds, movement between frames, and what colour alone can tell.

The city is only worth testing on while it is as hard as the real thing. So every function takes what both have: one
camera's frames in order of time, each with its counted boxes (N, 4) in pixels of the stored frame.
"""

import itertools
from collections.abc import Iterable
from datetime import datetime

import numpy as np
from PIL import Image

from cctview_pipeline.boxes import areas, pairwise_iou

Frames = list[tuple[datetime, np.ndarray]]
"""One camera's frames: captured_at and boxes (N, 4)."""

SMALL_PX = 20.0
OVERLAP = 0.3


def shorter_sides(frames: Frames) -> np.ndarray:
    """(N,) px: of every box in every frame."""
    boxes = np.concatenate([np.zeros((0, 4)), *(boxes for _, boxes in frames)])
    return (boxes[:, 2:] - boxes[:, :2]).min(axis=1)


def small_share(frames: Frames) -> float:
    """Share of the boxes whose shorter side is under SMALL_PX; nan without boxes."""
    return _share(shorter_sides(frames) < SMALL_PX)


def crowds(frames: Frames) -> np.ndarray:
    """(F,) vehicles in every frame."""
    return np.array([len(boxes) for _, boxes in frames], np.int64)


def next_overlaps(frames: Frames) -> np.ndarray:
    """(N,) IoU of every box with the box of the next frame that it overlaps most, whoever that is; 0 if none does.

    The last frame has no next one and its boxes are left out.
    """
    best = [np.zeros(0)]
    for (_, boxes), (_, following) in itertools.pairwise(frames):
        best.append(pairwise_iou(boxes, following).max(axis=1, initial=0.0))
    return np.concatenate(best)


def overlapping_share(frames: Frames) -> float:
    """Share of the boxes whose best IoU with a box of the next frame is above OVERLAP."""
    return _share(next_overlaps(frames) > OVERLAP)


def apart_share(frames: Frames) -> float:
    """Share of the boxes that overlap no box of the next frame at all."""
    return _share(next_overlaps(frames) == 0)


def largest_boxes(boxes: np.ndarray, vehicles: Iterable[str]) -> dict[str, int]:
    """The row of each vehicle's largest box; of equals, the first."""
    size = areas(boxes)
    best: dict[str, int] = {}
    for row, vehicle in enumerate(vehicles):
        if vehicle not in best or size[row] > size[best[vehicle]]:
            best[vehicle] = row
    return best


def colour_histogram(image: Image.Image, box: np.ndarray, bins: int = 4) -> np.ndarray:
    """(bins ** 3,) shares of the box's pixels by red, green and blue. Pixels that the box touches belong to it."""
    left, top = np.floor(box[:2]).astype(int)
    right, bottom = np.maximum(np.ceil(box[2:]).astype(int), (left + 1, top + 1))
    pixels = np.asarray(image.convert("RGB").crop((left, top, right, bottom))).reshape(-1, 3).astype(np.int64)
    level = pixels * bins // 256
    counted = np.bincount((level[:, 0] * bins + level[:, 1]) * bins + level[:, 2], minlength=bins**3)
    return counted / counted.sum()


def rank_one(queries: dict[str, np.ndarray], gallery: dict[str, np.ndarray]) -> tuple[float, int]:
    """How often the nearest of a gallery is the same vehicle, and for how many queries: those that are in both.

    Histograms by vehicle; the nearest has the largest intersection (Swain and Ballard, Color Indexing, IJCV 1991). Queries
    that are nowhere in the gallery have no right answer and are not asked; what nobody asks for stays in the gallery.
    """
    asked = [vehicle for vehicle in queries if vehicle in gallery]
    if not asked:
        return float("nan"), 0
    names, candidates = list(gallery), np.stack(list(gallery.values()))
    found = [names[int(np.minimum(queries[vehicle], candidates).sum(axis=1).argmax())] for vehicle in asked]
    return _share(np.array([a == b for a, b in zip(asked, found, strict=True)])), len(asked)


def _share(which: np.ndarray) -> float:
    return float(which.mean()) if len(which) else float("nan")
