"""The original extractor, with seeded random weights in the real file's layout, against the network put together by hand."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import tomlkit
import torch
import torchvision
from PIL import Image
from torch.nn import functional as F

from cctview_pipeline.embed import load_extractor
from cctview_pipeline.errors import CctviewError

FILE = "VeRI_densenet_ft50.pth"


def published_state() -> dict[str, torch.Tensor]:
    """Random weights with the keys of the published file: torchvision's features, and a classifier of 576 vehicles."""
    torch.manual_seed(0)
    network = torchvision.models.densenet201()
    state = {f"features.{key}": value for key, value in network.features.state_dict().items()}
    return state | {"classifier.weight": torch.randn(576, 1920), "classifier.bias": torch.randn(576)}


STATE = published_state()


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path))
    return tmp_path


def write(models: Path, state: object) -> None:
    torch.save(state, models / FILE)
    content = (models / FILE).read_bytes()
    facts = {"task": "extractor", "file": FILE, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (models / "manifest.toml").write_text(tomlkit.dumps({"densenet201-veri": facts | {"url": "http://127.0.0.1:9/x"}}))


def crops() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in ((40, 60), (17, 9), (300, 260))]


def by_hand(crop: np.ndarray) -> np.ndarray:
    """Resized, cut, normalised and put through the layers without this project's classes."""
    height, width = crop.shape[:2]
    scale = 256 / min(height, width)
    size = (int(width * scale), 256) if width > height else (256, int(height * scale))
    image = Image.fromarray(crop).resize(size, Image.Resampling.BILINEAR)
    left, top = round((image.width - 224) / 2), round((image.height - 224) / 2)
    pixels = torch.from_numpy(np.asarray(image.crop((left, top, left + 224, top + 224))).copy()).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    network = torchvision.models.densenet201().eval()
    network.features.load_state_dict({key.removeprefix("features."): v for key, v in STATE.items() if "features" in key})
    with torch.inference_mode():
        return F.avg_pool2d(network.features(((pixels - mean) / std)[None]), 7, 1).flatten().numpy()


def test_the_published_network_crop_by_crop(models: Path):
    write(models, STATE)
    extractor = load_extractor("densenet201-veri", "cpu")
    embeddings = extractor.embed(crops())
    assert embeddings.shape == (3, extractor.dimension) == (3, 1920)
    for crop, embedding in zip(crops(), embeddings, strict=True):
        np.testing.assert_allclose(embedding, by_hand(crop), atol=1e-4, rtol=1e-3)
    np.testing.assert_array_equal(extractor.embed(crops(), space="veri"), embeddings)
    assert (embeddings < 0).any()  # nothing rectifies after the last normalisation
    assert extractor.version.startswith("densenet201-veri@")


def test_no_crops(models: Path):
    write(models, STATE)
    assert load_extractor("densenet201-veri", "cpu").embed([]).shape == (0, 1920)


def test_files_without_batch_counters_are_taken(models: Path):
    """PyTorch before 0.4.1 did not write them."""
    write(models, {key: value for key, value in STATE.items() if not key.endswith("num_batches_tracked")})
    assert load_extractor("densenet201-veri", "cpu").embed(crops()[:1]).shape == (1, 1920)


def without(*keys: str) -> dict[str, torch.Tensor]:
    return {key: value for key, value in STATE.items() if key not in keys}


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (without("features.conv0.weight"), r"1 keys are missing, the first is features\.conv0\.weight"),
        (STATE | {"fc.weight": torch.zeros(1)}, r"1 keys are unknown, the first is fc\.weight"),
        (STATE | {"classifier.bias": torch.zeros(1000)}, r"classifier\.bias is \(1000,\) instead of \(576,\)"),
        ({"state_dict": STATE}, "holds no state dict of tensors"),
        ([1, 2], "holds no state dict of tensors"),
    ],
    ids=["missing", "unknown", "shape", "nested", "list"],
)
def test_what_does_not_fit_is_named(models: Path, state: object, sentence: str):
    write(models, state)
    with pytest.raises(CctviewError, match=sentence):
        load_extractor("densenet201-veri", "cpu")


def test_missing_weights_say_how_to_get_them(models: Path):
    write(models, STATE)
    (models / FILE).unlink()
    with pytest.raises(CctviewError, match=r"are missing: fetch it with `cctview models pull densenet201-veri`"):
        load_extractor("densenet201-veri", "cpu")


def test_a_pointer_instead_of_weights_is_damaged(models: Path):
    write(models, STATE)
    (models / FILE).write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CctviewError, match=r"are damaged: .*`cctview models pull densenet201-veri`"):
        load_extractor("densenet201-veri", "cpu")


def test_what_is_no_pickle_of_tensors_is_refused(models: Path):
    write(models, STATE)
    content = b"not a pickle"
    (models / FILE).write_bytes(content)
    text = (models / "manifest.toml").read_text().split("sha256")[0] + f'sha256 = "{hashlib.sha256(content).hexdigest()}"\n'
    (models / "manifest.toml").write_text(text)
    with pytest.raises(CctviewError, match=r"are no PyTorch state dict of tensors: another file is needed\.$"):
        load_extractor("densenet201-veri", "cpu")
