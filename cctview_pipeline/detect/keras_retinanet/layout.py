"""What the original weights file holds, layer by layer, and its reading.

Keras 2 wrote an HDF5 group for every layer, and in its attribute ``weight_names`` the paths of the layer's arrays. The order of
the layers (root attribute ``layer_names``) is that of Keras' graph: by depth, which is why a shortcut's convolution stands
between the last convolution of its block and that one's normalisation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from cctview_pipeline.errors import ModelError

BLOCKS = (3, 4, 6, 3)
"""Residual blocks of the stages 2 to 5 of a ResNet-50."""
FEATURES, ANCHORS, CLASSES = 256, 9, 80
LEVELS = 5
"""P3 to P7."""
DEPTH = 4
"""Convolutions of a head before its last one."""

Weights: TypeAlias = dict[str, list[np.ndarray]]
"""A layer's name -> its arrays, float32, in the order of :class:`Layer`."""


@dataclass(frozen=True)
class Layer:
    """A layer that has weights: names and shapes of its arrays, in order."""

    name: str
    weights: tuple[tuple[str, tuple[int, ...]], ...]


def layers() -> list[Layer]:
    """All layers with weights, in the order of the file."""
    return [*_backbone(), *_pyramid(), _head("regression", 4), *_anchors(), _head("classification", CLASSES)]


def block_name(stage: int, block: int) -> str:
    """``2a``, ``2b``, ... as the original numbers the residual blocks."""
    return f"{stage}{chr(ord('a') + block)}"


def _backbone() -> Iterator[Layer]:
    yield _convolution("conv1", 7, 3, 64)
    yield _normalisation("bn_conv1", 64)
    inputs = 64
    for stage, blocks in enumerate(BLOCKS, start=2):
        width = 16 * 2**stage
        for block in range(blocks):
            yield from _residual(block_name(stage, block), inputs, width, shortcut=block == 0)
            inputs = 4 * width


def _residual(name: str, inputs: int, width: int, shortcut: bool) -> Iterator[Layer]:
    outputs = 4 * width
    yield _convolution(f"res{name}_branch2a", 1, inputs, width)
    yield _normalisation(f"bn{name}_branch2a", width)
    yield _convolution(f"res{name}_branch2b", 3, width, width)
    yield _normalisation(f"bn{name}_branch2b", width)
    yield _convolution(f"res{name}_branch2c", 1, width, outputs)
    if shortcut:
        yield _convolution(f"res{name}_branch1", 1, inputs, outputs)
    yield _normalisation(f"bn{name}_branch2c", outputs)
    if shortcut:
        yield _normalisation(f"bn{name}_branch1", outputs)


def _pyramid() -> Iterator[Layer]:
    for name, inputs in (("C5_reduced", 2048), ("C4_reduced", 1024), ("C3_reduced", 512)):
        yield _convolution(name, 1, inputs, FEATURES, bias=True)
    yield _convolution("P6", 3, 2048, FEATURES, bias=True)
    for name in ("P3", "P4", "P5", "P7"):
        yield _convolution(name, 3, FEATURES, FEATURES, bias=True)


def _anchors() -> Iterator[Layer]:
    """The anchors around one place, which Keras took for weights."""
    for level in range(LEVELS):
        yield Layer(f"anchors_{level}", (("Variable:0", (ANCHORS, 4)),))


def _head(kind: str, outputs: int) -> Layer:
    """A model within the model: one group for all of its convolutions."""
    inner = [_convolution(f"pyramid_{kind}_{i}", 3, FEATURES, FEATURES, bias=True) for i in range(DEPTH)]
    inner.append(_convolution(f"pyramid_{kind}", 3, FEATURES, outputs * ANCHORS, bias=True))
    return Layer(f"{kind}_submodel", tuple(weight for layer in inner for weight in layer.weights))


def _convolution(name: str, size: int, inputs: int, outputs: int, bias: bool = False) -> Layer:
    kernel = (f"{name}/kernel:0", (size, size, inputs, outputs))
    return Layer(name, (kernel, (f"{name}/bias:0", (outputs,))) if bias else (kernel,))


def _normalisation(name: str, channels: int) -> Layer:
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    return Layer(name, tuple((f"{name}/{part}:0", (channels,)) for part in parts))


def check_layout(path: Path) -> None:
    """Compare every name and shape in a file with the network's, without reading the weights.

    Raises CctviewError that names the first layer or weight that is missing, unknown, misplaced or of another shape.
    """
    with _open(path):
        pass


def read_layers(path: Path) -> Weights:
    """The weights of a file that :func:`check_layout` accepts. Raises CctviewError as it does."""
    with _open(path) as file:
        return {layer.name: [file[layer.name][name][()].astype(np.float32) for name, _ in layer.weights] for layer in layers()}


def _open(path: Path):
    """An open HDF5 file whose layout was checked."""
    import h5py  # comes with TensorFlow, which not everyone installs

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ModelError(f"The weights {path} are no readable HDF5 file: {error}.") from error
    try:
        problem = _difference(file)
    except (KeyError, OSError, RuntimeError) as error:
        problem = f"its HDF5 structure is broken: {error}"
    if problem:
        file.close()
        raise ModelError(f"{path} does not fit the network: {problem}.")
    return file


def _difference(file) -> str | None:
    if "layer_names" not in file.attrs:
        return "it has no attribute 'layer_names', so it is no weights file of Keras 2"
    found = {name: _names(file[name], "weight_names") for name in _names(file, "layer_names")}
    found = {name: weights for name, weights in found.items() if weights}
    wanted = {layer.name: layer for layer in layers()}
    if missing := [name for name in wanted if name not in found]:
        return f"{len(missing)} layers are missing, the first is {missing[0]}"
    if unknown := [name for name in found if name not in wanted]:
        return f"{len(unknown)} layers are unknown, the first is {unknown[0]}"
    misplaced = [pair for pair in zip(found, wanted, strict=True) if pair[0] != pair[1]]
    if misplaced:
        return f"its layers are in another order, the first is {misplaced[0][0]} where {misplaced[0][1]} belongs"
    problems = (_layer_difference(layer, found[name], file[name]) for name, layer in wanted.items())
    return next((problem for problem in problems if problem), None)


def _layer_difference(layer: Layer, found: list[str], group) -> str | None:
    names = [name for name, _ in layer.weights]
    if found != names:
        return f"the weights of {layer.name} are {', '.join(found)} instead of {', '.join(names)}"
    for name, shape in layer.weights:
        if group[name].shape != shape:
            return f"{name} of {layer.name} is {group[name].shape} instead of {shape}"
    return None


def _names(group, attribute: str) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs[attribute]]
