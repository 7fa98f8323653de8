"""Parts of a camera's picture in which nothing is detected.

A mask is for what is no traffic, such as a car park or a poster of a car: a box is dropped when its centre lies inside.
A privacy zone is for what must not be looked at, such as windows or a playground: a box is dropped when it touches the
zone at all, so that no crop and no embedding shows a pixel of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from cctview_pipeline.campaign import Polygon


@dataclass(frozen=True)
class Zones:
    """The polygons of one camera."""

    masks: Sequence[Polygon] = ()
    privacy_zones: Sequence[Polygon] = ()

    def hide(self, boxes: np.ndarray, width: int, height: int) -> np.ndarray:
        """(N, 4) boxes in a frame of width x height -> (N,) bool: which of them must be dropped."""
        hidden = np.zeros(len(boxes), bool)
        if self.masks and len(boxes):
            x = np.clip((boxes[:, 0] + boxes[:, 2]) / 2, 0, width - 1).astype(int)
            y = np.clip((boxes[:, 1] + boxes[:, 3]) / 2, 0, height - 1).astype(int)
            hidden |= painted(tuple(self.masks), width, height)[y, x]
        if self.privacy_zones and len(boxes):
            # The number of a box's pixels inside, from sums over the rectangles between the frame's corner and its own.
            inside = np.pad(painted(tuple(self.privacy_zones), width, height), ((1, 0), (1, 0))).astype(np.int64)
            sums = inside.cumsum(0).cumsum(1)
            x1, y1 = (np.clip(np.floor(boxes[:, i]).astype(int), 0, side) for i, side in ((0, width), (1, height)))
            x2, y2 = (np.clip(np.ceil(boxes[:, i]).astype(int), 0, side) for i, side in ((2, width), (3, height)))
            hidden |= sums[y2, x2] - sums[y1, x2] - sums[y2, x1] + sums[y1, x1] > 0
        return hidden


@lru_cache(maxsize=64)
def painted(polygons: tuple[Polygon, ...], width: int, height: int) -> np.ndarray:
    """(height, width) bool: the pixels that the polygons cover, their edges included."""
    canvas = Image.new("1", (width, height))
    for polygon in polygons:
        ImageDraw.Draw(canvas).polygon([tuple(point) for point in polygon], fill=1)
    return np.asarray(canvas).copy()
