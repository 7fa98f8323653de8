"""The shipped detector keeps the contract, on drawn frames of any size."""

import numpy as np
import pytest
import torch

from cctview_pipeline.detect import LABELS, PEOPLE, VEHICLES, load_detector
from cctview_pipeline.detect.backends import OpenVinoBackend
from cctview_pipeline.detect.calibration import Calibration
from cctview_pipeline.detect.default import DefaultDetector, ahead
from cctview_pipeline.detect.network import Candidates
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode
from cctview_pipeline_tests.factories.archive import Car, draw_frame

CARS = [Car(0, (200, 30, 35), 3.0, False), Car(3, (40, 60, 130), -2.0, True)]
FRAMES = [draw_frame(second, CARS) for second in (0.0, 1.0, 2.0)]


@pytest.fixture(scope="module")
def detector():
    return load_detector("default", device="cpu")


class Told(OpenVinoBackend):
    """Finds what it was told to, and keeps the sizes of what it was shown."""

    depth = 1

    def __init__(self, boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> None:
        self.told, self.shown = (scores[None], labels[None], boxes[None]), []

    def submit(self, images: list[np.ndarray]):
        self.shown += [(image.shape[1], image.shape[0]) for image in images]
        return lambda: self.told


def check_contract(found, width, height, min_score=0.005):
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.boxes.shape == (len(found.labels), 4)
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [width, height, width, height]).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert (np.diff(found.scores) <= 0).all()
    assert ((found.scores >= min_score) & (found.scores <= 1)).all()
    assert isinstance(found.labels, list)
    assert set(found.labels) <= set(LABELS)


def test_jpeg_bytes_and_rgb_arrays_give_the_same(detector):
    from_bytes = detector.detect(FRAMES)
    from_arrays = detector.detect([decode(frame) for frame in FRAMES])
    assert len(from_bytes) == 3
    for a, b in zip(from_bytes, from_arrays, strict=True):
        check_contract(a, 352, 240)
        np.testing.assert_array_equal(a.boxes, b.boxes)
        assert a.labels == b.labels


def test_drawn_cars_are_found(detector):
    found = detector.detect([FRAMES[1]], min_score=detector.threshold)[0]
    assert set(found.labels) & set(VEHICLES)


@pytest.mark.parametrize("size", [(240, 352), (239, 351), (101, 173), (16, 16), (5, 3), (1, 1), (480, 641)])
def test_sizes_that_are_no_multiple_of_16(detector, size):
    picture = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    (found,) = detector.detect([picture])
    check_contract(found, size[1], size[0])


def test_images_of_different_sizes_keep_their_order(detector):
    whole = decode(FRAMES[1])
    mixed = [whole, whole[:, :200], whole, whole[:130], whole[:, :200]]
    alone = [detector.detect([image])[0] for image in mixed]
    for a, b, image in zip(detector.detect(mixed), alone, mixed, strict=True):
        check_contract(a, image.shape[1], image.shape[0])
        sure = [[s > 0.3 for s in found.scores] for found in (a, b)]
        np.testing.assert_allclose(a.boxes[sure[0]], b.boxes[sure[1]], atol=2)


def test_more_images_than_a_batch(detector):
    found = detector.detect([np.zeros((32, 32, 3), np.uint8)] * 17)
    assert len(found) == 17


def test_no_images_are_no_detections(detector):
    assert detector.detect([]) == []


def test_min_score_only_leaves_out_what_scores_less(detector):
    (everything,), (sure,) = detector.detect([FRAMES[0]]), detector.detect([FRAMES[0]], min_score=0.3)
    check_contract(sure, 352, 240, min_score=0.3)
    assert sure.scores.tolist() == everything.scores[everything.scores >= 0.3].tolist()


@pytest.mark.parametrize(
    ("size", "looked_at"),
    {
        (352, 240): [(480, 327), (240, 164)],
        (320, 240): [(480, 360), (240, 180)],
        (240, 352): [(327, 480), (164, 240)],
        (160, 120): [(240, 180), (120, 90)],
        (480, 270): [(480, 270)],
        (640, 360): [(640, 360)],
    }.items(),
)
def test_small_pictures_are_enlarged_and_boxes_are_in_their_pixels(size, looked_at):
    width, height = looked_at[0]
    boxes = np.array([[0, 0, width, height], [width / 2, 0, width, height / 2], [9, 9, 9.9, 40]], np.float32)
    backend = Told(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.zeros(3, int))
    (found,) = DefaultDetector(backend, "told@1").detect([np.zeros((size[1], size[0], 3), np.uint8)])
    assert backend.shown == looked_at
    assert found.boxes == pytest.approx(np.array([[0, 0, *size], [size[0] / 2, 0, size[0], size[1] / 2]]), abs=1e-3)


def test_who_scaled_pictures_has_them_looked_at_as_they_are():
    backend = Told(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int))
    DefaultDetector(backend, "told@1").detect([np.zeros((240, 352, 3), np.uint8)], scales=[1.0])
    DefaultDetector(backend, "told@1", enlarged_to=0).detect([np.zeros((240, 352, 3), np.uint8)])
    assert backend.shown == [(352, 240)] * 2


@pytest.mark.parametrize("sizes", [[(352, 240)] * 3, [(100, 80), (200, 160), (640, 360), (400, 320)]])
def test_the_second_look_at_small_pictures_is_for_what_is_near(sizes):
    """In every look the same is found: 20 and 30 px of it. Half as many px of the first look are the second's."""
    boxes = np.array([[5, 5, 25, 25], [30, 5, 60, 35]], np.float32)
    backend = Told(boxes, np.array([0.9, 0.8], np.float32), np.zeros(2, int))
    found = DefaultDetector(backend, "told@1").detect([np.zeros((h, w, 3), np.uint8) for w, h in sizes])
    for (width, height), each in zip(sizes, found, strict=True):
        scale = min(480 / max(width, height), 1.5)
        sides = (each.boxes[:, 2] - each.boxes[:, 0]).tolist()
        told = [20 / scale, 30 / scale, 60 / scale] if scale > 1 else [20, 30]
        assert sides == pytest.approx(told, rel=0.02), (width, height)


def test_faint_vehicles_are_told_and_faint_people_are_not():
    boxes = np.array([[10 * i, 10, 10 * i + 9, 19] for i in range(6)], np.float32)
    scores, labels = np.array([0.9, 0.9, 0.04, 0.04, 0.011, 0.009], np.float32), np.array([0, 4, 0, 4, 0, 0])
    detector, pictures = (
        DefaultDetector(Told(boxes, scores, labels), "told@1", enlarged_to=0),
        [np.zeros((240, 352, 3), np.uint8)],
    )
    (usual,), (asked,) = detector.detect(pictures), detector.detect(pictures, min_score=0.02)
    assert usual.labels == ["car", "person", "car", "car"]
    assert asked.labels == ["car", "person", "car"]


def test_same_frame_gives_the_same(detector):
    first, second = detector.detect([FRAMES[0]])[0], detector.detect([FRAMES[0]])[0]
    np.testing.assert_array_equal(first.boxes, second.boxes)
    np.testing.assert_array_equal(first.scores, second.scores)


@pytest.mark.parametrize("image", [b"no picture", FRAMES[0][:500], np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_what_is_no_image_is_told(detector, image):
    with pytest.raises(CctviewError, match="image"):
        detector.detect([image])


def test_threshold_and_version(detector):
    assert 0.05 < detector.threshold < 1
    assert detector.version.startswith("default-detector@")


def test_unknown_device_is_told():
    with pytest.raises(CctviewError, match="'abacus' is no device: use auto, cpu, cuda or cuda:N"):
        load_detector("default", device="abacus")


def test_unknown_detector_is_told():
    with pytest.raises(CctviewError, match=r"There is no detector named 'yolo' .*default-detector"):
        load_detector("yolo", device="cpu")


class Says(torch.nn.Module):
    """A network that gives these cells (row, column) of a 16 x 16 grid these scores; every box is 16 px wide."""

    def __init__(self, scores: dict[str, tuple[int, int, float]]) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.full((1, len(LABELS), 16, 16), -20.0), requires_grad=False)
        for label, (row, column, score) in scores.items():
            self.logits[0, LABELS.index(label), row, column] = torch.logit(torch.tensor(score))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.logits, torch.full((1, 4, 16, 16), 8.0)


class Runs:
    """A backend around any network."""

    batch = depth = 1

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = Candidates(network)

    def load(self, images):
        return list(images)

    def submit(self, images):
        found = [part.numpy() for part in self._network(torch.from_numpy(images[0][None]))]
        return lambda: found


def decoded(calibration: Calibration = Calibration(), **scores: tuple[int, int, float]):
    detector = DefaultDetector(Runs(Says(scores)), "made@1", calibration=calibration, enlarged_to=0)
    return detector.detect([np.zeros((64, 64, 3), np.uint8)])[0]


def test_vehicle_labels_compete_for_one_place():
    found = decoded(car=(8, 8, 0.6), bus=(8, 8, 0.7))
    assert found.labels == ["bus"]
    np.testing.assert_allclose(found.scores, [0.7], rtol=1e-4)
    np.testing.assert_allclose(found.boxes, [[26, 26, 42, 42]])


@pytest.mark.parametrize("label", PEOPLE)
def test_people_stand_in_front_of_cars(label):
    assert decoded(**{"car": (8, 8, 0.6), label: (8, 8, 0.7)}).labels == [label, "car"]


def test_neighbouring_cells_are_one_vehicle_and_far_ones_two():
    assert decoded(car=(8, 8, 0.9), bus=(8, 9, 0.8)).labels == ["car"]
    assert decoded(car=(8, 8, 0.9), bus=(8, 10, 0.8)).labels == ["car", "bus"]


def test_boxes_are_cut_at_the_edge():
    np.testing.assert_allclose(decoded(car=(0, 15, 0.9)).boxes, [[54, 0, 64, 10]])


def test_vehicles_are_calibrated_and_people_are_not():
    found = decoded(Calibration(offset=-1.0), car=(2, 2, 0.6), person=(12, 12, 0.6))
    assert found.labels == ["person", "car"]
    np.testing.assert_allclose(found.scores, [0.6, 1 / (1 + np.exp(1 - np.log(1.5)))], rtol=1e-4)


def test_results_made_ahead_come_in_order_and_not_too_far_ahead():
    made = []
    stream = ahead(lambda item: made.append(item) or item * 10, range(6))
    assert next(stream) == 0
    assert len(made) <= 4
    assert list(stream) == [10, 20, 30, 40, 50]
