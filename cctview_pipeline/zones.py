"""Parts of a camera's picture in which nothing is detected.

A mask is for what is no traffic, such as a car park or a poster of a car: a box is dropped when its centre lies inside.
A privacy zone is for what must not be looked at, such as windows or a playground: a box is dropped when it touches the
zone at all, so that no crop and no embedding shows a pixel of it.

Polygons are drawn on frames of one size. In a frame that shows the same, larger or smaller, they cover the same. Where they lie
in a frame of another shape nobody knows: such a frame is not stored where privacy would suffer, and nothing is detected in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from cctview_pipeline.campaign import Camera
from cctview_pipeline.images.size import Size, named, same_shape
from cctview_pipeline.polygons import Polygon


@dataclass(frozen=True)
class Zones:
    """The polygons of one camera. size: of the frames that they were drawn on, None where nobody said; camera_id: for
    sentences."""

    masks: Sequence[Polygon] = ()
    privacy_zones: Sequence[Polygon] = ()
    size: Size | None = None
    camera_id: str = ""

    @classmethod
    def of(cls, camera: Camera) -> "Zones":
        return cls(camera.masks, camera.privacy_zones, camera.zones_size, camera.id)

    @property
    def unsized(self) -> str:
        """A sentence, with the mend, where there are polygons and nobody said what size they were drawn on; else empty."""
        if self.size is not None or not (self.masks or self.privacy_zones):
            return ""
        return (
            f"Camera '{self.camera_id}' has zones, but not the size of the frame that they were drawn on: write it beside them "
            "in campaign.toml, such as zones_size = [352, 240]."
        )

    def unplaceable(self, width: int, height: int) -> str:
        """A sentence where nobody knows which pixels of a frame of width x height the polygons cover; else empty."""
        if self.size is None or not (self.masks or self.privacy_zones) or same_shape(self.size, (width, height)):
            return self.unsized
        return (
            f"It is {width} x {height} pixels, of another shape than the {self.size[0]} x {self.size[1]} that the zones of "
            f"camera '{self.camera_id}' were drawn on: nobody knows where they are in it."
        )

    def private(self, width: int, height: int) -> np.ndarray:
        """(height, width) bool: the pixels of the privacy zones. Raises ValueError for a frame in which they have no place."""
        return self._covered(self.privacy_zones, width, height)

    def hide(self, boxes: np.ndarray, width: int, height: int) -> np.ndarray:
        """(N, 4) boxes in a frame of width x height -> (N,) bool: which of them must be dropped; all where zones have
        no place in it."""
        if self.unplaceable(width, height):
            return np.ones(len(boxes), bool)
        hidden = np.zeros(len(boxes), bool)
        if self.masks and len(boxes):
            x = np.clip((boxes[:, 0] + boxes[:, 2]) / 2, 0, width - 1).astype(int)
            y = np.clip((boxes[:, 1] + boxes[:, 3]) / 2, 0, height - 1).astype(int)
            hidden |= self._covered(self.masks, width, height)[y, x]
        if self.privacy_zones and len(boxes):
            # The number of a box's pixels inside, from sums over the rectangles between the frame's corner and its own.
            inside = np.pad(self.private(width, height), ((1, 0), (1, 0))).astype(np.int64)
            sums = inside.cumsum(0).cumsum(1)
            x1, y1 = (np.clip(np.floor(boxes[:, i]).astype(int), 0, side) for i, side in ((0, width), (1, height)))
            x2, y2 = (np.clip(np.ceil(boxes[:, i]).astype(int), 0, side) for i, side in ((2, width), (3, height)))
            hidden |= sums[y2, x2] - sums[y1, x2] - sums[y2, x1] + sums[y1, x1] > 0
        return hidden

    def _covered(self, polygons: Sequence[Polygon], width: int, height: int) -> np.ndarray:
        if sentence := self.unplaceable(width, height):
            raise ValueError(sentence)
        if self.size is None or not polygons:
            return np.zeros((height, width), bool)
        return painted(tuple(polygons), self.size, (width, height))


def sizes_unplaceable(zones: Zones, sizes: Sequence[Size]) -> dict[str, int]:
    """Of frames' sizes those in which the zones have no place: ``352x288`` -> how many."""
    found = [named(size) for size in sizes if zones.unplaceable(*size)]
    return {name: found.count(name) for name in sorted(set(found))}


@lru_cache(maxsize=64)
def painted(polygons: tuple[Polygon, ...], drawn: Size, size: Size) -> np.ndarray:
    """(height, width) bool: the pixels of a frame of a size that polygons cover, which were drawn on another; edges included.

    A pixel is covered when any pixel of the drawn frame that lies under it, in part or whole, is: larger or smaller, nothing of
    a zone comes to light. What lies on the far edges, at x = width or y = height, is of the last pixels. So is all that a
    polygon's edges enclose: one that goes around a place twice would leave it out by the rule that Pillow fills by.
    """
    from scipy.ndimage import binary_fill_holes  # not at the top: no command needs it before a frame is masked

    covered = np.zeros((drawn[1] + 1, drawn[0] + 1), bool)
    for polygon in polygons:
        canvas = Image.new("1", covered.shape[::-1])
        ImageDraw.Draw(canvas).polygon([tuple(point) for point in polygon], fill=1, outline=1)
        covered |= binary_fill_holes(np.asarray(canvas))
    covered[-2] |= covered[-1]
    covered[:, -2] |= covered[:, -1]
    covered = covered[:-1, :-1]
    for axis, side in ((0, size[1]), (1, size[0])):
        covered = _resized(covered, axis, side)
    return covered


def _resized(covered: np.ndarray, axis: int, side: int) -> np.ndarray:
    """One side of it made another length: where any of what lies under a new row or column is covered."""
    before, place = covered.shape[axis], np.arange(side)
    counts = np.insert(covered.cumsum(axis), 0, 0, axis)
    first, last = place * before // side, -(-(place + 1) * before // side)
    return counts.take(last, axis) > counts.take(first, axis)
