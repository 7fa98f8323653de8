"""What computes the detector's network: OpenVINO on processors; on graphics cards PyTorch, which has a module of its own.

A backend takes a batch and gives back a promise of its result, so that decoding, computing and reading off the results of
different batches happen at the same time.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from cctview_pipeline.detect.padding import padded
from cctview_pipeline.images import ImageLike, decode, decode_scaled
from cctview_pipeline.images.size import Size
from cctview_pipeline.runtime.openvino_network import OpenVinoNetwork

Found: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Scores (B, K), label indices (B, K) and boxes (B, K, 4) of a batch's candidates."""


class Backend(Protocol):
    """batch: images at a time; depth: batches that may be under way at a time."""

    batch: int
    depth: int

    def load(self, images: Sequence[ImageLike]) -> list:
        """Decode images to (H, W, 3), uint8, wherever the backend wants them. Runs beside the computation, in a thread."""

    def scale(self, image: Any, size: Size) -> Any:
        """A loaded image, made as large or as small as a size; larger bilinearly: what is sharper is found less well."""

    def submit(self, images: list) -> Callable[[], Found]:
        """Start on up to ``batch`` loaded images of one size; the result is waited for when it is called."""


class OpenVinoBackend:
    """The network in 8-bit integers on a processor, one image at a time on each of some threads."""

    batch = 1

    def __init__(self, files: Mapping[str, Any]) -> None:
        """files: the network's, as :class:`OpenVinoNetwork` takes them."""
        self._network = OpenVinoNetwork(files)
        self.depth = self._network.depth

    def load(self, images: Sequence[ImageLike]) -> list[np.ndarray]:
        return [decode(image) for image in images]

    def scale(self, image: np.ndarray, size: Size) -> np.ndarray:
        return decode_scaled(image, size)

    def submit(self, images: list[np.ndarray]) -> Callable[[], Found]:
        (image,) = images
        result = self._network.start(padded(image)[None])

        def found() -> Found:
            scores, labels, boxes = result()
            return scores, labels, boxes

        return found
