"""Frames of the synthetic city as the detector's training takes them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.images import decode
from cctview_pipeline.training.detector.city_frames import EMPTY, FRAMES_A_CAMERA, MIN_SIDE_PX, draw_city_frames, labels_of
from cctview_pipeline.training.detector.labels import FrameLabels

DAWN_CITY = range(47, 48)
"""Its hour is the day's first, to which traffic is quick to drive."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[FrameLabels]]:
    folder = tmp_path_factory.mktemp("cities")
    return folder, draw_city_frames(DAWN_CITY, folder)


def test_every_camera_gives_some_frames(drawn: tuple[Path, list[FrameLabels]]):
    folder, frames = drawn
    assert len(frames) == 6 * FRAMES_A_CAMERA
    assert 2 * len(frames) == len(list(folder.rglob("*.jpeg"))), "each with people, and without"
    assert decode(frames[0].path.read_bytes()).shape == (240, 352, 3)


def test_labels_are_vehicles_inside_the_frame(drawn: tuple[Path, list[FrameLabels]]):
    boxes = np.concatenate([frame.objects for frame in drawn[1]])
    labels = np.concatenate([frame.labels for frame in drawn[1]])
    assert len(boxes) > 100
    assert (boxes >= 0).all()
    assert (boxes <= (352, 240, 352, 240)).all()
    assert (boxes[:, 2:] - boxes[:, :2]).min() >= MIN_SIDE_PX
    assert set(labels.tolist()) <= set(range(len(LABELS)))


def test_who_rides_is_somebody_and_sits_on_the_motorcycle(tmp_path: Path):
    """And who is all but hidden is left alone."""
    rows = [("motorcycle", 1.0, (100, 100, 120, 140)), ("person", 0.9, (10, 10, 18, 30)), ("person", 0.05, (50, 10, 58, 30))]
    truth = pa.Table.from_pylist(
        [
            {"label": n, "visible_fraction": v} | dict(zip(("x1", "y1", "x2", "y2"), map(float, b), strict=True))
            for n, v, b in rows
        ]
    )
    frame = labels_of(tmp_path / "city-1--2025-06-03--10.00.00.000Z.jpeg", truth)
    assert [LABELS[label] for label in frame.labels] == ["motorcycle", "person"]
    assert frame.people.tolist() == [[10, 10, 18, 30], [102, 100, 118, 124]]
    assert frame.unsure.tolist() == [[50, 10, 58, 30]]


def test_the_empty_frame_differs_where_people_are(drawn: tuple[Path, list[FrameLabels]]):
    walking = [frame for frame in drawn[1] if LABELS.index("person") in frame.labels]
    assert walking
    for frame in walking[:5]:
        image, empty = (
            decode(path.read_bytes()).astype(int) for path in (frame.path, frame.path.parent / EMPTY / frame.path.name)
        )
        x1, y1, x2, y2 = frame.objects[frame.labels == LABELS.index("person")][0].round().astype(int)
        there = np.abs(image - empty)[y1:y2, x1:x2].max(2).mean()
        assert there > 3 * np.abs(image - empty).max(2).mean()


def test_what_is_too_small_is_left_out_of_the_loss(drawn: tuple[Path, list[FrameLabels]]):
    ignored = np.concatenate([frame.ignored for frame in drawn[1]])
    assert len(ignored) > 0
