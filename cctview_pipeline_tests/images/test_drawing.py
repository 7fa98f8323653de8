"""Frames with their boxes drawn in."""

import numpy as np
import pyarrow as pa

from cctview_pipeline.images import encode_jpeg
from cctview_pipeline.images.drawing import COLOURS, draw_busiest


def test_the_frame_with_the_most_boxes_is_drawn_with_its_own_alone():
    dark, bright = (encode_jpeg(np.full((60, 80, 3), grey, np.uint8)) for grey in (20, 200))
    frames = pa.table({"frame_id": ["dark", "bright"], "jpeg": [dark, bright]})
    boxes = [("dark", "bus", 5), ("bright", "car", 10), ("bright", "car", 40)]
    corners = {"x1": [float(x) for *_, x in boxes], "y1": [20.0] * 3, "x2": [x + 15.0 for *_, x in boxes], "y2": [40.0] * 3}
    found = pa.table({"frame_id": [b[0] for b in boxes], "label": [b[1] for b in boxes], **corners})
    drawn = draw_busiest(frames, found)
    assert drawn.shape == (120, 160, 3)
    assert (drawn[5, 5] > 180).all()
    car, bus = ([int(COLOURS[label][i : i + 2], 16) for i in (1, 3, 5)] for label in ("car", "bus"))
    coloured = [tuple(pixel) for pixel in drawn.reshape(-1, 3)]
    assert tuple(car) in coloured
    assert tuple(bus) not in coloured
    assert drawn[60, 20].tolist() == drawn[60, 80].tolist() == car


def test_a_large_frame_is_not_enlarged():
    frames = pa.table({"frame_id": ["large"], "jpeg": [encode_jpeg(np.full((720, 1280, 3), 60, np.uint8))]})
    found = pa.table({"frame_id": ["large"], "label": ["car"], "x1": [10.0], "y1": [10.0], "x2": [90.0], "y2": [60.0]})
    assert draw_busiest(frames, found).shape == (720, 1280, 3)
