"""The original detector, with seeded random weights in the real file's layout, against ImageAI's own implementation.

reference.json holds what ImageAI 2.1.5 finds with the same weights; make_reference.py made it and says how. The weights are
scaled so that no anchor's score lies within 5e-5 of 0.05 and no two candidates' overlap within 3e-5 of 0.5, where the two
implementations' scores differ by 4e-6 and boxes by 2e-4 px: a box is in both lists or in neither.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import tomlkit

from cctview_pipeline.detect import LABELS, load_detector
from cctview_pipeline.detect.keras_retinanet.detector import COCO, KerasRetinaNetDetector
from cctview_pipeline.detect.keras_retinanet.layout import layers
from cctview_pipeline.detect.keras_retinanet.pixels import MEANS, prepare
from cctview_pipeline.detect.keras_retinanet.process import TensorFlowProcess
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.registry.manifest import find_model
from cctview_pipeline_tests.factories import keras_weights
from cctview_pipeline_tests.factories.found import assert_same_found
from cctview_pipeline_tests.factories.killed import FORK

REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text())
FILE = "resnet50_coco_best_v2.0.1.h5"
NAME = "keras-retinanet"
STRIP = np.zeros((20, 200, 3), np.uint8)
"""An image that takes the network a tenth of the usual time."""
needs_tensorflow = pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs the extra 'imageai'")


def write_manifest(models: Path, content: bytes, **facts: object) -> None:
    entry = {"task": "detector", "loader": NAME, "file": FILE, "url": "http://127.0.0.1:9/x", "threshold": 0.4}
    entry |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()} | facts
    (models / "manifest.toml").write_text(tomlkit.dumps({NAME: entry}))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of models with the seeded weights; its hash is in the reference."""
    folder = tmp_path_factory.mktemp("models")
    arrays = keras_weights.seeded_layers(layers())
    assert keras_weights.digest([array for each in arrays.values() for array in each]) == REFERENCE["weights"]
    keras_weights.write_weights(folder / FILE, arrays, layers())
    write_manifest(folder, (folder / FILE).read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CCTVIEW_MODELS", str(folder))
        yield folder
    (folder / FILE).unlink()


@pytest.fixture(scope="module")
def detector(models: Path) -> Iterator[KerasRetinaNetDetector]:
    loaded = load_detector(NAME, "cpu")
    yield loaded
    loaded.close()


def as_arrays(found: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.array(found["boxes"]), np.array(found["scores"]), np.array(found["classes"])


@pytest.mark.slow
@needs_tensorflow
def test_boxes_scores_and_labels_are_those_of_imageai(detector: KerasRetinaNetDetector):
    images = keras_weights.seeded_images()
    assert keras_weights.digest(images) == REFERENCE["images"]
    for found, reference in zip(detector.detect(images), REFERENCE["found"], strict=True):
        boxes, scores, classes = as_arrays(reference)
        height, width = reference["size"]
        boxes = boxes.clip(0, [width, height] * 2)
        kept = np.isin(classes, list(COCO)) & (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
        assert not kept.all()  # trains and traffic lights are left out
        expected = boxes[kept], scores[kept], [COCO[label] for label in classes[kept]]
        assert len(expected[0]) > 20
        assert_same_found((found.boxes, found.scores, found.labels), expected)
    assert set(found.labels) == set(LABELS)
    assert "tensorflow" not in sys.modules
    assert detector.version.startswith("keras-retinanet@")
    assert detector.threshold == 0.4


@pytest.mark.slow
@needs_tensorflow
def test_before_labels_and_borders_too(detector: KerasRetinaNetDetector):
    """All classes, boxes that leave the image, straight from the process with TensorFlow."""
    (found,) = detector._find(keras_weights.seeded_images()[1:2])
    reference = as_arrays(REFERENCE["found"][1])
    assert {6, 9} <= set(reference[2])
    assert reference[0].min() < 0
    assert len(reference[0]) > 20
    assert_same_found((found.boxes, found.scores, found.classes), reference)


@pytest.mark.slow
@needs_tensorflow
def test_a_killed_process_is_told_and_replaced(detector: KerasRetinaNetDetector):
    detector.detect([STRIP])
    os.kill(detector._process.pid, signal.SIGKILL)
    with pytest.raises(CctviewError, match=r"was killed by signal 9.*the next detection starts a new one"):
        detector.detect([STRIP])
    assert len(detector.detect([STRIP, STRIP])) == 2
    running = detector._process.pid
    detector.close()
    assert gone(running)


def start_a_worker(weights: Path, said: Connection) -> None:
    """And fork a child that holds the worker's pipes open."""
    starting = threading.Thread(target=TensorFlowProcess, args=(weights, "cpu"))
    starting.start()
    children = Path(f"/proc/self/task/{starting.native_id}/children")
    while not (worker := children.read_text()):
        time.sleep(0.01)
    if child := os.fork():
        said.send((int(worker), child))
    time.sleep(60)


@pytest.mark.slow
@needs_tensorflow
def test_it_does_not_outlive_its_parent(models: Path):
    """Even when the parent is killed, and a child of it keeps the pipes open; and were it while the worker starts."""
    said, saying = FORK.Pipe(duplex=False)
    parent = FORK.Process(target=start_a_worker, args=(models / FILE, saying))
    parent.start()
    worker, child = said.recv()
    assert not gone(worker, 0)
    parent.kill()
    parent.join()
    try:
        assert gone(worker)
    finally:
        os.kill(child, signal.SIGKILL)


def gone(pid: int, patience_s: float = 20) -> bool:
    """Whether a process ended (or waits as a zombie for whoever should notice) within some seconds."""
    deadline = time.monotonic() + patience_s
    while (status := Path(f"/proc/{pid}/stat")).exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def test_its_process_has_no_torch():
    """TensorFlow and torchvision in one process can abort."""
    code = "import sys, cctview_pipeline.detect.keras_retinanet.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@needs_tensorflow
def test_damaged_images_are_refused_before_anything_starts(models: Path):
    detector = load_detector(NAME, "cpu")
    with pytest.raises(CctviewError, match="An image cannot be decoded"):
        detector.detect([b"\xff\xd8 no picture"])
    assert detector.detect([]) == []
    assert detector._process is None


@needs_tensorflow
def test_what_the_process_refuses_is_said_here(tmp_path: Path):
    (tmp_path / FILE).write_bytes(b"nothing")
    with pytest.raises(CctviewError, match=r"^The weights .*resnet50_coco_best_v2\.0\.1\.h5 are no readable HDF5 file"):
        TensorFlowProcess(tmp_path / FILE, "cpu")


@pytest.mark.parametrize("content", [b"half of it", None], ids=["damaged", "missing"])
def test_weights_that_are_not_the_manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path))
    write_manifest(tmp_path, b"all of it")
    if content:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(CctviewError, match=r"are (damaged|missing).*`cctview models pull keras-retinanet`"):
        load_detector(NAME, "cpu")


def test_a_device_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path))
    write_manifest(tmp_path, b"")
    with pytest.raises(CctviewError, match="'tpu' is no device"):
        KerasRetinaNetDetector.load(find_model(NAME, "detector"), "tpu")


def test_images_are_brought_to_800_px_or_1333():
    assert [prepare(np.zeros((*size, 3), np.uint8))[0].shape[:2] for size in ((240, 352), (352, 240), (120, 640))] == [
        (800, 1173),
        (1173, 800),
        (250, 1333),
    ]
    ramp = np.zeros((400, 2, 3), np.uint8)
    ramp[:, 1] = 100, 100, 100
    pixels, scale = prepare(ramp)
    assert scale == 1333 / 400
    np.testing.assert_allclose(pixels[0, :, 2] + MEANS[2], [0, 0, 25.02, 55.03, 85.03, 100, 100], atol=0.01)
