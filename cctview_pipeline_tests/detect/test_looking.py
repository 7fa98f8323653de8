"""Pictures looked at as a plan says: who is too large or too small at one scale is found at another, and each once."""

import numpy as np
import pytest
from PIL import Image

from cctview_pipeline.boxes import pairwise_iou
from cctview_pipeline.detect import load_detector
from cctview_pipeline.detect.looking import look
from cctview_pipeline.detect.plan import Look, Plan
from cctview_pipeline.images import decode, encode_jpeg
from cctview_pipeline_tests.factories.archive import Car, draw_frame
from cctview_pipeline_tests.factories.squares import SquareDetector, boxes_of, jpeg, picture

SIZE = (1280, 720)
CARS = [Car(0, (200, 30, 35), 3.0, False), Car(3, (40, 60, 130), -2.0, True)]
FAR = [(100 + 60 * i, 120 + 9 * i, 10) for i in range(12)]
BETWEEN = [(200, 300, 40), (700, 260, 36)]
NEAR = [(100, 420, 200), (600, 400, 250)]


def found_of(detector: SquareDetector, plan: Plan, squares: list) -> np.ndarray:
    """Boxes, by their place from left to right."""
    (found,) = look(detector, plan, [jpeg(SIZE, squares)])
    return found.boxes[np.lexsort((found.boxes[:, 1], found.boxes[:, 0]))]


def in_order(squares: list) -> np.ndarray:
    boxes = boxes_of(squares)
    return boxes[np.lexsort((boxes[:, 1], boxes[:, 0]))]


def test_a_plan_that_scales_nothing_hands_the_pictures_on_as_they_are():
    detector, pictures = SquareDetector(), [jpeg(SIZE, FAR)]
    (found,) = look(detector, Plan(SIZE, (Look(1.0, 0, 720),), 8.0), pictures)
    assert detector.asked == [SIZE]
    assert found.boxes.tolist() == detector.detect(pictures)[0].boxes.tolist()


def test_a_plan_says_how_often_small_pictures_are_looked_at():
    """The detector would twice by itself."""
    detector, pictures = load_detector(device="cpu"), [draw_frame(1.0, CARS)]
    size = 352, 240
    first, second = detector.scales(size)
    for scales in ([first], [first, second], [1.0]):
        (seen,) = look(detector, Plan(size, tuple(Look(scale, 0, 240) for scale in scales), 8.0), pictures)
        assert seen.boxes.tolist() == detector.detect(pictures, scales=scales)[0].boxes.tolist()
    assert detector.detect(pictures)[0].boxes.tolist() == detector.detect(pictures, scales=[first, second])[0].boxes.tolist()
    assert detector.detect(pictures)[0].boxes.tolist() != detector.detect(pictures, scales=[1.0])[0].boxes.tolist()


def test_boxes_are_in_pixels_of_the_picture():
    detector = SquareDetector()
    found = found_of(detector, Plan(SIZE, (Look(0.25, 0, 720),), 8.0), NEAR)
    assert detector.asked == [(320, 180)]
    assert found == pytest.approx(in_order(NEAR), abs=4)


def test_near_and_far_are_found_once_each():
    detector, plan = SquareDetector(), Plan(SIZE, (Look(0.25, 0, 720), Look(1.0, 80, 360)), 8.0)
    found = found_of(detector, plan, FAR + BETWEEN + NEAR)
    assert detector.asked == [(320, 180), (1280, 280)]
    assert len(found) == len(FAR + BETWEEN + NEAR)
    assert found == pytest.approx(in_order(FAR + BETWEEN + NEAR), abs=4)


def test_of_who_is_cut_by_a_band_nothing_is_made_up():
    """The lower half of one, the upper of another: the first look sees both whole."""
    cut = [(300, 60, 40), (600, 340, 40)]
    found = found_of(SquareDetector(), Plan(SIZE, (Look(0.25, 0, 720), Look(1.0, 80, 360)), 8.0), cut)
    assert found == pytest.approx(in_order(cut), abs=4)


def test_arrays_and_jpegs_are_looked_at_alike():
    plan = Plan(SIZE, (Look(0.5, 0, 720),), 8.0)
    images = jpeg(SIZE, BETWEEN), picture(SIZE, BETWEEN)
    (of_bytes,), (of_pixels,) = (look(SquareDetector(), plan, [each]) for each in images)
    assert len(of_bytes) == len(BETWEEN)
    assert of_bytes.boxes == pytest.approx(of_pixels.boxes, abs=2)


def test_the_shipped_detector_finds_the_same_cars_in_a_picture_of_four_times_the_size():
    detector = load_detector(device="cpu")
    small = decode(draw_frame(1.0, CARS))
    height, width = small.shape[:2]
    large = encode_jpeg(np.asarray(Image.fromarray(small).resize((4 * width, 4 * height), Image.Resampling.BICUBIC)))
    (known,) = detector.detect([small], detector.threshold)
    (found,) = look(detector, Plan((4 * width, 4 * height), (Look(0.25, 0, 4 * height),), 8.0), [large])
    found = found.select(found.scores >= detector.threshold)
    assert len(known) > 0
    assert sorted(found.labels) == sorted(known.labels)
    assert np.sort(found.boxes / 4, axis=0) == pytest.approx(np.sort(known.boxes, axis=0), abs=2)


def test_the_shipped_detector_finds_who_is_near_in_a_small_picture():
    """A car of 128 px in a picture of 240: too large for the first look, which is enlarged."""
    detector, times = load_detector(device="cpu"), 3.5
    picture = decode(draw_frame(1.0, CARS))
    boxes = detector.detect([picture], detector.threshold)[0].boxes
    car, width, height = boxes[boxes[:, 0].argmin()], 352 / times, 240 / times
    left, top = int((car[0] + car[2] - width) / 2), int((car[1] + car[3] - height) / 2)
    cut = Image.fromarray(picture[top : top + int(height), left : left + int(width)])
    near = np.asarray(cut.resize((352, 240), Image.Resampling.BICUBIC))
    enlarged, usual = (detector.detect([near], 0.5, scales)[0] for scales in (detector.scales((352, 240))[:1], None))
    shown = (car - [left, top] * 2)[None] * times
    assert pairwise_iou(shown, enlarged.boxes).max(initial=0) < 0.5
    assert usual.boxes[:1] == pytest.approx(shown, abs=12)
