"""torchvision's detectors, with seeded random weights in the real files' layout, against torchvision's own calls."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torchvision.models import get_model, get_model_weights, vgg
from torchvision.models.detection import ssd

from cctview_pipeline.boxes import clip
from cctview_pipeline.detect import LABELS, Detections
from cctview_pipeline.detect.coco import current_keys
from cctview_pipeline.detect.torchvision_detectors import NETWORKS, TorchvisionDetector
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.registry.manifest import find_model, read_facts
from cctview_pipeline_tests.factories.found import assert_same_found
from cctview_pipeline_tests.factories.published_weights import FILES, made_state, pictures, register

CALLS = {
    "torchvision-fasterrcnn": ("fasterrcnn_resnet50_fpn", "box_score_thresh"),
    "torchvision-retinanet": ("retinanet_resnet50_fpn", "score_thresh"),
    "torchvision-ssd": ("ssd300_vgg16", "score_thresh"),
}


@dataclass(frozen=True)
class Made:
    loader: str
    folder: Path
    state: OrderedDict[str, torch.Tensor]
    detector: TorchvisionDetector

    @property
    def path(self) -> Path:
        return self.folder / FILES[self.loader]


KINDS = [pytest.param(loader, marks=() if loader == "torchvision-retinanet" else pytest.mark.slow) for loader in NETWORKS]
"""One of them is built in every run: what they share is seen in it."""


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        # SSD takes VGG's features and throws the classifier away, whose 120 million weights take seconds to draw.
        patch.setattr(ssd, "vgg16", lambda **_: SimpleNamespace(features=vgg.make_layers(vgg.cfgs["D"])))
        state = made_state(request.param)
        register(folder, request.param, state)
        yield Made(request.param, folder, state, load(folder, request.param, patch))
    (folder / FILES[request.param]).unlink()  # over 100 MB


def load(models: Path, loader: str, monkeypatch: pytest.MonkeyPatch) -> TorchvisionDetector:
    monkeypatch.setenv("CCTVIEW_MODELS", str(models))
    return TorchvisionDetector.load(find_model(loader, "detector"), "cpu")


def of_the_library(made: Made, cache: Path) -> list[Detections]:
    """What torchvision's own call finds with its published weights, which it takes from its cache."""
    (cache / "hub" / "checkpoints").mkdir(parents=True)
    (cache / "hub" / "checkpoints" / made.path.name).symlink_to(made.path)
    name, floor = CALLS[made.loader]
    weights = get_model_weights(name)["COCO_V1"]
    network, names, found = get_model(name, weights=weights, **{floor: 0.05}).eval(), weights.meta["categories"], []
    for picture in pictures():
        with torch.inference_mode():
            (given,) = network([weights.transforms()(torch.from_numpy(picture).permute(2, 0, 1))])
        boxes, labels = clip(given["boxes"].numpy(), *picture.shape[1::-1]), [names[label] for label in given["labels"]]
        keep = np.array([label in LABELS for label in labels]) & ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(1)
        found.append(Detections(boxes, given["scores"].numpy(), labels).select(keep))
    return found


def test_what_the_library_finds(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for ours, theirs in zip(made.detector.detect(pictures()), of_the_library(made, tmp_path), strict=True):
        assert len(ours) >= 24
        assert len(set(ours.labels)) >= 3
        assert_same_found((ours.boxes, ours.scores, ours.labels), (theirs.boxes, theirs.scores, theirs.labels))


def test_version_and_threshold_are_those_of_the_manifest(made: Made):
    assert made.detector.version == find_model(made.loader, "detector").version
    assert made.detector.version.startswith(f"{made.loader}@")
    assert made.detector.threshold == 0.6


@pytest.mark.parametrize("loader", NETWORKS)
def test_the_manifest_has_it(monkeypatch: pytest.MonkeyPatch, loader: str):
    monkeypatch.delenv("CCTVIEW_MODELS", raising=False)
    entry = find_model(loader, "detector")
    facts = read_facts(entry)
    assert (facts["loader"], facts["threshold"], entry.path.name) == (loader, 0.5, FILES[loader])
    assert facts["url"].endswith(f"/{entry.path.name}")


def test_no_images_and_no_image(made: Made):
    assert made.detector.detect([]) == []
    with pytest.raises(CctviewError, match=r"^An image cannot be decoded"):
        made.detector.detect([b"no JPEG"])


def test_a_file_with_the_keys_of_today_is_the_same(made: Made):
    today = current_keys(made.state)
    assert current_keys(today) == today
    assert (made.loader == "torchvision-ssd") == (list(today) == list(made.state))


def test_another_networks_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    register(tmp_path, "torchvision-retinanet", {"head.weight": torch.zeros(1)})
    with pytest.raises(CctviewError, match=r"does not fit the network: \d+ keys are missing, .* 1 keys are unknown"):
        load(tmp_path, "torchvision-retinanet", monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("made", ["torchvision-fasterrcnn"], indirect=True)
def test_another_number_of_classes_is_refused(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    key = "roi_heads.box_predictor.cls_score.weight"
    register(tmp_path, made.loader, made.state | {key: torch.zeros(20, 1024)})
    with pytest.raises(CctviewError, match=r"cls_score\.weight is \(20, 1024\) instead of \(91, 1024\)"):
        load(tmp_path, made.loader, monkeypatch)
