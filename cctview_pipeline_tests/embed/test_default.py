"""The shipped extractor keeps the contract."""

import sys

import numpy as np
import pytest
from PIL import Image, ImageFilter
from torchvision import transforms

from cctview_pipeline.embed import load_extractor
from cctview_pipeline.embed.torch_backend import load_extractor as load_from_pytorch
from cctview_pipeline.embed.views import GREY, letterbox, middle
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.extras import MissingExtra
from cctview_pipeline.images import encode_png
from cctview_pipeline.registry.manifest import find_model
from cctview_pipeline.registry.state_dicts import read_weights, register_weights, without_openvino

SHAPES = [(40, 60), (64, 64), (17, 9), (1, 1), (200, 90), (3, 80)]


def crops(count: int = 12) -> list[np.ndarray]:
    """Crops of several sizes, each of its own colour with noise on it."""
    rng = np.random.default_rng(5)
    shapes = [SHAPES[i % len(SHAPES)] for i in range(count)]
    return [np.clip(rng.integers(0, 256, 3) + rng.integers(-30, 30, (*shape, 3)), 0, 255).astype(np.uint8) for shape in shapes]


@pytest.fixture(scope="module")
def extractor():
    return load_extractor("default", device="cpu")


def test_shape_type_and_length(extractor):
    embeddings = extractor.embed(crops())
    assert embeddings.shape == (12, extractor.dimension)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-3)


def test_order_is_kept(extractor):
    forward, backward = extractor.embed(crops()), extractor.embed(crops()[::-1])
    np.testing.assert_allclose((forward * backward[::-1]).sum(1), 1, atol=2e-3)
    assert (forward @ backward[::-1].T).argmax(1).tolist() == list(range(12))


@pytest.mark.parametrize("count", [1, 5, 100])
def test_what_else_is_in_a_call_makes_no_difference(extractor, count):
    alone, among = extractor.embed(crops()), extractor.embed((crops() * 9)[:count])
    np.testing.assert_allclose((among * np.concatenate([alone] * 9)[:count]).sum(1), 1, atol=2e-3)


def test_crops_may_be_bytes(extractor):
    from_bytes = extractor.embed([encode_png(crop) for crop in crops()])
    np.testing.assert_allclose((from_bytes * extractor.embed(crops())).sum(1), 1, atol=2e-3)


def test_openvino_and_pytorch_agree(extractor):
    of_pytorch = load_from_pytorch(find_model("default", "extractor"), "cpu")
    assert (extractor.embed(crops()) * of_pytorch.embed(crops())).sum(1).min() > 0.995
    ours, theirs = (each.embed(crops(), "veri") for each in (extractor, of_pytorch))
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    assert ((ours * theirs).sum(1) / lengths).min() > 0.98


def test_weights_without_openvino_s_form_run_in_pytorch(extractor, tmp_path, monkeypatch):
    """As earlier versions adapted them."""
    tensors, metadata = read_weights(find_model("default", "extractor"))
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path))
    register_weights("earlier", "extractor", without_openvino(tensors), metadata, {})
    assert (load_extractor("earlier", "cpu").embed(crops()) * extractor.embed(crops())).sum(1).min() > 0.995
    monkeypatch.setitem(sys.modules, "torch", None)
    register_weights("another", "extractor", without_openvino(tensors), metadata, {})
    with pytest.raises(
        MissingExtra, match=r"^The extractor 'another', which was registered without a form for processors, needs PyTorch: "
    ):
        load_extractor("another", "cpu")


def test_no_crops(extractor):
    assert extractor.embed([]).shape == (0, extractor.dimension)


def test_another_colour_is_further_away_than_another_light(extractor):
    red, dark_red, blue = (np.full((30, 40, 3), colour, np.uint8) for colour in ((190, 30, 30), (170, 25, 25), (30, 40, 190)))
    embeddings = extractor.embed([red, dark_red, blue])
    assert embeddings[0] @ embeddings[1] > embeddings[0] @ embeddings[2]


def test_what_is_no_crop_is_told(extractor):
    with pytest.raises(CctviewError, match="must be RGB uint8"):
        extractor.embed([np.zeros((4, 4), np.uint8)])


def test_version_and_unknown_name(extractor):
    assert extractor.version.startswith("default-extractor@")
    with pytest.raises(CctviewError, match="There is no extractor named 'veri'"):
        load_extractor("veri", device="cpu")


@pytest.mark.parametrize(("height", "width"), [(20, 40), (40, 20), (64, 64), (128, 64), (5, 300), (1, 1), (300, 1)])
def test_letterbox_keeps_the_aspect(height, width):
    boxed = letterbox(np.full((height, width, 3), 255, np.uint8))
    assert boxed.shape == (64, 64, 3)
    bright = (boxed == 255).all(2)
    rows, columns = bright.any(1).sum(), bright.any(0).sum()
    assert max(rows, columns) == 64
    assert min(rows, columns) == max(1, round(64 * min(height, width) / max(height, width)))
    assert (boxed[~bright] == GREY).all()
    assert bright.sum() == rows * columns


@pytest.mark.parametrize(("height", "width"), [(20, 40), (40, 20), (64, 64), (5, 300), (1, 1), (300, 1)])
def test_middle_is_what_the_published_extractor_sees(height, width):
    """Within the rounding of its two steps, by less than the crop's own pixels."""
    crop = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    crop = np.asarray(Image.fromarray(crop).filter(ImageFilter.GaussianBlur(3)))
    theirs = transforms.CenterCrop(224)(transforms.Resize(256)(Image.fromarray(crop))).resize((64, 64), Image.Resampling.BILINEAR)
    assert middle(crop).shape == (64, 64, 3)
    assert np.abs(middle(crop).astype(float) - np.asarray(theirs, float)).mean() < 4


def test_letterbox_is_centred():
    boxed = letterbox(np.zeros((32, 64, 3), np.uint8))
    assert (boxed[:16] == GREY).all()
    assert (boxed[16:48] == 0).all()
    assert (boxed[48:] == GREY).all()
