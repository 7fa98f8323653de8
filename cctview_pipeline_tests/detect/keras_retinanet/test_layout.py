"""The original weights file: what is in it, and what is said of one that has something else."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from cctview_pipeline.detect.keras_retinanet.layout import Layer, check_layout, layers
from cctview_pipeline.errors import CctviewError


def test_the_published_file_has_121_layers_and_38_021_992_parameters():
    assert len(layers()) == 121
    assert sum(math.prod(shape) for layer in layers() for _, shape in layer.weights) == 38_021_992
    assert [layer.name for layer in layers()][6:10] == ["res2a_branch2c", "res2a_branch1", "bn2a_branch2c", "bn2a_branch1"]


def write(path: Path, layout: list[Layer]) -> Path:
    """A file with names and shapes, whose arrays are nowhere written and so take no room."""
    h5py = pytest.importorskip("h5py", reason="comes with the extra 'imageai'")
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layout]
        for layer in layout:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [name.encode() for name, _ in layer.weights]
            for name, shape in layer.weights:
                group.create_dataset(name, shape, "f4")
    return path


def test_the_layout_itself_is_accepted_and_layers_without_weights_do_not_matter(tmp_path: Path):
    check_layout(write(tmp_path / "w.h5", [Layer("input_1", ()), *layers(), Layer("nms", ())]))


def changed(position: int, layer: Layer) -> list[Layer]:
    return [*layers()[:position], layer, *layers()[position + 1 :]]


@pytest.mark.parametrize(
    ("layout", "sentence"),
    [
        (lambda: layers()[1:], "1 layers are missing, the first is conv1"),
        (lambda: [*layers(), Layer("fc1000", (("fc1000/kernel:0", (2048, 1000)),))], "1 layers are unknown, the first is fc1000"),
        (lambda: [*layers()[1:], layers()[0]], "in another order, the first is bn_conv1 where conv1 belongs"),
        (
            lambda: changed(0, Layer("conv1", (("conv1/kernel:0", (7, 7, 3, 32)),))),
            r"conv1/kernel:0 of conv1 is \(7, 7, 3, 32\) instead of \(7, 7, 3, 64\)",
        ),
        (
            lambda: changed(0, Layer("conv1", (("conv1/kernel", (7, 7, 3, 64)),))),
            "the weights of conv1 are conv1/kernel instead of conv1/kernel:0",
        ),
    ],
    ids=["missing", "unknown", "order", "shape", "name"],
)
def test_what_does_not_fit_is_named(tmp_path: Path, layout: Callable[[], list[Layer]], sentence: str):
    with pytest.raises(CctviewError, match=f"does not fit the network: .*{sentence}"):
        check_layout(write(tmp_path / "w.h5", layout()))


def test_half_a_file_and_none_of_this_kind(tmp_path: Path):
    h5py = pytest.importorskip("h5py", reason="comes with the extra 'imageai'")
    path = write(tmp_path / "w.h5", layers())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CctviewError, match=r"no readable HDF5 file: .*truncated"):
        check_layout(path)
    path.write_bytes(b"a pickle, maybe")
    with pytest.raises(CctviewError, match="no readable HDF5 file"):
        check_layout(path)
    with h5py.File(path, "w") as file:
        file["model_weights/conv1"] = 1
    with pytest.raises(CctviewError, match="no attribute 'layer_names', so it is no weights file of Keras 2"):
        check_layout(path)
