"""Detections and crops of one camera-hour, as the lake's tables."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.detect import VEHICLES, Detections, Detector
from cctview_pipeline.detect.looking import look
from cctview_pipeline.detect.plan import Plan
from cctview_pipeline.ids import DetectionId
from cctview_pipeline.images import decode, encode_png
from cctview_pipeline.images.size import Size, sizes_of
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.zones import Zones


def detect_frames(
    detector: Detector,
    frames: pa.Table,
    zones: Zones = Zones(),
    batch: int = 256,
    plans: Mapping[Size, Plan] = MappingProxyType({}),
    advance: Callable[[int], None] = lambda count: None,
) -> pa.Table:
    """raw_frames -> detections. zones: where nothing is detected; plans: how frames of a size are looked at, pixel by pixel where
    nothing is said.

    advance: called with the number of frames done, for a progress bar.
    """
    parts = [schema_of("detections").empty_table()]
    columns = ["frame_id", "camera_id", "captured_at", "width", "height", "jpeg"]
    for chunk in frames.select(columns).to_batches(batch):
        sizes = sizes_of(chunk)
        found = _looked_at(detector, chunk["jpeg"].to_pylist(), sizes, plans)
        kept = [each.select(~zones.hide(each.boxes, *size)) for each, size in zip(found, sizes, strict=True)]
        parts.append(_table(chunk, kept, detector.version))
        advance(chunk.num_rows)
    return pa.concat_tables(parts)


def _looked_at(detector: Detector, jpegs: list[bytes], sizes: list[Size], plans: Mapping[Size, Plan]) -> list[Detections]:
    """Those of one plan at once."""
    groups: dict[Plan | None, list[int]] = {}
    for place, size in enumerate(sizes):
        groups.setdefault(plans.get(size), []).append(place)
    found = [Detections.empty()] * len(jpegs)
    for plan, places in groups.items():
        mine = [jpegs[place] for place in places]
        each = detector.detect(mine) if plan is None else look(detector, plan, mine)
        for place, detections in zip(places, each, strict=True):
            found[place] = detections
    return found


def _table(frames: pa.RecordBatch, found: Sequence[Detections], model: str) -> pa.Table:
    """A row for every detection of every frame."""
    rows = np.repeat(np.arange(len(found)), [len(each) for each in found])
    boxes = np.concatenate([each.boxes for each in found])
    labels = [label for each in found for label in each.labels]
    ids = [
        str(DetectionId(frame_id=frame_id, number=number, label=label, percent=float(score) * 100, box=tuple(corners)))
        for frame_id, each in zip(frames["frame_id"].to_pylist(), found, strict=True)
        for number, (corners, score, label) in enumerate(
            zip(np.round(each.boxes).astype(int).tolist(), each.scores, each.labels, strict=True), 1
        )
    ]
    values = {name: frames[name].take(pa.array(rows)) for name in ("frame_id", "camera_id", "captured_at")}
    values |= {"detection_id": ids, "score": np.concatenate([each.scores for each in found]), "label": labels}
    values |= {"model": [model] * len(rows)} | {name: boxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))}
    values |= {f"frame_{name}": frames[name].take(pa.array(rows)) for name in ("width", "height")}
    schema = schema_of("detections")
    return pa.table({name: values[name] for name in schema.names}, schema)


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
