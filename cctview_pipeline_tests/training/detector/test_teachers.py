"""Who labels frames, and who of them is believed without another."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cctview_pipeline.detect import Detections
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.training.detector.teachers import DetectorTeacher, RecordedTeacher, TeacherEnsemble, open_ensemble

FIRST, SECOND = "cam-1--2020-05-05--17.00.00.000Z", "cam-1--2020-05-05--17.00.02.000Z"


@dataclass
class Fixed:
    """A detector that sees the same on every image."""

    version: str
    threshold: float = 0.5
    asked: list[float] = field(default_factory=list)

    def detect(self, images, min_score: float = 0.05) -> list[Detections]:
        self.asked.append(min_score)
        box = np.array([[10, 20, 40, 50]], np.float32)
        return [Detections(box, np.array([0.9], np.float32), ["bus"]) for _ in images]


def recorded(path: Path, *rows: tuple[str, str, str, float]) -> Path:
    corners = {"x1": 1.0, "y1": 2.0, "x2": 11.0, "y2": 12.0}
    named = [dict(zip(("frame_id", "model", "type", "score"), row, strict=True)) | corners for row in rows]
    pq.write_table(pa.Table.from_pylist(named), path)
    return path


def test_each_model_of_a_file_is_a_source_with_the_files_hash(tmp_path: Path):
    rows = [
        (FIRST, "small", "car", 0.5),
        (FIRST, "large", "bus", 0.4),
        (FIRST, "small", "boat", 0.9),
        (SECOND, "large", "car", 0.1),
    ]
    teacher = RecordedTeacher.read(recorded(tmp_path / "boxes.parquet", *rows))
    assert [name.split("@")[0] for name in teacher.names] == ["large", "small"]
    first, second = teacher.look([FIRST, SECOND], [b"", b""])
    assert {name.split("@")[0]: LABELS[boxes.labels[0]] for name, boxes in first.items()} == {"small": "car", "large": "bus"}
    assert [len(boxes.boxes) for boxes in first.values()] == [1, 1], "a boat is nothing here"
    assert second == {}, "a score of 0.1 says nothing"
    again = RecordedTeacher.read(recorded(tmp_path / "others.parquet", (FIRST, "small", "car", 0.6)))
    assert again.names[0].split("@")[1] != teacher.names[1].split("@")[1]


def test_frames_of_a_camera_that_the_file_never_names_are_refused(tmp_path: Path):
    teacher = RecordedTeacher.read(recorded(tmp_path / "boxes.parquet", (FIRST, "small", "car", 0.5)))
    with pytest.raises(CctviewError, match=r"recorded boxes of small@\w+ are of the cameras cam-1, not of cam-2"):
        teacher.look([FIRST.replace("cam-1", "cam-2")], [b""])


def test_a_detector_alone_is_believed_from_its_threshold_on():
    teacher = DetectorTeacher(Fixed("big@1", 0.3))
    assert teacher.alone == {"big@1": 0.40}, "but never below that of the published labels"
    assert DetectorTeacher(Fixed("big@1", 0.6)).alone == {"big@1": 0.6}
    (seen,) = teacher.look([FIRST], [b""])
    assert LABELS[seen["big@1"].labels[0]] == "bus"
    assert teacher.detector.asked == [0.12]


def test_of_several_detectors_only_the_first_is_believed_alone(tmp_path: Path):
    boxes = RecordedTeacher.read(recorded(tmp_path / "boxes.parquet", (FIRST, "small", "car", 0.5)))
    panel = TeacherEnsemble([boxes, DetectorTeacher(Fixed("one@1")), DetectorTeacher(Fixed("two@1"))])
    assert panel.alone == {"one@1": 0.5}
    assert panel.version == f"{boxes.names[0]} + one@1 + two@1"
    (seen,) = panel.look([SECOND], [b""])
    assert {name: len(found.boxes) for name, found in seen.items()} == {boxes.names[0]: 0, "one@1": 1, "two@1": 1}
    assert TeacherEnsemble([boxes]).alone == {}


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "Labels need a teacher"),
        (["nobody"], "There is no detector named 'nobody'"),
        (["away.parquet"], "away.parquet is neither a detector of models/manifest.toml nor a Parquet file with the columns"),
    ],
)
def test_teachers_that_are_none(names, sentence):
    with pytest.raises(CctviewError, match=sentence):
        open_ensemble(names, "cpu")


def test_a_parquet_file_of_something_else(tmp_path: Path):
    pq.write_table(pa.table({"frame_id": [FIRST]}), tmp_path / "other.parquet")
    with pytest.raises(CctviewError, match=r"other.parquet is neither a detector"):
        open_ensemble([str(tmp_path / "other.parquet")])
    with pytest.raises(CctviewError, match="has a frame_id that is none"):
        RecordedTeacher.read(recorded(tmp_path / "odd.parquet", ("no frame", "small", "car", 0.5)))
