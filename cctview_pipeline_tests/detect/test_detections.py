"""What a detector returns fits together, or is refused."""

import numpy as np
import pytest

from cctview_pipeline.detect import LABELS, PEOPLE, VEHICLES, Detections
from cctview_pipeline.detect.detections import together

BOXES = np.array([[0, 0, 10, 10], [5, 5, 20, 20], [1, 2, 3, 4]], np.float32)
SCORES = np.array([0.9, 0.5, 0.1], np.float32)
NAMES = ["car", "person", "bus"]


def test_detections_hold_what_was_given():
    found = Detections(BOXES, SCORES, NAMES)
    assert len(found) == 3
    assert len(Detections.empty()) == 0


@pytest.mark.parametrize("keep", [np.array([True, False, True]), np.array([0, 2])])
def test_select_by_mask_or_index(keep):
    kept = Detections(BOXES, SCORES, NAMES).select(keep)
    np.testing.assert_array_equal(kept.boxes, BOXES[[0, 2]])
    np.testing.assert_array_equal(kept.scores, SCORES[[0, 2]])
    assert kept.labels == ["car", "bus"]


def test_select_nothing():
    assert len(Detections(BOXES, SCORES, NAMES).select(np.zeros(3, bool))) == 0
    assert len(Detections.empty().select(np.zeros(0, bool))) == 0


@pytest.mark.parametrize(
    ("boxes", "scores", "labels", "sentence"),
    [
        (BOXES[:, :3], SCORES, NAMES, r"boxes must have the shape \(N, 4\), not \(3, 3\)\."),
        (BOXES[0], SCORES, NAMES, r"boxes must have the shape \(N, 4\), not \(4,\)\."),
        (BOXES, SCORES[:2], NAMES, r"scores must have the shape \(3,\), not \(2,\)\."),
        (BOXES, SCORES[:, None], NAMES, r"scores must have the shape \(3,\), not \(3, 1\)\."),
        (BOXES, SCORES, NAMES[:1], r"3 boxes need as many labels, not 1\."),
        (BOXES.astype(np.float64), SCORES, NAMES, r"must be float32, not float64 and float32\."),
    ],
)
def test_what_does_not_fit_together_is_refused(boxes, scores, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        Detections(boxes, scores, labels)


def test_vehicles_come_first_and_people_are_none():
    assert LABELS[: len(VEHICLES)] == VEHICLES
    assert not set(PEOPLE) & set(VEHICLES)


def test_of_two_looks_the_better_box_stays_and_people_hide_no_vehicle():
    first = Detections(BOXES, SCORES, ["car", "person", "bus"])
    second = Detections(BOXES + np.float32(0.5), np.array([0.6, 0.4, 0.3], np.float32), ["bus", "car", "bus"])
    found = together([first, second])
    assert found.labels == ["car", "person", "car", "bus", "bus"]
    assert found.scores == pytest.approx([0.9, 0.5, 0.4, 0.3, 0.1])
    assert len(together([Detections.empty(), Detections.empty()])) == 0
