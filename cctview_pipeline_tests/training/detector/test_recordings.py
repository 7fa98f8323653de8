"""Labels out of what several teachers see together, on made frames: what is an object, what is left out, who is somebody."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images import decode
from cctview_pipeline.training.detector.labels import UNKNOWN_VEHICLE, FrameLabels
from cctview_pipeline.training.detector.recordings import FUSED, IDENTITIES, RIDER, find_recordings, load_recordings
from cctview_pipeline_tests.factories.archive import HOUR_17, write_frame

CAR, SMALL, ELSEWHERE = [100.0, 100.0, 140.0, 130.0], [10.0, 10.0, 20.0, 20.0], [200.0, 150.0, 240.0, 190.0]
Seen = tuple[str, float, list[float]]


def make(folder: Path, frames: dict[str, list[Seen]], size: tuple[int, int] = (352, 288)) -> Path:
    """A folder of frames by their names, and what teachers see in each."""
    rows = []
    for name, seen in frames.items():
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (90, 90, 90)).save(folder / f"{name}.jpg")
        rows += [
            {"frame_id": name, "label": label, "score": score, "teachers": 3}
            | dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))
            for label, score, box in seen
        ]
    names = ("frame_id", "label", "score", "x1", "y1", "x2", "y2", "teachers")
    pq.write_table(pa.table({name: [row[name] for row in rows] for name in names}), folder.parent / FUSED)
    return folder.parent


def labelled(tmp_path: Path, *seen: Seen, name: str = "cam--2017-03-09--12.00.00", folder: str = "jamcam") -> FrameLabels:
    (frame,) = load_recordings(make(tmp_path / folder, {name: list(seen)}))
    return frame


def test_what_teachers_are_sure_of_is_a_vehicle_and_what_some_see_is_left_out(tmp_path: Path):
    frame = labelled(tmp_path, ("vehicle", 0.36, CAR), ("vehicle", 0.2, ELSEWHERE), ("vehicle", 0.09, [300, 200, 330, 220]))
    assert frame.objects.tolist() == [CAR]
    assert frame.labels.tolist() == [UNKNOWN_VEHICLE]
    assert frame.ignored.tolist() == [ELSEWHERE]


def test_a_small_vehicle_is_believed_a_little_earlier(tmp_path: Path):
    frame = labelled(tmp_path, ("vehicle", 0.31, SMALL), ("vehicle", 0.31, CAR))
    assert frame.objects.tolist() == [SMALL]
    assert frame.ignored.tolist() == [CAR]


def test_a_giant_box_is_none_unless_teachers_are_sure(tmp_path: Path):
    giant = [10.0, 10.0, 300.0, 250.0]
    assert len(labelled(tmp_path / "one", ("vehicle", 0.4, giant)).objects) == 0
    assert len(labelled(tmp_path / "two", ("vehicle", 0.5, giant)).objects) == 1


def test_a_spot_that_teachers_take_for_a_vehicle_is_background(tmp_path: Path):
    logo = [267.0, 6.0, 293.0, 29.0]
    known = labelled(tmp_path / "one", ("vehicle", 0.44, logo), name="04254--2017-03-09--12.00.00")
    assert (len(known.objects), len(known.ignored)) == (0, 0)
    assert len(labelled(tmp_path / "two", ("vehicle", 0.44, logo)).objects) == 1, "of another camera"


def test_people_are_believed_by_day_and_doubted_by_night(tmp_path: Path):
    person = ("person", 0.4, SMALL)
    day, night = (
        labelled(tmp_path / hour, person, ("person", 0.15, ELSEWHERE), name=f"cam--2017-03-09--{hour}.00.00")
        for hour in ("12", "23")
    )
    assert day.people.tolist() == [SMALL]
    assert [LABELS[label] for label in day.labels] == ["person"]
    assert day.unsure.tolist() == [ELSEWHERE]
    assert len(night.people) == 0
    assert night.unsure.tolist() == [SMALL, ELSEWHERE]


def test_who_rides_is_somebody_on_what_is_left_of_the_two_wheeler(tmp_path: Path):
    riding = ("two_wheeler", 0.5, CAR)
    frame = labelled(tmp_path / "one", riding, folder="sg-lta")
    assert [LABELS[label] for label in frame.labels] == ["motorcycle"]
    x1, y1, x2, y2 = RIDER
    np.testing.assert_allclose(frame.people, [[100 + 40 * x1, 100 + 30 * y1, 100 + 40 * x2, 100 + 30 * y2]])
    undecided = labelled(tmp_path / "two", riding)
    assert len(undecided.objects) == 0, "London's may be bicycles"
    assert len(undecided.people) == 1
    car = labelled(tmp_path / "three", riding, ("vehicle", 0.5, CAR), folder="sg-lta")
    assert car.labels.tolist() == [UNKNOWN_VEHICLE], "cars seen from the front carry such boxes"
    assert len(car.people) == 0


def test_a_person_who_stands_for_hours_is_a_post(tmp_path: Path):
    post, walker = [50.0, 50.0, 60.0, 80.0], [200.0, 50.0, 210.0, 80.0]
    frames: dict[str, list[Seen]] = {
        f"cam--2017-03-09--{hour:02d}.00.00": [
            ("person", 0.6, post),
            ("person", 0.6, [v + 20 * hour * (i % 2 == 0) for i, v in enumerate(walker)]),
        ]
        for hour in range(7, 17)
    }
    for frame in load_recordings(make(tmp_path / "jamcam", frames, (640, 480))):
        assert len(frame.people) == 1
        assert frame.people[0, 0] >= 200
        assert len(frame.unsure) == 0, "a post is nobody to be unsure of"


def test_a_vehicle_that_was_followed_is_one(tmp_path: Path):
    name = "cam--2017-03-09--23.00.00"
    root = make(tmp_path / "jamcam", {name: [("vehicle", 0.12, CAR)]})
    row = {"frame_id": name, "track_id": 1, "score": 0.4, "frames": 9}
    boxes = [(CAR, 40.0), (ELSEWHERE, 3.0)]
    rows = [row | {"moved_px": moved} | dict(zip(("x1", "y1", "x2", "y2"), box, strict=True)) for box, moved in boxes]
    pq.write_table(pa.Table.from_pylist(rows), root / IDENTITIES)
    (frame,) = load_recordings(root)
    assert frame.objects.tolist() == [CAR]
    assert len(frame.ignored) == 0


def test_a_large_frame_is_taken_as_it_would_be_stored(tmp_path: Path):
    (frame,) = load_recordings(
        make(tmp_path / "sg-tuas", {"cam--2026-01-20--12.00.00": [("vehicle", 0.5, [300, 300, 600, 450])]}, (1920, 1080))
    )
    assert decode(frame.path.read_bytes()).shape == (360, 640, 3)
    np.testing.assert_allclose(frame.objects, [[100, 100, 200, 150]], atol=0.01)


def test_published_boxes_say_what_kind_a_vehicle_is(tmp_path: Path):
    path = write_frame(tmp_path, "cam-1", HOUR_17 + timedelta(seconds=2), b"jpeg")
    Image.new("RGB", (352, 240)).save(path, "JPEG")
    name = path.name.removesuffix("--original.jpeg")
    found = '{"a": {"type": "bus", "percentage_probability": 80, "box_points": [101, 100, 141, 131]}, '
    found += '"b": {"type": "person", "percentage_probability": 60, "box_points": [10, 10, 20, 30]}}'
    path.with_name(f"{name}--detections.json").write_text(found)
    rows = [
        {"frame_id": name, "label": "vehicle", "score": 0.26, "teachers": 3, "x1": 100.0, "y1": 100.0, "x2": 140.0, "y2": 130.0}
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / FUSED)
    (frame,) = load_recordings(tmp_path)
    assert frame.published
    assert [LABELS[label] for label in frame.labels] == ["bus", "person"], "0.25 is enough in daylight"
    assert frame.people.tolist() == [[10, 10, 20, 30]]


def test_frames_of_a_video_are_named_by_number(tmp_path: Path):
    first, second = find_recordings(
        make(tmp_path / "opendatacam", {"junction--000": [], "junction--001": [("vehicle", 0.5, CAR)]})
    )
    assert isinstance(first.frame_id, FrameId)
    assert (second.frame_id.time - first.frame_id.time).total_seconds() == 1


def test_what_is_missing_is_said(tmp_path: Path):
    with pytest.raises(CctviewError, match=r"The training labels need .*teacher-fused.parquet, which is not there"):
        load_recordings(tmp_path)
    make(tmp_path / "jamcam", {"cam--2017-03-09--12.00.00": [("vehicle", 0.5, CAR)]})
    next(tmp_path.rglob("*.jpg")).unlink()
    with pytest.raises(CctviewError, match="no frame below"):
        load_recordings(tmp_path)
