"""Training labels from several imperfect detectors on the same frames.

No one drew boxes on these frames. The published detections are precise but miss a third of the vehicles, and the two
packaged detectors agree on lane dashes at low scores, so a label is what the sources say together:

- object: what a source that is believed alone (the published one) scores 0.40 or more, or two others at 0.30 or more, or both
  at 0.20 or more on something that moves;
- ignored (neither object nor background in the loss): a single source at 0.25 (believed alone) or 0.30 (others) or more,
  and what several sources see standing still on one spot for a third of the recording, which may be parked;
- background: the rest, among it the places where a single source sees a box that stands still (a tree taken for a car, an
  arrow on the road): these teach what is no vehicle.

A vehicle's label is the one that all sources' boxes on it, overlapping car and bus among them, score highest together.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeGuard

import numpy as np
import pyarrow.parquet as pq

from cctview_pipeline.boxes import clip, pairwise_iou, suppress
from cctview_pipeline.detect.detections import LABELS, VEHICLES
from cctview_pipeline.documents import parse_json
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import FrameId

PUBLISHED, ORIGINAL = "published", "--original.jpeg"
ALONE: Mapping[str, float] = {PUBLISHED: 0.40}
"""Sources whose boxes are believed when no other says so, and from which score on."""
UNKNOWN_VEHICLE = -1
"""The label of a vehicle of which nobody knows the kind."""
GROUPS = (VEHICLES, ("person",), ("bicycle",))
"""Labels that compete for one place: a box is a car or a bus, but a person may stand in front of either."""


@dataclass(frozen=True)
class Boxes:
    """One source's boxes on one frame: (N, 4) float32 pixels, (N,) scores, (N,) indices into LABELS."""

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def select(self, keep: np.ndarray) -> "Boxes":
        return Boxes(self.boxes[keep], self.scores[keep], self.labels[keep])


NOTHING = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


class Picture(Protocol):
    """Where a frame's JPEG comes from: a path, or a row of the lake."""

    def read_bytes(self) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class FrameLabels:
    """What one frame teaches: objects (N, 4) with indices into LABELS, boxes (M, 4) that the loss leaves out, and boxes
    (K, 4) of a single source that stand still: background to the loss, but no evaluation counts them either way.

    people (P, 4): everybody who is to be masked, riders among them; unsure (Q, 4): where nobody knows whether somebody is."""

    path: Picture
    frame_id: FrameId
    objects: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray
    still: np.ndarray
    people: np.ndarray = field(default_factory=lambda: NOTHING.boxes)
    unsure: np.ndarray = field(default_factory=lambda: NOTHING.boxes)

    @property
    def file(self) -> Path:
        """Where it lies on the disk. Raises ValueError for a frame of the lake, or one that was reduced."""
        if not isinstance(self.path, Path):
            raise ValueError(f"The frame {self.frame_id} is no file.")
        return self.path

    @property
    def published(self) -> bool:
        """Whether the frame lies in the published layout, and has the published boxes beside it."""
        return isinstance(self.path, Path) and self.path.name.endswith(ORIGINAL)


def find_frames(directory: Path) -> list[tuple[Path, FrameId]]:
    """All ``--original.jpeg`` frames below a folder of the published layout, sorted by id."""
    frames = [(path, _frame_id(path)) for path in directory.rglob(f"*{ORIGINAL}")]
    if not frames:
        raise CctviewError(f"There is nothing to train on: no *--original.jpeg below {directory}.")
    return sorted(frames, key=lambda frame: str(frame[1]))


def _frame_id(path: Path) -> FrameId:
    """Raises CctviewError for a file that is named otherwise: nobody knows whose picture it is."""
    try:
        return FrameId.parse(path.name.removesuffix(ORIGINAL))
    except ValueError as error:
        raise CctviewError(f"{path} is no frame to train on, take it away: {error}") from error


def load_labels(directory: Path, width: int = 352, height: int = 240) -> list[FrameLabels]:
    """Read every source below a folder of the published layout and agree on labels, frame by frame."""
    frames = find_frames(directory)
    packaged = packaged_boxes(directory / "packaged-detections.parquet")
    sources = []
    for path, frame_id in frames:
        found = {PUBLISHED: published_boxes(path)} | packaged.get(str(frame_id), {})
        sources.append({name: clipped(boxes, width, height) for name, boxes in found.items()})
    by_camera: dict[str, list[int]] = defaultdict(list)
    for index, (_, frame_id) in enumerate(frames):
        by_camera[frame_id.camera_id].append(index)
    labels: dict[int, FrameLabels] = {}
    for indices in by_camera.values():
        labels |= zip(indices, agree([frames[i] for i in indices], [sources[i] for i in indices]), strict=True)
    return [labels[index] for index in range(len(frames))]


def agree(
    frames: Sequence[tuple[Picture, FrameId]], sources: Sequence[Mapping[str, "Boxes"]], alone: Mapping[str, float] = ALONE
) -> list[FrameLabels]:
    """The labels of one camera's frames, in order of time, from what every source found on each of them.

    sources: name -> boxes, frame by frame; alone: those that are believed without another, and from which score on.
    """
    names = sorted({name for found in sources for name in found})
    places = {name: _static_places([found.get(name, NOTHING).boxes for found in sources]) for name in names}
    others = [name for name in names if name not in alone]
    pair = others if len(others) >= 2 else names
    agreed = [_agreement([found.get(name, NOTHING) for name in pair], 0.20) for found in sources]
    labels = []
    for position, (frame, found) in enumerate(zip(frames, sources, strict=True)):
        neighbours = [agreed[p].boxes for p in (position - 2, position + 2) if 0 <= p < len(agreed)]
        labels.append(_decide(*frame, found, agreed[position], neighbours, places, alone))
    return labels


def published_truth(image: Path, width: int = 352, height: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """The published vehicles of one frame for evaluation: boxes at 0.40 or more, and those below, to be ignored."""
    found = without_doubles(clipped(published_boxes(image), width, height))
    found = found.select(found.labels < len(VEHICLES))
    return found.boxes[found.scores >= 0.40], found.boxes[found.scores < 0.40]


def published_boxes(image: Path) -> Boxes:
    """What stands beside a frame. Raises CctviewError that names the file when it is no list of detections."""
    path = image.with_name(image.name.replace("--original.jpeg", "--detections.json"))
    found = parse_json(path.read_bytes(), str(path)) if path.exists() else {}
    if not isinstance(found, dict):
        raise CctviewError(f"{path} is no list of detections as CCTView published them: restore it, or delete it.")
    rows = [row for row in found.values() if isinstance(row, dict) and row.get("type") in LABELS]
    if wrong := [row for row in rows if not _is_detection(row)]:
        raise CctviewError(
            f"{path} has a {wrong[0]['type']} without four box_points, or without a percentage_probability from 0 to 100: "
            "restore it, or delete it."
        )
    return Boxes(
        np.array([row["box_points"] for row in rows], np.float32).reshape(-1, 4),
        np.array([row["percentage_probability"] / 100 for row in rows], np.float32),
        np.array([LABELS.index(row["type"]) for row in rows], np.int64),
    )


def _is_detection(row: Mapping) -> bool:
    box, percent = row.get("box_points"), row.get("percentage_probability")
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(_is_number(value) and abs(value) < 1e6 for value in box)
        and _is_number(percent)
        and 0 <= percent <= 100
    )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def packaged_boxes(path: Path) -> dict[str, dict[str, Boxes]]:
    """frame id -> source -> boxes."""
    if not path.exists():
        raise CctviewError(f"The training labels need {path}, which is not there.")
    table = pq.read_table(path).to_pandas()
    table = table[table["type"].isin(LABELS)]
    found: dict[str, dict[str, Boxes]] = defaultdict(dict)
    for (frame_id, model), rows in table.groupby(["frame_id", "model"], sort=False):
        boxes = rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float32)
        labels = np.array([LABELS.index(label) for label in rows["type"]], np.int64)
        found[frame_id][model] = Boxes(boxes, rows["score"].to_numpy(np.float32), labels)
    return found


def clipped(found: Boxes, width: int, height: int) -> Boxes:
    """Boxes inside the frame, less those of under 2 px."""
    boxes = clip(found.boxes, width, height)
    solid = (boxes[:, 2] - boxes[:, 0] >= 2) & (boxes[:, 3] - boxes[:, 1] >= 2)
    return Boxes(boxes[solid], found.scores[solid], found.labels[solid])


def without_doubles(found: Boxes) -> Boxes:
    """Car and bus on one vehicle are one vehicle: the box that scores higher."""
    kept = [np.zeros(0, np.int64)]
    for group in GROUPS:
        members = np.flatnonzero(np.isin(found.labels, [LABELS.index(label) for label in group]))
        kept.append(members[suppress(found.boxes[members], found.scores[members], 0.5)])
    return found.select(np.sort(np.concatenate(kept)))


def _agreement(found: Sequence[Boxes], minimum: float) -> Boxes:
    """Boxes on which the first two sources agree; the score is the lower one's, the box their mean."""
    if len(found) < 2:
        return NOTHING
    doubtless = [without_doubles(boxes) for boxes in found[:2]]
    first, second = (boxes.select(boxes.scores >= minimum) for boxes in doubtless)
    overlap = pairwise_iou(first.boxes, second.boxes) * _same_group(first.labels, second.labels)
    if not overlap.size:
        return first.select(np.zeros(len(first.boxes), bool))
    partner = overlap.argmax(1)
    pairs = np.flatnonzero((overlap.max(1) >= 0.5) & (overlap.argmax(0)[partner] == np.arange(len(first.boxes))))
    partner = partner[pairs]
    scores = np.minimum(first.scores[pairs], second.scores[partner])
    return Boxes((first.boxes[pairs] + second.boxes[partner]) / 2, scores, first.labels[pairs])


def _same_group(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    group = np.array([next(i for i, members in enumerate(GROUPS) if label in members) for label in LABELS])
    return group[a][:, None] == group[b][None, :]


def _static_places(boxes_by_frame: list[np.ndarray], share: float = 0.33, sample: int = 120) -> np.ndarray:
    """Boxes that stand on the same spot (IoU 0.7) in a third of the recording's frames."""
    chosen = np.linspace(0, len(boxes_by_frame) - 1, min(sample, len(boxes_by_frame))).astype(int)
    sampled = [boxes_by_frame[i] for i in chosen]
    candidates = np.concatenate(sampled) if sampled else np.zeros((0, 4), np.float32)
    seen = np.zeros(len(candidates))
    for boxes in sampled:
        if len(boxes):
            seen += pairwise_iou(candidates, boxes).max(1) > 0.7
    still = candidates[seen > share * len(sampled)]
    return still[suppress(still, np.ones(len(still)), 0.5)]


def _overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    return pairwise_iou(boxes, others).max(1) if len(others) else np.zeros(len(boxes))


def _decide(
    path: Picture,
    frame_id: FrameId,
    sources: Mapping[str, Boxes],
    agreed: Boxes,
    neighbours: list[np.ndarray],
    places: dict[str, np.ndarray],
    alone: Mapping[str, float],
) -> FrameLabels:
    moving = np.all([_overlap(agreed.boxes, other) < 0.6 for other in neighbours], axis=0) if neighbours else False
    agreed = agreed.select((agreed.scores >= 0.30) | moving)
    objects, labels = NOTHING.boxes, NOTHING.labels
    for name in sorted(alone.keys() & sources.keys()):
        believed = without_doubles(sources[name])
        believed = believed.select(believed.scores >= alone[name])
        objects, labels = _joined(objects, labels, believed)
    objects, labels = _joined(objects, labels, agreed)
    labels = vote(objects, labels, sources)
    static = _overlap(objects, np.concatenate(list(places.values()))) > 0.7
    by_one = np.sum([_overlap(objects, places[name]) > 0.5 for name in places], axis=0) < 2
    doubtful, still = [objects[static & ~by_one]], [objects[static & by_one]]
    objects, labels = objects[~static], labels[~static]
    for name, found in sources.items():
        weak = found.boxes[found.scores >= (0.25 if name in alone else 0.30)]
        weak = weak[_overlap(weak, objects) < 0.5]
        unmoved = _overlap(weak, places[name]) > 0.7
        elsewhere = [_overlap(weak, places[other]) > 0.5 for other in places if other != name]
        unmoved &= ~np.any(elsewhere, axis=0) if elsewhere else True
        doubtful.append(weak[~unmoved])
        still.append(weak[unmoved])
    left_out, unmoved_places = (np.concatenate(boxes).astype(np.float32) for boxes in (doubtful, still))
    # Whatever is doubtful may be somebody.
    return FrameLabels(
        path=path,
        frame_id=frame_id,
        objects=objects,
        labels=labels,
        ignored=left_out,
        still=unmoved_places,
        people=objects[labels >= len(VEHICLES)],
        unsure=left_out,
    )


def _joined(objects: np.ndarray, labels: np.ndarray, new: Boxes) -> tuple[np.ndarray, np.ndarray]:
    """Objects and those of the new boxes that lie on none of them (IoU of one half, labels of one group)."""
    same = pairwise_iou(new.boxes, objects) * _same_group(new.labels, labels)
    fresh = same.max(1, initial=0) < 0.5
    return np.concatenate([objects, new.boxes[fresh]]), np.concatenate([labels, new.labels[fresh]])


def vote(objects: np.ndarray, labels: np.ndarray, sources: Mapping[str, Boxes]) -> np.ndarray:
    """Each object's label of its group with the highest sum of scores over all sources' boxes on it (IoU of one half). Vehicles
    of an unknown kind stay so where no source has a box."""
    votes = np.zeros((len(objects), len(LABELS)), np.float32)
    for found in sources.values():
        on = pairwise_iou(objects, found.boxes) >= 0.5
        for label in range(len(LABELS)):
            of_label = found.labels == label
            votes[:, label] += np.max(on[:, of_label] * found.scores[of_label], axis=1, initial=0)
    unknown = labels == UNKNOWN_VEHICLE
    same_group = _same_group(np.where(unknown, 0, labels), np.arange(len(LABELS)))
    voted = np.where(same_group, votes, -1).argmax(1) if len(objects) else labels
    return np.where(unknown & (votes[:, : len(VEHICLES)].sum(1) == 0), UNKNOWN_VEHICLE, voted)
