"""What masking costs: how much of people it covers, how much of vehicles and of the picture it takes with it, and what a
detector still finds afterwards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cctview_pipeline.detect import VEHICLES, Detections, Detector
from cctview_pipeline.detect.evaluation import Scored, precision_recall
from cctview_pipeline.images import decode
from cctview_pipeline.redaction.masking import GREY, Masker, Refused

_LIKE_GREY, _UNLIKE_GREY = 6, 18
"""Of 255: a painted pixel is so near to the masker's grey. One that was nearer than the second before cannot be told, and does
not count."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A picture as it came, and boxes (N, 4) in its pixels: vehicles that are to be found, those that count neither way, and
    people."""

    camera_id: str
    jpeg: bytes
    vehicles: np.ndarray
    ignored: np.ndarray
    people: np.ndarray


@dataclass(frozen=True, kw_only=True)
class MaskingCost:
    """Shares of pixels that were painted: of the pictures, of vehicles' boxes without the people in them, and of people's
    boxes; and AP50 of vehicles on the pictures as they came and as they are stored. NaN where there was nothing to measure."""

    picture: float
    vehicles: float
    people: float
    ap50_before: float
    ap50_after: float

    @property
    def lost(self) -> float:
        """AP50 that masking took."""
        return self.ap50_before - self.ap50_after


class Painted:
    """Sums of pixels, picture by picture."""

    def __init__(self) -> None:
        self._sums = np.zeros((3, 2), np.int64)

    def add(self, before: np.ndarray, after: np.ndarray, vehicles: np.ndarray, people: np.ndarray) -> None:
        """before, after: (H, W, 3) uint8, as it came and as it is stored, of one size."""
        was, now = (abs(image.astype(np.int16) - GREY).max(-1) for image in (before, after))
        told, painted = was > _UNLIKE_GREY, now <= _LIKE_GREY
        somebody = _inside(told.shape, people)
        for row, region in enumerate((told, _inside(told.shape, vehicles) & ~somebody & told, somebody & told)):
            self._sums[row] += (painted & region).sum(), region.sum()

    def shares(self) -> tuple[float, float, float]:
        """Of the pictures, of vehicles, of people."""
        told, vehicles, people = (float(painted / whole) if whole else float("nan") for painted, whole in self._sums)
        return told, vehicles, people


def masking_cost(masker: Masker, detector: Detector, pictures: Sequence[Seen]) -> MaskingCost:
    """Mask pictures as they are masked before they are stored, and let the detector look at both."""
    stored = []
    for found in masker.mask([each.camera_id for each in pictures], [each.jpeg for each in pictures]):
        if isinstance(found, Refused):
            raise ValueError(f"A picture was not masked: {found.detail}")
        stored.append(found)
    painted = Painted()
    for each, masked in zip(pictures, stored, strict=True):
        painted.add(decode(each.jpeg), decode(masked.jpeg), each.vehicles, each.people)
    before, after = (
        average_precision(detector.detect(jpegs), pictures)
        for jpegs in ([each.jpeg for each in pictures], [masked.jpeg for masked in stored])
    )
    picture, vehicles, people = painted.shares()
    return MaskingCost(picture=picture, vehicles=vehicles, people=people, ap50_before=before, ap50_after=after)


def average_precision(found: Iterable[Detections], pictures: Sequence[Seen]) -> float:
    """AP50 of vehicles, all labels as one."""
    images = []
    for each, seen in zip(found, pictures, strict=True):
        vehicles = each.select(np.array([label in VEHICLES for label in each.labels], bool))
        images.append(Scored(vehicles.boxes, vehicles.scores, seen.vehicles, seen.ignored))
    return precision_recall(images).average_precision


def _inside(shape: tuple[int, int], boxes: np.ndarray) -> np.ndarray:
    canvas = np.zeros(shape, bool)
    for x1, y1, x2, y2 in boxes.astype(int):
        canvas[max(0, y1) : max(0, y2), max(0, x1) : max(0, x2)] = True
    return canvas
