"""Seeded weights in the original's file layout, and three drawn images: the same numbers wherever NumPy runs.

The weights are random, but keep every activation near 1, and the last layers are scaled so that a few dozen boxes of eight
classes come out of each image, with scores from 0.05 to 0.95 and many an overlapping neighbour for the suppression.
"""

import hashlib
from pathlib import Path

import numpy as np

from cctview_pipeline.detect.keras_retinanet.layout import Layer

SEED = 2018
TAMED = {
    "conv1": 1 / 64,
    "P3": 0.275,
    "P4": 0.225,
    "P5": 0.585,
    "pyramid_regression": 0.15,
    "pyramid_classification": 0.39,
}
"""Factors of some kernels: pixels are large, and the levels' activations shall not differ much."""
OFFSETS = {0: -14.1, 1: -9.5, 2: -12.1, 3: -8.7, 5: -13.5, 6: -11.5, 7: -9.1, 9: -12.5}
"""Biases of the classes that are found, such that each is: the six labels, and train and traffic light, which are none."""
OTHERS = -40.0


def seeded_layers(layout: list[Layer]) -> dict[str, list[np.ndarray]]:
    """Float32 arrays for every layer, in the layout's order."""
    rng = np.random.default_rng(SEED)
    return {layer.name: [_array(rng, layer.name, name, shape) for name, shape in layer.weights] for layer in layout}


def write_weights(path: Path, arrays: dict[str, list[np.ndarray]], layout: list[Layer]) -> None:
    """The file as Keras 2 wrote it, layers without weights left out but for the first, the input."""
    import h5py  # not everyone installs it

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"input_1", *(layer.name.encode() for layer in layout)]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.3.1"
        file.create_group("input_1").attrs["weight_names"] = np.zeros(0)
        for layer in layout:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [name.encode() for name, _ in layer.weights]
            for (name, _), array in zip(layer.weights, arrays[layer.name], strict=True):
                group[name] = array


def seeded_images() -> list[np.ndarray]:
    """RGB uint8: one of a camera's size, a wide one and a tall one whose longer side decides their scale."""
    return [_drawn(np.random.default_rng(seed), *size) for seed, *size in ((2018, 240, 352), (1, 120, 640), (2020, 480, 110))]


def digest(arrays: list[np.ndarray]) -> str:
    """A hash of the arrays' bytes, to tell other random numbers from other results."""
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array))
    return whole.hexdigest()


def base_anchors(size: float) -> np.ndarray:
    """(9, 4) around 0, 0: heights over widths of 0.5, 1 and 2, each in three scales."""
    ratios, scales = np.repeat([0.5, 1, 2], 3), np.tile(2 ** (np.arange(3) / 3), 3)
    widths = size * scales / np.sqrt(ratios)
    halves = np.stack([widths, widths * ratios], 1) / 2
    return np.concatenate([-halves, halves], 1).astype(np.float32)


def _array(rng: np.random.Generator, layer: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if layer.startswith("anchors"):
        return base_anchors(32 * 2 ** int(layer[-1]))
    part = name.partition("/")[2].removesuffix(":0")
    if part == "kernel":
        return _kernel(rng, name.partition("/")[0], shape)
    if part == "bias":
        return _bias(name.partition("/")[0], shape)
    if part in ("gamma", "moving_variance"):
        # A block's last normalisation is small, so that sixteen blocks add up to no more than a few times the first.
        scale = 0.4 if part == "gamma" and "branch2c" in name else 1.0
        return (scale * rng.uniform(0.8, 1.2, shape)).astype(np.float32)
    return (0.1 * rng.standard_normal(shape, np.float32)).astype(np.float32)


def _kernel(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    kernel = rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[:3])))
    return kernel * np.float32(TAMED.get(name, 1))


def _bias(name: str, shape: tuple[int, ...]) -> np.ndarray:
    bias = np.zeros(shape, np.float32)
    if name == "pyramid_classification":
        bias = np.full((9, 80), OTHERS, np.float32)
        bias[:, list(OFFSETS)] = list(OFFSETS.values())
    return bias.reshape(shape)


def _drawn(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Rectangles in front of a slope, with some noise."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([90 + 80 * y / height, 100 + 60 * x / width, np.full((height, width), 120.0)], 2)
    for _ in range(40):
        high, wide = rng.integers(6, 60, 2)
        top, left = rng.integers(-high // 2, height - high // 2), rng.integers(-wide // 2, width - wide // 2)
        image[max(top, 0) : top + high, max(left, 0) : left + wide] = rng.integers(0, 256, 3)
    return (image + rng.normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8)
