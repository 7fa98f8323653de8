"""Detections and crops of one camera-hour, as the lake's tables."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image, ImageDraw

from cctview_pipeline.detect import VEHICLES, Detections, Detector
from cctview_pipeline.ids import DetectionId
from cctview_pipeline.images import decode, encode_png
from cctview_pipeline.lake.schemas import schema_of

Polygon = Sequence[tuple[float, float]]


def detect_frames(
    detector: Detector,
    frames: pa.Table,
    masks: Sequence[Polygon] = (),
    min_score: float = 0.05,
    batch: int = 64,
    advance: Callable[[int], None] = lambda count: None,
) -> pa.Table:
    """raw_frames -> detections. masks: polygons in pixels; a box whose centre lies in one is dropped.

    advance: called with the number of frames done, for a progress bar.
    """
    rows: list[dict] = []
    for chunk in frames.select(["frame_id", "camera_id", "captured_at", "width", "height", "jpeg"]).to_batches(batch):
        found = detector.detect([jpeg.as_py() for jpeg in chunk["jpeg"]], min_score)
        for frame, detections in zip(chunk.drop_columns(["jpeg"]).to_pylist(), found, strict=True):
            kept = detections.select(~inside(detections.boxes, masks, frame["width"], frame["height"]))
            rows.extend(_rows(frame, kept, detector.version))
        advance(chunk.num_rows)
    return pa.Table.from_pylist(rows, schema_of("detections"))


def _rows(frame: dict, detections: Detections, model: str) -> list[dict]:
    rows = []
    for number, (box, score, label) in enumerate(zip(detections.boxes, detections.scores, detections.labels, strict=True), 1):
        corners = tuple(round(float(edge)) for edge in box)
        detection_id = DetectionId(frame["frame_id"], number, label, float(score) * 100, corners)
        x1, y1, x2, y2 = (float(edge) for edge in box)
        rows.append(
            {"detection_id": str(detection_id), "score": float(score), "label": label, "model": model}
            | {name: frame[name] for name in ("frame_id", "camera_id", "captured_at")}
            | {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        )
    return rows


def inside(boxes: np.ndarray, masks: Sequence[Polygon], width: int, height: int) -> np.ndarray:
    """(N,) bool: whose boxes have their centre in one of the polygons."""
    if not masks or not len(boxes):
        return np.zeros(len(boxes), bool)
    canvas = Image.new("1", (width, height))
    for polygon in masks:
        ImageDraw.Draw(canvas).polygon([tuple(point) for point in polygon], fill=1)
    x = np.clip((boxes[:, 0] + boxes[:, 2]) / 2, 0, width - 1).astype(int)
    y = np.clip((boxes[:, 1] + boxes[:, 3]) / 2, 0, height - 1).astype(int)
    return np.asarray(canvas)[y, x]


def vehicles(detections: pa.Table, threshold: float) -> pa.Table:
    """The detections that go on: vehicles that score threshold or more."""
    is_vehicle = pc.is_in(detections["label"], pa.array(VEHICLES))
    return detections.filter(pc.and_(is_vehicle, pc.greater_equal(detections["score"], threshold)))


def cut_crops(frames: pa.Table, detections: pa.Table, threshold: float) -> pa.Table:
    """raw_frames and detections -> crops, in the order of the detections."""
    chosen = vehicles(detections, threshold)
    place = {frame_id: row for row, frame_id in enumerate(frames["frame_id"].to_pylist())}
    rows: list[dict] = []
    current, image = None, np.zeros((0, 0, 3), np.uint8)
    for row in chosen.select(["detection_id", "frame_id", "label", "x1", "y1", "x2", "y2"]).to_pylist():
        if row["frame_id"] != current:
            current, image = row["frame_id"], decode(frames["jpeg"][place[row["frame_id"]]].as_py())
        crop = cut(image, (row["x1"], row["y1"], row["x2"], row["y2"]))
        rows.append(
            {"detection_id": row["detection_id"], "image": encode_png(crop), "label": row["label"]}
            | {"width": crop.shape[1], "height": crop.shape[0]}
        )
    return pa.Table.from_pylist(rows, schema_of("crops"))


def cut(image: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """The whole pixels that a box touches, at least one."""
    height, width = image.shape[:2]
    x1, y1 = min(int(box[0]), width - 1), min(int(box[1]), height - 1)
    x2, y2 = max(int(np.ceil(box[2])), x1 + 1), max(int(np.ceil(box[3])), y1 + 1)
    return image[y1:y2, x1:x2]
