"""Frames with their boxes drawn in."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

COLOURS = {
    "car": "#39d353",
    "bus": "#ffd33d",
    "truck": "#ff9e3d",
    "motorcycle": "#d66bff",
    "person": "#ff5c5c",
    "bicycle": "#4dd2ff",
}


def draw_boxes(image: np.ndarray, boxes: Sequence[Sequence[float]], labels: Sequence[str], scale: int = 2) -> np.ndarray:
    """An RGB array, enlarged, with one coloured frame a box."""
    canvas = Image.fromarray(image).resize((image.shape[1] * scale, image.shape[0] * scale), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(canvas)
    for box, label in zip(boxes, labels, strict=True):
        pen.rectangle([edge * scale for edge in box], outline=COLOURS[label], width=2)
    return np.asarray(canvas)
