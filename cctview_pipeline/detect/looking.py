"""Pictures looked at as a plan says: scaled, in bands, and what was found twice put together."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cctview_pipeline.boxes import clip
from cctview_pipeline.detect import Detections, Detector
from cctview_pipeline.detect.detections import together
from cctview_pipeline.detect.plan import SHARED, Look, Plan
from cctview_pipeline.images import ImageLike, decode_scaled
from cctview_pipeline.runtime.device import threads

CUT_PX = 2.0
"""A box that comes so near to where a band was cut, px of what was looked at, may be of half a vehicle."""


def look(detector: Detector, plan: Plan, images: Sequence[ImageLike]) -> list[Detections]:
    """Pictures of the plan's size -> one Detections a picture, in its pixels, best score first."""
    if plan.enlarging or plan.looks == (Look(1.0, 0, plan.size[1]),):
        return detector.detect(images, scales=[each.scale for each in plan.looks])
    parts = [_look(detector, plan, number, images) for number in range(len(plan.looks))]
    if len(parts) == 1:
        return parts[0]
    return [together(each) for each in zip(*parts, strict=True)]


def _look(detector: Detector, plan: Plan, number: int, images: Sequence[ImageLike]) -> list[Detections]:
    chosen, (width, height) = plan.looks[number], plan.size
    size = round(width * chosen.scale), round(height * chosen.scale)
    first, last = round(chosen.top * chosen.scale), round(chosen.bottom * chosen.scale)
    with ThreadPoolExecutor(threads()) as pool:
        pictures = list(pool.map(lambda image: decode_scaled(image, size)[first:last], images))
    found = detector.detect(pictures, scales=[1.0])
    scale = np.array([size[0] / width, size[1] / height] * 2, np.float32)
    return [_owned(each, first, plan, number, scale) for each in found]


def _owned(found: Detections, first: int, plan: Plan, number: int, scale: np.ndarray) -> Detections:
    """A look's boxes in pixels of the picture, without those that are another look's to tell."""
    chosen, (width, height), keep = plan.looks[number], plan.size, np.ones(len(found), bool)
    if chosen.top > 0:
        keep &= found.boxes[:, 1] > CUT_PX
    if chosen.bottom < height:
        keep &= found.boxes[:, 3] < (chosen.bottom - chosen.top) * scale[1] - CUT_PX
    boxes = clip((found.boxes + np.array([0, first, 0, first], np.float32)) / scale, width, height)
    sides = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf)
    if number:  # as large as those that the first look finds well, and a little more, for both may be off
        keep &= sides < plan.passing * SHARED
    for band in plan.looks[number + 1 :]:
        inside = (boxes[:, 1] > band.top) & (boxes[:, 3] < band.bottom)
        keep &= ~(inside & (sides < plan.passing / SHARED))
    return Detections(boxes, found.scores, found.labels).select(keep)
