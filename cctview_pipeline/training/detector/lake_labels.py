"""Training labels of a camera-hour as the lake's table: made by teachers, read back to be learned from.

One row says that a frame was labelled at all; its role is ``frame``. The others are what was found in it, so that a frame
without any is one that shows no vehicle, and one without rows was never looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images.size import Size
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.training.detector.labels import Boxes, FrameLabels, agree, clipped
from cctview_pipeline.training.detector.teachers import TeacherEnsemble
from cctview_pipeline.zones import Zones

FRAME, OBJECT, IGNORED, STILL = "frame", "object", "ignored", "still"
BATCH = 64


@dataclass(frozen=True)
class StoredPicture:
    """A frame of the lake as the training reads it."""

    jpeg: bytes = field(repr=False)

    def read_bytes(self) -> bytes:
        return self.jpeg


def label_frames(
    panel: TeacherEnsemble,
    frames: pa.Table,
    zones: Zones = Zones(),
    every: int = 1,
    advance: Callable[[int], None] = lambda count: None,
) -> pa.Table:
    """raw_frames of a camera-hour -> labels, of every so many frames.

    zones: what lies there is left out of the loss. advance: called with the number of frames done.
    """
    rows = frames.sort_by("captured_at").take(pa.array(range(0, frames.num_rows, every), pa.int64()))
    ids, sizes = rows["frame_id"].to_pylist(), list(zip(rows["width"].to_pylist(), rows["height"].to_pylist(), strict=True))
    sources = []
    for begin in range(0, len(ids), BATCH):
        part = slice(begin, begin + BATCH)
        seen = panel.look(ids[part], rows["jpeg"][part].to_pylist())
        for found, size in zip(seen, sizes[part], strict=True):
            sources.append({name: clipped(boxes, *size) for name, boxes in found.items()})
        advance(len(seen))
    pictures = [(StoredPicture(b""), FrameId.parse(frame_id)) for frame_id in ids]
    agreed = _agreed(pictures, sources, sizes, panel.alone)
    if len(panel.names) == 1:
        agreed = [_undecided(labels) for labels in agreed]
    labelled = [_outside(labels, zones, *size) for labels, size in zip(agreed, sizes, strict=True)]
    return _table(rows, labelled, sizes, panel.version)


def _agreed(
    pictures: list[tuple[StoredPicture, FrameId]],
    sources: list[dict[str, Boxes]],
    sizes: list[Size],
    alone: Mapping[str, float],
) -> list[FrameLabels]:
    """Frame by frame; what stands still is told from frames of one size, whose pixels can be compared."""
    found: dict[int, FrameLabels] = {}
    for size in dict.fromkeys(sizes):
        rows = [row for row, each in enumerate(sizes) if each == size]
        found |= zip(rows, agree([pictures[row] for row in rows], [sources[row] for row in rows], alone), strict=True)
    return [found[row] for row in range(len(sizes))]


def read_labels(lake: Lake, partitions: Sequence[Partition], most: int) -> list[FrameLabels]:
    """The labelled frames of camera-hours, by camera and time, up to so many, evenly taken.

    Those whose picture is in the lake no more are left out.
    """
    counts = [pc.sum(pc.equal(lake.read("labels", p, ["role"])["role"], FRAME)).as_py() or 0 for p in partitions]
    every, found = max(1, -(-sum(counts) // most)), []
    for partition, count in zip(partitions, counts, strict=True):
        if count:
            labels = lake.read("labels", partition)
            kept = labels.filter(pc.equal(labels["role"], FRAME))["frame_id"].to_pylist()[::every]
            labels = labels.filter(pc.is_in(labels["frame_id"], pa.array(kept)))
            frames = lake.read("raw_frames", partition, ["frame_id", "jpeg"])
            jpegs = dict(zip(frames["frame_id"].to_pylist(), frames["jpeg"].to_pylist(), strict=True))
            found += _frames(labels, jpegs)
    return sorted(found, key=lambda each: (each.frame_id.camera_id, each.frame_id.time))


def _undecided(labels: FrameLabels) -> FrameLabels:
    """Nobody can gainsay a lone teacher: what it sees standing still may be a sign, or a parked car."""
    return replace(labels, ignored=np.concatenate([labels.ignored, labels.still]), still=labels.still[:0])


def _outside(labels: FrameLabels, zones: Zones, width: int, height: int) -> FrameLabels:
    """What lies in the camera's zones is neither vehicle nor background."""
    hidden = zones.hide(labels.objects, width, height)
    ignored = np.concatenate([labels.ignored, labels.objects[hidden]])
    return replace(labels, objects=labels.objects[~hidden], labels=labels.labels[~hidden], ignored=ignored)


def _table(frames: pa.Table, labelled: list[FrameLabels], sizes: list[tuple[int, int]], model: str) -> pa.Table:
    parts = []
    for frame, size in zip(labelled, sizes, strict=True):
        whole = np.array([[0, 0, *size]], np.float32)
        parts.append(((FRAME, whole), (OBJECT, frame.objects), (IGNORED, frame.ignored), (STILL, frame.still)))
    counts = [sum(len(boxes) for _, boxes in part) for part in parts]
    places = pa.array(np.repeat(np.arange(len(parts)), counts), pa.int64())
    boxes = np.concatenate([boxes for part in parts for _, boxes in part] or [np.zeros((0, 4))]).astype(np.float32)
    names = [[LABELS[label] for label in frame.labels] for frame in labelled]
    labels = [
        label
        for part, named in zip(parts, names, strict=True)
        for role, found in part
        for label in (named if role == OBJECT else [""] * len(found))
    ]
    values = {name: frames[name].take(places) for name in ("frame_id", "camera_id", "captured_at")}
    values |= {"role": [role for part in parts for role, found in part for _ in found], "label": labels}
    values |= {name: boxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))} | {"model": [model] * len(labels)}
    schema = schema_of("labels")
    return pa.table({name: values[name] for name in schema.names}, schema)


def _frames(labels: pa.Table, jpegs: dict[str, bytes]) -> list[FrameLabels]:
    boxes = np.stack([labels[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
    roles, names = (np.array(labels[name].to_pylist()) for name in ("role", "label"))
    ids = pc.dictionary_encode(labels["frame_id"]).combine_chunks()
    order = np.argsort(ids.indices.to_numpy(), kind="stable")
    bounds = np.searchsorted(ids.indices.to_numpy()[order], np.arange(len(ids.dictionary) + 1))
    found = []
    for frame_id, begin, end in zip(ids.dictionary.to_pylist(), bounds[:-1], bounds[1:], strict=True):
        if frame_id in jpegs:
            rows = order[begin:end]
            objects, ignored, still = (rows[roles[rows] == role] for role in (OBJECT, IGNORED, STILL))
            which = np.array([LABELS.index(name) for name in names[objects]], np.int64)
            picture = StoredPicture(jpegs[frame_id])
            found.append(
                FrameLabels(
                    path=picture,
                    frame_id=FrameId.parse(frame_id),
                    objects=boxes[objects],
                    labels=which,
                    ignored=boxes[ignored],
                    still=boxes[still],
                )
            )
    return found
