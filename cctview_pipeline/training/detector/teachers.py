"""Detectors that label frames for another to learn from: of the manifest, or whose boxes somebody recorded."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cctview_pipeline.detect import Detector, load_detector
from cctview_pipeline.detect.detections import LABELS, Detections
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import FrameId
from cctview_pipeline.registry.manifest import file_hash
from cctview_pipeline.training.detector.labels import Boxes

MIN_SCORE = 0.12
"""Scores below it say nothing: two detectors agree on lane dashes there."""
RECORDED = ("frame_id", "model", "type", "score", "x1", "y1", "x2", "y2")


class Teacher(Protocol):
    """names: of its sources, with their versions; alone: the score from which each of them is believed without another, for
    those that may be."""

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def alone(self) -> Mapping[str, float]: ...

    def look(self, frame_ids: Sequence[str], jpegs: Sequence[bytes]) -> list[dict[str, Boxes]]:
        """What each source sees on each frame."""


@dataclass(frozen=True)
class DetectorTeacher:
    """A detector at work. It is believed from its threshold on, if nobody else is asked."""

    detector: Detector

    @property
    def names(self) -> Sequence[str]:
        return (self.detector.version,)

    @property
    def alone(self) -> Mapping[str, float]:
        return {self.detector.version: max(self.detector.threshold, 0.40)}

    def look(self, frame_ids: Sequence[str], jpegs: Sequence[bytes]) -> list[dict[str, Boxes]]:
        found = self.detector.detect(jpegs, MIN_SCORE)
        return [{self.detector.version: _boxes(each)} for each in found]


@dataclass(frozen=True)
class RecordedTeacher:
    """Boxes of a Parquet file with the columns of RECORDED, in pixels; each ``model`` in it is a source. None of them is
    believed alone."""

    names: Sequence[str]
    cameras: Set[str]
    rows: Mapping[str, Mapping[str, Boxes]]
    alone: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "RecordedTeacher":
        """Raises CctviewError when the file is not there or is none of this kind."""
        try:
            table = pq.read_table(path, columns=list(RECORDED)).to_pandas()
        except (OSError, pa.ArrowInvalid, KeyError) as error:
            raise CctviewError(
                f"{path} is neither a detector of models/manifest.toml nor a Parquet file with the columns {', '.join(RECORDED)}."
            ) from error
        digest, rows = file_hash(path)[:12], dict[str, dict[str, Boxes]]()
        try:
            cameras = {FrameId.parse(frame_id).camera_id for frame_id in table["frame_id"].unique()}
        except ValueError as error:
            raise CctviewError(f"{path} has a frame_id that is none: {error}") from error
        usable = table[table["type"].isin(LABELS) & (table["score"] >= MIN_SCORE)]
        for (frame_id, model), group in usable.groupby(["frame_id", "model"], sort=False):
            rows.setdefault(frame_id, {})[f"{model}@{digest}"] = Boxes(
                group[["x1", "y1", "x2", "y2"]].to_numpy(np.float32),
                group["score"].to_numpy(np.float32),
                np.array([LABELS.index(label) for label in group["type"]], np.int64),
            )
        return cls(sorted(f"{model}@{digest}" for model in table["model"].unique()), cameras, rows)

    def look(self, frame_ids: Sequence[str], jpegs: Sequence[bytes]) -> list[dict[str, Boxes]]:
        """Raises CctviewError for frames of a camera that the file never names: nobody looked at them."""
        if strangers := {FrameId.parse(frame_id).camera_id for frame_id in frame_ids} - self.cameras:
            raise CctviewError(
                f"The recorded boxes of {' and '.join(self.names)} are of the cameras {', '.join(sorted(self.cameras))}, not of "
                f"{min(strangers)}."
            )
        return [dict(self.rows.get(frame_id, {})) for frame_id in frame_ids]


@dataclass(frozen=True)
class TeacherEnsemble:
    """Several teachers as one. Of those that may be believed alone only the first is."""

    teachers: Sequence[Teacher]

    @property
    def names(self) -> list[str]:
        return [name for teacher in self.teachers for name in teacher.names]

    @property
    def alone(self) -> Mapping[str, float]:
        return next((teacher.alone for teacher in self.teachers if teacher.alone), {})

    @property
    def version(self) -> str:
        return " + ".join(self.names)

    def look(self, frame_ids: Sequence[str], jpegs: Sequence[bytes]) -> list[dict[str, Boxes]]:
        """source -> boxes, of every source, frame by frame."""
        seen = [teacher.look(frame_ids, jpegs) for teacher in self.teachers]
        nothing = _boxes(Detections.empty())
        merged = [{name: boxes for each in of_frame for name, boxes in each.items()} for of_frame in zip(*seen, strict=True)]
        return [{name: found.get(name, nothing) for name in self.names} for found in merged]


def open_ensemble(teachers: Sequence[str], device: str = "auto") -> TeacherEnsemble:
    """Detectors by their names in the manifest, or files of recorded boxes by their paths (``*.parquet``)."""
    if not teachers:
        raise CctviewError("Labels need a teacher: name one or two detectors (--teacher), such as imageai-retinanet.")
    opened: list[Teacher] = [
        RecordedTeacher.read(Path(name)) if name.endswith(".parquet") else DetectorTeacher(load_detector(name, device))
        for name in teachers
    ]
    return TeacherEnsemble(opened)


def _boxes(found: Detections) -> Boxes:
    return Boxes(found.boxes, found.scores, np.array([LABELS.index(label) for label in found.labels], np.int64))
