"""Frames with their boxes drawn in."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image, ImageDraw

from cctview_pipeline.images import decode

COLOURS = {
    "car": "#39d353",
    "bus": "#ffd33d",
    "truck": "#ff9e3d",
    "motorcycle": "#d66bff",
    "person": "#ff5c5c",
    "bicycle": "#4dd2ff",
}


LARGEST_SIDE = 1280
"""px of a drawn frame: smaller ones are enlarged, so that their boxes can be told apart, larger ones stay as they are."""


def draw_boxes(image: np.ndarray, boxes: Sequence[Sequence[float]], labels: Sequence[str], scale: int = 2) -> np.ndarray:
    """An RGB array, enlarged, with one coloured frame a box."""
    canvas = Image.fromarray(image).resize((image.shape[1] * scale, image.shape[0] * scale), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(canvas)
    for box, label in zip(boxes, labels, strict=True):
        pen.rectangle([edge * scale for edge in box], outline=COLOURS[label], width=2)
    return np.asarray(canvas)


def draw_busiest(frames: pa.Table, found: pa.Table) -> np.ndarray:
    """The frame of raw_frames with the most boxes, drawn. found: rows with frame_id, label and corners, at least one."""
    frame_id, _ = Counter(found["frame_id"].to_pylist()).most_common(1)[0]
    jpeg = frames.filter(pc.equal(frames["frame_id"], frame_id))["jpeg"][0].as_py()
    rows = found.filter(pc.equal(found["frame_id"], frame_id)).to_pylist()
    boxes = [[row[edge] for edge in ("x1", "y1", "x2", "y2")] for row in rows]
    image = decode(jpeg)
    return draw_boxes(image, boxes, [row["label"] for row in rows], min(2, max(1, LARGEST_SIDE // max(image.shape))))
