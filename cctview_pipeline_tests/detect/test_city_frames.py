"""Frames of the synthetic city as the detector's training takes them."""

from pathlib import Path

import numpy as np
import pytest

from cctview_pipeline.detect.city_frames import FRAMES_A_CAMERA, SMALLEST_PX, draw_city_frames
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.detect.labels import FrameLabels
from cctview_pipeline.images import decode

DAWN_CITY = range(47, 48)
"""Its hour is the day's first, to which traffic is quick to drive."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[FrameLabels]]:
    folder = tmp_path_factory.mktemp("cities")
    return folder, draw_city_frames(DAWN_CITY, folder)


def test_every_camera_gives_some_frames(drawn: tuple[Path, list[FrameLabels]]):
    folder, frames = drawn
    assert len(frames) == 6 * FRAMES_A_CAMERA == len(list(folder.rglob("*.jpeg")))
    assert decode(frames[0].path.read_bytes()).shape == (240, 352, 3)


def test_labels_are_vehicles_inside_the_frame(drawn: tuple[Path, list[FrameLabels]]):
    boxes = np.concatenate([frame.objects for frame in drawn[1]])
    labels = np.concatenate([frame.labels for frame in drawn[1]])
    assert len(boxes) > 100
    assert (boxes >= 0).all()
    assert (boxes <= (352, 240, 352, 240)).all()
    assert (boxes[:, 2:] - boxes[:, :2]).min() >= SMALLEST_PX
    assert {LABELS[label] for label in labels} <= {"car", "bus", "truck", "motorcycle"}


def test_what_is_too_small_is_left_out_of_the_loss(drawn: tuple[Path, list[FrameLabels]]):
    ignored = np.concatenate([frame.ignored for frame in drawn[1]])
    assert len(ignored) > 0
