"""A processor runs the shipped models without PyTorch; what needs an extra says which, and how to install it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cctview_pipeline.cli.app import app
from cctview_pipeline.detect import load_detector
from cctview_pipeline.embed import load_extractor
from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.extras import MissingExtra
from cctview_pipeline.match import track_distances
from cctview_pipeline.runtime import device, openvino_form
from cctview_pipeline.runtime.device import pick_device
from cctview_pipeline.training.extractor.quantization import quantize

COMMAND = r": \.venv/bin/python -m pip install --constraint requirements\.lock --editable '\.\[{}\]'$"
TORCH, IMAGEAI = COMMAND.format("torch"), COMMAND.format("imageai")

WITHOUT = """
import sys

NEVER = ("torch", "torchvision", "nncf", "tensorflow", "keras", "imageai")
for name in NEVER:
    sys.modules[name] = None  # importing it raises ImportError

import numpy as np

from cctview_pipeline.detect import load_detector, threshold_of
from cctview_pipeline.embed import load_extractor
from cctview_pipeline.images import encode_jpeg
from cctview_pipeline.match import track_distances
from cctview_pipeline.redaction.masking import Masker
from cctview_pipeline.redaction.people import PeopleDetector

picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
detector, extractor, finder = load_detector(), load_extractor(), PeopleDetector.load()
assert detector.threshold == threshold_of("default")
[found] = detector.detect([picture])
[masked] = Masker(finder, 640).mask(["camera"], [encode_jpeg(picture)])
assert (masked.height, masked.width) == (48, 64)
own, published = extractor.embed([picture, picture[:20]]), extractor.embed([picture], "veri")
assert own.shape == (2, 384) and published.shape == (1, 1920)
assert track_distances([own[:1]], [own[1:]]).shape == (1, 1)
assert not {name.split(".")[0] for name, module in sys.modules.items() if module} & set(NEVER)
"""


def test_finding_masking_and_embedding_need_no_torch():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if only the base were installed."""
    for name in ("torch", "torchvision", "nncf", "imageai", "tensorflow", "h5py"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("torchvision-ssd", f"^The detector 'torchvision-ssd' needs PyTorch and torchvision{TORCH}"),
        ("imageai-yolov3", f"^The detector 'imageai-yolov3' needs ImageAI, PyTorch and torchvision{IMAGEAI}"),
        ("keras-retinanet", f"^The detector 'keras-retinanet' needs TensorFlow and h5py{IMAGEAI}"),
    ],
)
def test_detectors_of_others(bare: None, name: str, sentence: str):
    with pytest.raises(MissingExtra, match=sentence):
        load_detector(name)


def test_the_published_extractor(bare: None):
    with pytest.raises(MissingExtra, match=f"^The extractor 'densenet201-veri' needs PyTorch and torchvision{TORCH}"):
        load_extractor("densenet201-veri")


def test_a_teacher_that_labels_frames(bare: None):
    from cctview_pipeline.training.detector.teachers import open_ensemble

    with pytest.raises(MissingExtra, match=f"^The detector 'torchvision-retinanet' needs PyTorch and torchvision{TORCH}"):
        open_ensemble(["torchvision-retinanet"])


def test_a_gpu(bare: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device, "_may_have_gpu", lambda: True)
    assert pick_device("auto") == "cpu"
    with pytest.raises(MissingExtra, match=f"^The device 'cuda:1' needs PyTorch{TORCH}"):
        pick_device("cuda:1")


def test_the_metric_that_solves_lassos(bare: None):
    track = np.ones((1, 4), np.float32)
    with pytest.raises(MissingExtra, match=f"^The metric rscr needs PyTorch{TORCH}"):
        track_distances([track], [track], "rscr")


@pytest.mark.parametrize("what", ["detector", "extractor", "people"])
def test_training(bare: None, what: str, tmp_path: Path):
    refused = CliRunner().invoke(app, ["train", what, "--data", str(tmp_path)])
    assert isinstance(refused.exception, MissingExtra)
    assert str(refused.exception).startswith("Training needs PyTorch, torchvision and NNCF: .venv/bin/python -m pip install")


def test_quantizing_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(MissingExtra, match=f"^Quantizing a network needs NNCF{TORCH}"):
        openvino_form.quantized(torch.nn.Identity(), (-1, 4), [np.zeros((1, 4), np.float32)])
    with pytest.raises(MissingExtra, match=f"^Quantizing a network needs NNCF{TORCH}"):
        quantize(ExtractorNetwork(), [np.zeros((8, 8, 3), np.uint8)])
