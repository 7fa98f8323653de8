"""The same weights on every backend find the same vehicles; and none of them reports to anyone."""

import sys
from pathlib import Path

import numpy as np
import pytest

from cctview_pipeline.detect.default import DefaultDetector
from cctview_pipeline.detect.padding import padded
from cctview_pipeline.registry.manifest import find_model
from cctview_pipeline.training.detector.assessment import assess
from cctview_pipeline.training.detector.labels import find_frames


@pytest.fixture(scope="module")
def detectors() -> dict[str, DefaultDetector]:
    entry = find_model("default", "detector")
    return {name: DefaultDetector.load(entry, "cpu", name) for name in ("openvino", "torch")}


@pytest.fixture(scope="module")
def frames(published_hour: Path) -> list[bytes]:
    return [path.read_bytes() for path, _ in find_frames(published_hour)[::150]]


def test_openvino_in_integers_and_torch_agree(detectors, frames):
    by_torch = detectors["torch"].detect(frames)
    sure = [found.select(found.scores >= detectors["torch"].threshold) for found in by_torch]
    truths = [(found.boxes, np.zeros((0, 4), np.float32)) for found in sure]
    assert sum(len(boxes) for boxes, _ in truths) > 100
    assert assess(detectors["openvino"].detect(frames), truths).whole.average_precision > 0.97


def test_images_in_one_call_and_one_by_one_are_the_same(detectors, frames):
    together, alone = detectors["openvino"].detect(frames[:5]), [detectors["openvino"].detect([f])[0] for f in frames[:5]]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(a.boxes, b.boxes)
        np.testing.assert_array_equal(a.scores, b.scores)


@pytest.mark.parametrize("size", [(480, 327), (240, 164)])
def test_pictures_are_scaled_alike(detectors, frames, size):
    """To what the first look at small pictures sees, and the second."""
    scaled = []
    for detector in detectors.values():
        backend = detector._backend
        scaled.append(np.asarray(backend.scale(backend.load(frames[:1])[0], size), np.float32))
    assert scaled[0].shape == scaled[1].shape == (size[1], size[0], 3)
    assert np.abs(scaled[0] - scaled[1]).mean() < 3


@pytest.mark.parametrize(("size", "expected"), [((240, 352), (240, 352)), ((1, 1), (32, 32)), ((33, 350), (48, 352))])
def test_images_are_padded_to_what_the_network_takes(size, expected):
    image = np.full((*size, 3), 9, np.uint8)
    larger = padded(image)
    assert larger.shape == (*expected, 3)
    np.testing.assert_array_equal(larger[: size[0], : size[1]], image)
    assert larger.sum() == image.sum()


def test_openvino_reports_to_nobody():
    from nncf.telemetry import telemetry
    from openvino.tools.ovc import telemetry_utils

    assert sys.modules["openvino_telemetry"] is None
    assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub"
    assert type(telemetry).__module__ == "unittest.mock"
