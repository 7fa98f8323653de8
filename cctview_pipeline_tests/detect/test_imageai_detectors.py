"""ImageAI's detectors, with seeded random weights in the real files' layout, against ImageAI's ObjectDetection."""

import sys
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cctview_pipeline.detect import LABELS, Detections
from cctview_pipeline.detect.imageai_detectors import KINDS, ImageAiDetector
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode, encode_jpeg
from cctview_pipeline.registry.manifest import find_model, read_facts
from cctview_pipeline_tests.factories.found import assert_same_found
from cctview_pipeline_tests.factories.published_weights import FILES, made_state, pictures, register

TINY = "imageai-tinyyolov3"
NAMES = {label: label for label in LABELS} | {"motorbike": "motorcycle"}


@dataclass(frozen=True)
class Made:
    loader: str
    folder: Path
    state: OrderedDict[str, torch.Tensor]
    detector: ImageAiDetector


def make(loader: str, folder: Path) -> Iterator[Made]:
    state = made_state(loader)
    register(folder, loader, state)
    with pytest.MonkeyPatch.context() as patch:
        yield Made(loader, folder, state, load(folder, loader, patch))
    (folder / FILES[loader]).unlink()  # up to 250 MB


@pytest.fixture(scope="module", params=[pytest.param(name, marks=() if name == TINY else pytest.mark.slow) for name in KINDS])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    yield from make(request.param, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    yield from make(TINY, tmp_path_factory.mktemp("tiny"))


def load(models: Path, loader: str, monkeypatch: pytest.MonkeyPatch) -> ImageAiDetector:
    monkeypatch.setenv("CCTVIEW_MODELS", str(models))
    return ImageAiDetector.load(find_model(loader, "detector"), "cpu")


def object_detection(made: Made):
    """ImageAI's own class with the same file."""
    detection = pytest.importorskip("imageai.Detection", reason="it needs tkinter").ObjectDetection()
    {
        "imageai-retinanet": detection.setModelTypeAsRetinaNet,
        "imageai-yolov3": detection.setModelTypeAsYOLOv3,
        TINY: detection.setModelTypeAsTinyYOLOv3,
    }[made.loader]()
    detection.setModelPath(str(made.folder / FILES[made.loader]))
    detection.useCPU()
    detection.loadModel()
    return detection


def test_what_object_detection_finds(made: Made, tmp_path: Path):
    """It gives whole pixels and hundredths of a percent, and of RetinaNet nothing below 50 %: there its network is overheard."""
    detection, retinanet, overheard, count = object_detection(made), made.loader == "imageai-retinanet", [], 0
    detection._ObjectDetection__model.register_forward_hook(lambda network, images, found: overheard.extend(found))
    for picture in pictures():
        Image.fromarray(picture).save(tmp_path / "picture.png")
        given = detection.detectObjectsFromImage(str(tmp_path / "picture.png"), minimum_percentage_probability=5)
        theirs = [(NAMES[f["name"]], f["box_points"], f["percentage_probability"] / 100) for f in given if f["name"] in NAMES]
        (found,) = made.detector.detect([picture])
        ours = found.select(found.scores >= 0.5) if retinanet else found
        whole = list(zip(ours.labels, ours.boxes.tolist(), ours.scores.tolist(), strict=True))
        assert all(sum(_same(our, their) for our in whole) == 1 for their in theirs if _least_side(their) >= 2)
        assert all(sum(_same(our, their) for their in theirs) == 1 for our in whole if _least_side(our) >= 3)
        count += sum(_least_side(our) >= 3 for our in whole)
        if retinanet:
            compare(found, overheard.pop())
    assert count >= (8 if retinanet else 24)


def _same(our: tuple[str, list[float], float], their: tuple[str, list[int], float]) -> bool:
    """Whether they are one box whose edges were cut off to whole pixels, of which one may lie on the other side elsewhere."""
    cut_off = [mine - whole for mine, whole in zip(our[1], their[1], strict=True)]
    return our[0] == their[0] and abs(our[2] - their[2]) < 6e-5 and all(-1e-3 < each < 1 + 1e-3 for each in cut_off)


def _least_side(found: tuple[str, list[float], float]) -> float:
    """px. One of 1.5 may come as 1 or 2 whole ones, and ours drops those below 1, so that not all have their like."""
    _, (x1, y1, x2, y2), _ = found
    return min(x2 - x1, y2 - y1)


def compare(ours: Detections, theirs: dict[str, torch.Tensor]) -> None:
    names = dict(zip((1, 2, 3, 4, 6, 8), ("person", "bicycle", "car", "motorcycle", "bus", "truck"), strict=True))
    keep = torch.isin(theirs["labels"], torch.tensor(list(names))) & (theirs["scores"] >= 0.05)
    keep &= ((theirs["boxes"][:, 2:] - theirs["boxes"][:, :2]) >= 1).all(1)
    assert len(ours) >= 24
    assert len(set(ours.labels)) >= 5
    labels = [names[int(label)] for label in theirs["labels"][keep]]
    assert_same_found(
        (ours.boxes, ours.scores, ours.labels), (theirs["boxes"][keep].numpy(), theirs["scores"][keep].numpy(), labels)
    )


def test_version_and_threshold_are_those_of_the_manifest(made: Made):
    assert made.detector.version == find_model(made.loader, "detector").version
    assert made.detector.version.startswith(f"{made.loader}@")
    assert made.detector.threshold == 0.6


@pytest.mark.parametrize("loader", KINDS)
def test_the_manifest_has_it(monkeypatch: pytest.MonkeyPatch, loader: str):
    monkeypatch.delenv("CCTVIEW_MODELS", raising=False)
    entry = find_model(loader, "detector")
    facts = read_facts(entry)
    assert (facts["loader"], facts["threshold"], entry.path.name) == (loader, 0.4, FILES[loader])
    assert facts["url"].endswith(f"/{entry.path.name}")


def test_images_come_back_in_their_order(tiny: Made):
    alone = [tiny.detector.detect([picture])[0] for picture in pictures()]
    order = [2, 0, 1, 0, 2, 2]
    for place, found in zip(order, tiny.detector.detect([pictures()[place] for place in order]), strict=True):
        assert len(found) > 0
        assert found.labels == alone[place].labels
        np.testing.assert_allclose(found.boxes, alone[place].boxes, atol=1e-3)


def test_images_of_one_size_go_together(tiny: Made):
    """As on a GPU."""
    turned = [pictures()[0], pictures()[0][:, ::-1], pictures()[0][::-1]]
    people = ["person", *["other"] * 79]
    alone, together = (ImageAiDetector(tiny.detector._run, people, "made@0", 0.4, batch).detect(turned) for batch in (1, 8))
    for one, same in zip(alone, together, strict=True):
        assert len(one) > 0
        assert set(one.labels) == {"person"}
        np.testing.assert_allclose(one.boxes, same.boxes, atol=1e-3)


def test_jpegs_and_their_pixels_are_the_same(tiny: Made):
    jpeg = encode_jpeg(pictures()[2])
    (of_bytes,), (of_pixels,) = tiny.detector.detect([jpeg]), tiny.detector.detect([decode(jpeg)])
    assert len(of_bytes) > 0
    np.testing.assert_array_equal(of_bytes.boxes, of_pixels.boxes)


def test_no_images_and_no_image(tiny: Made):
    assert tiny.detector.detect([]) == []
    for image, sentence in ((b"no JPEG", "cannot be decoded"), (np.zeros((4, 4), np.uint8), "must be RGB uint8")):
        with pytest.raises(CctviewError, match=f"^An image {sentence}"):
            tiny.detector.detect([pictures()[0], image])


def test_what_is_found_is_inside_and_best_first(tiny: Made):
    for picture, found in zip(pictures(), tiny.detector.detect(pictures(), min_score=0.3), strict=True):
        assert (found.boxes >= 0).all()
        assert (found.boxes <= [*picture.shape[1::-1]] * 2).all()
        assert ((found.boxes[:, 2:] - found.boxes[:, :2]) >= 1).all()
        assert (np.diff(found.scores) <= 0).all()
        assert (found.scores >= 0.3).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda state: {k: v for k, v in state.items() if k != "conv1.conv.weight"},
            r"1 keys are missing, the first is conv1\.c",
        ),
        (lambda state: state | {"conv99.conv.weight": torch.zeros(1)}, r"1 keys are unknown, the first is conv99\.conv\.weight"),
        (lambda state: state | {"conv13.conv.bias": torch.zeros(75)}, r"conv13\.conv\.bias is \(75,\) instead of \(255,\)"),
        (lambda state: {"state_dict": state}, "holds no state dict of tensors"),
        (lambda state: [1, 2], "holds no state dict of tensors"),
        (lambda state: KINDS, r"are no PyTorch state dict of tensors: another file is needed\.$"),
    ],
    ids=["missing", "unknown", "shape", "nested", "list", "code"],
)
def test_what_does_not_fit_is_named(tiny: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change, sentence: str):
    register(tmp_path, TINY, change(tiny.state))
    with pytest.raises(CctviewError, match=sentence) as told:
        load(tmp_path, TINY, monkeypatch)
    assert "\n" not in str(told.value)


def test_one_damaged_byte_is_noticed(tiny: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    register(tmp_path, TINY, tiny.state)
    content = bytearray((tmp_path / FILES[TINY]).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / FILES[TINY]).write_bytes(content)
    with pytest.raises(CctviewError, match=rf"are damaged: .* fetch it with `cctview models pull {TINY}`"):
        load(tmp_path, TINY, monkeypatch)


class Asked:
    """Remembers which modules were looked for, and finds none."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        self.names.add(name)


def test_tensorflow_and_tkinter_stay_away(tiny: Made, monkeypatch: pytest.MonkeyPatch):
    """TensorFlow can abort a process that has torchvision in it; tkinter is not on every server."""
    for name in [name for name in sys.modules if name.split(".")[0] in ("imageai", "tensorflow", "keras", "tkinter", "_tkinter")]:
        monkeypatch.delitem(sys.modules, name)
    asked = Asked()
    monkeypatch.setattr(sys, "meta_path", [asked, *sys.meta_path])
    assert len(load(tiny.folder, TINY, monkeypatch).detect([pictures()[0]])[0]) > 0
    assert "imageai.yolov3.tiny_yolov3" in asked.names
    assert not {"tensorflow", "keras", "tkinter"} & asked.names
