"""Frames to detections, detections to crops."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.detect import Detections
from cctview_pipeline.detect.plan import Look, Plan
from cctview_pipeline.detect.tables import cut, cut_crops, detect_frames, vehicles
from cctview_pipeline.ids import DetectionId
from cctview_pipeline.images import decode, encode_jpeg
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.zones import Zones
from cctview_pipeline_tests.factories.squares import SquareDetector
from cctview_pipeline_tests.factories.squares import jpeg as jpeg_of
from cctview_pipeline_tests.factories.tables import SEEN, rows

SEEN_BOXES = np.array([[100.4, 80.6, 140.2, 110.0], [10, 10, 20, 30], [0, 0, 6, 6]], np.float32)
LEFT_HALF = ((0.0, 0.0), (99.0, 0.0), (99.0, 240.0), (0.0, 240.0))
PICTURE = np.random.default_rng(1).integers(0, 255, (240, 352, 3), np.uint8)


class SeesTheSame:
    """A detector that sees a car, a person and a faint bus everywhere, and remembers what it was asked."""

    threshold, version = 0.5, "made@1"

    def __init__(self) -> None:
        self.asked: list[list[bytes]] = []

    def detect(self, images: list[bytes], min_score: float = 0.05) -> list[Detections]:
        self.asked.append(images)
        return [Detections(SEEN_BOXES, np.array([0.9, 0.8, 0.2], np.float32), ["car", "person", "bus"]) for _ in images]


def frames(count: int = 2) -> pa.Table:
    times = [SEEN + timedelta(seconds=2 * i) for i in range(count)]
    jpegs = [encode_jpeg(np.roll(PICTURE, i, axis=1)) for i in range(count)]
    return rows("raw_frames", *({"frame_id": f"f{i}", "captured_at": times[i], "jpeg": jpegs[i]} for i in range(count)))


def test_every_box_of_every_frame_is_a_row():
    found = detect_frames(SeesTheSame(), frames())
    assert found.schema == schema_of("detections")
    assert found["frame_id"].to_pylist() == ["f0"] * 3 + ["f1"] * 3
    assert found["label"].to_pylist() == ["car", "person", "bus"] * 2
    assert found["captured_at"][3].as_py() == SEEN + timedelta(seconds=2)
    assert set(found["model"].to_pylist()) == {"made@1"}
    np.testing.assert_array_equal(found["x1"].to_numpy()[:3], SEEN_BOXES[:, 0])


def test_detection_ids_tell_number_label_score_and_box():
    ids = detect_frames(SeesTheSame(), frames(1))["detection_id"].to_pylist()
    assert ids[0] == "f0--detections--1--car--90.0--40x29--100.81v140.110"
    assert [DetectionId.parse(text).number for text in ids] == [1, 2, 3]


def test_detector_is_asked_in_batches_and_progress_is_told():
    detector, done = SeesTheSame(), []
    detect_frames(detector, frames(5), batch=2, advance=done.append)
    assert done == [2, 2, 1]
    assert [len(images) for images in detector.asked] == [2, 2, 1]
    assert detector.asked[2] == [frames(5)["jpeg"][4].as_py()]


def test_boxes_in_a_mask_are_dropped_and_the_rest_is_numbered():
    found = detect_frames(SeesTheSame(), frames(1), zones=Zones(masks=[LEFT_HALF], size=(352, 240)))
    assert found["label"].to_pylist() == ["car"]
    assert found["detection_id"][0].as_py().startswith("f0--detections--1--car")


def test_no_frames_are_no_detections():
    assert detect_frames(SeesTheSame(), frames(0)).equals(schema_of("detections").empty_table())


def test_vehicles_at_the_threshold_go_on():
    labels = ["car", "bus", "truck", "motorcycle", "person", "bicycle"]
    found = rows("detections", *({"label": label, "score": score} for label in labels for score in (0.25, 0.5)))
    chosen = vehicles(found, 0.5)
    assert chosen["label"].to_pylist() == labels[:4]
    assert set(chosen["score"].to_pylist()) == {0.5}


def test_crops_are_the_boxes_cut_out_without_loss():
    shown = frames()
    found = detect_frames(SeesTheSame(), shown)
    crops = cut_crops(shown, found, 0.5)
    assert crops.schema == schema_of("crops")
    assert crops["detection_id"].to_pylist() == [found["detection_id"][i].as_py() for i in (0, 3)]
    for crop, jpeg in zip(crops.to_pylist(), shown["jpeg"].to_pylist(), strict=True):
        np.testing.assert_array_equal(decode(crop["image"]), decode(jpeg)[80:110, 100:141])
        assert (crop["width"], crop["height"], crop["label"]) == (41, 30, "car")


def test_people_have_no_crop_whatever_their_score():
    found = rows("detections", {"label": "person", "score": 1.0}, {"label": "bicycle", "score": 1.0})
    assert cut_crops(rows("raw_frames", {}), found, 0.1).equals(schema_of("crops").empty_table())


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        ((0, 0, 352, 240), (240, 352)),
        ((3.2, 4.9, 3.4, 5.1), (2, 1)),
        ((351.9, 239.9, 352, 240), (1, 1)),
        ((352, 240, 352, 240), (1, 1)),
    ],
)
def test_crop_has_every_pixel_that_the_box_touches_and_at_least_one(box, shape):
    assert cut(PICTURE, box).shape[:2] == shape


def test_crop_of_a_detection_in_the_middle():
    np.testing.assert_array_equal(cut(PICTURE, (10.2, 20.0, 12.0, 22.5)), PICTURE[20:23, 10:12])


def test_frames_of_each_size_are_looked_at_by_their_plan_and_stay_in_order():
    """A camera that changes its size in the middle of the hour, and back."""
    large, small = (1280, 720), (352, 240)
    squares = {large: [(100, 100, 160)], small: [(20, 40, 24)]}
    order = [small, large, small, large, large]
    shown = rows(
        "raw_frames",
        *(
            {"frame_id": f"f{i}", "captured_at": SEEN + timedelta(seconds=i), "width": size[0], "height": size[1]}
            | {"jpeg": jpeg_of(size, squares[size])}
            for i, size in enumerate(order)
        ),
    )
    detector = SquareDetector()
    found = detect_frames(detector, shown, plans={large: Plan(large, (Look(0.25, 0, 720),), 8.0)})
    assert sorted(detector.asked) == [(320, 180)] * 3 + [small] * 2
    assert found["frame_id"].to_pylist() == [f"f{i}" for i in range(5)]
    assert found["frame_width"].to_pylist() == [size[0] for size in order]
    assert found["x1"].to_pylist() == pytest.approx([squares[size][0][0] for size in order], abs=4)
    assert detect_frames(SquareDetector(), shown).num_rows == 2, "without a plan the large ones are missed"
