"""Labels of a camera-hour: what teachers saw, as a table, and back again."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.checks import failures
from cctview_pipeline.training.detector.labels import Boxes
from cctview_pipeline.training.detector.lake_labels import label_frames, read_labels
from cctview_pipeline.training.detector.teachers import TeacherEnsemble
from cctview_pipeline.zones import Zones
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows

CAR, BUS, FAR, SIGN = (100, 100, 140, 130), (200, 50, 260, 90), (10, 10, 22, 20), (300, 20, 330, 60)
NOTHING = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
HOUR = Partition.camera_hour("cam-1", HOUR_17)


class Scripted:
    """A teacher of one source that sees what a script says: frame number -> (label, score, box)."""

    def __init__(self, name: str, script: dict[int, list[tuple[str, float, tuple]]], alone: float | None = None) -> None:
        self.names, self.script, self.alone = (name,), script, {name: alone} if alone else {}

    def look(self, frame_ids, jpegs) -> list[dict[str, Boxes]]:
        return [{self.names[0]: self._boxes(jpeg)} for jpeg in jpegs]

    def _boxes(self, jpeg: bytes) -> Boxes:
        found = self.script.get(int(jpeg), [])
        if not found:
            return NOTHING
        labels, scores, boxes = zip(*found, strict=True)
        return Boxes(np.array(boxes, np.float32), np.array(scores, np.float32), np.array([LABELS.index(each) for each in labels]))


def frames(count: int) -> pa.Table:
    """The JPEG of each is its number, which is all that these teachers look at."""
    times = [HOUR_17 + timedelta(seconds=2 * number) for number in range(count)]
    ids = [f"cam-1--{time:%Y-%m-%d--%H.%M.%S}.000Z" for time in times]
    changes = zip(ids, times, range(count), strict=True)
    return rows("raw_frames", *({"frame_id": i, "captured_at": t, "jpeg": str(n).encode()} for i, t, n in changes))


def seen(table: pa.Table, number: int, role: str) -> list[tuple]:
    wanted = frames(number + 1)["frame_id"][number].as_py()
    found = [row for row in table.to_pylist() if row["frame_id"] == wanted and row["role"] == role]
    return [(row["label"], tuple(round(row[edge]) for edge in ("x1", "y1", "x2", "y2"))) for row in found]


def test_two_teachers_agree_and_the_table_holds_its_checks():
    both = {3: [("car", 0.6, CAR), ("bus", 0.5, BUS)]}
    panel = TeacherEnsemble([Scripted("a@1", both | {4: [("car", 0.9, FAR)]}), Scripted("b@1", both)])
    table = label_frames(panel, frames(8))
    assert seen(table, 3, "object") == [("car", CAR), ("bus", BUS)]
    assert seen(table, 4, "ignored") == [("", FAR)], "what a single one saw teaches nothing"
    assert seen(table, 5, "object") == []
    assert seen(table, 5, "frame") == [("", (0, 0, 352, 240))], "an empty frame was labelled, too"
    assert table["model"].unique().to_pylist() == ["a@1 + b@1"]
    assert failures("labels", table, {"raw_frames": frames(8)}, HOUR) == {}


def test_a_teacher_alone_is_believed_where_it_may_be_and_never_about_what_stands_still():
    standing = {number: [("car", 0.9, SIGN)] for number in range(8)}
    panel = TeacherEnsemble(
        [Scripted("a@1", standing | {3: [("car", 0.9, SIGN), ("car", 0.5, CAR), ("car", 0.3, BUS)]}, alone=0.4)]
    )
    table = label_frames(panel, frames(8))
    assert seen(table, 3, "object") == [("car", CAR)]
    assert {box for _, box in seen(table, 3, "ignored")} == {BUS, SIGN}
    assert seen(table, 3, "still") == []


def test_what_lies_in_a_zone_is_left_out_of_the_loss():
    panel = TeacherEnsemble([Scripted("a@1", {3: [("car", 0.9, CAR), ("bus", 0.9, BUS)]}, alone=0.4)])
    corner = ((90, 90), (150, 90), (150, 140), (90, 140))
    table = label_frames(panel, frames(8), Zones(masks=(corner,), size=(352, 240)))
    assert seen(table, 3, "object") == [("bus", BUS)]
    assert seen(table, 3, "ignored") == [("", CAR)]


def test_every_second_frame():
    table = label_frames(TeacherEnsemble([Scripted("a@1", {})]), frames(9), every=2)
    assert len(set(table["frame_id"].to_pylist())) == 5


def test_an_hour_without_frames():
    assert label_frames(TeacherEnsemble([Scripted("a@1", {})]), frames(0)).num_rows == 0


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    panel = TeacherEnsemble([Scripted("a@1", {3: [("car", 0.9, CAR), ("bus", 0.3, FAR)]}, alone=0.4)])
    lake.write("raw_frames", HOUR, frames(8))
    lake.write("labels", HOUR, label_frames(panel, frames(8)))
    return lake


def test_the_table_is_read_back_as_it_was_labelled(lake: Lake):
    found = read_labels(lake, [HOUR], most=100)
    assert [each.path.read_bytes() for each in found] == [str(number).encode() for number in range(8)]
    assert found[3].objects.tolist() == [list(map(float, CAR))]
    assert [LABELS[label] for label in found[3].labels] == ["car"]
    assert found[3].ignored.tolist() == [list(map(float, FAR))]
    assert not len(found[4].objects)


def test_no_more_frames_than_asked_and_none_whose_picture_is_gone(lake: Lake):
    assert [each.path.read_bytes() for each in read_labels(lake, [HOUR], most=4)] == [b"0", b"2", b"4", b"6"]
    lake.write("raw_frames", HOUR, frames(3))
    assert len(read_labels(lake, [HOUR], most=100)) == 3
    assert read_labels(lake, [Partition.camera_hour("cam-2", HOUR_17)], most=100) == []
