"""The default extractor: the network of :mod:`cctview_pipeline.embed.network` with weights from models/."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from cctview_pipeline.embed import Space
from cctview_pipeline.embed.views import two_views
from cctview_pipeline.extras import need
from cctview_pipeline.images import ImageLike, decode
from cctview_pipeline.registry.manifest import ModelEntry, read_arrays
from cctview_pipeline.runtime.device import pick_device
from cctview_pipeline.runtime.openvino_network import FORM, OpenVinoNetwork


class Backend(Protocol):
    """What computes the network. batch: crops at a time; depth: batches that may be under way at a time; dimension: D."""

    batch: int
    depth: int
    dimension: int

    def start(self, views: np.ndarray) -> Callable[[], np.ndarray]:
        """Begin with up to ``batch`` crops as :func:`two_views` gives them, (B, 64, 64, 6) uint8; their embeddings (B, D) are
        waited for when they are asked for."""


class OpenVinoBackend:
    """The network on a processor, a few crops at a time on each of some threads."""

    batch = 16

    def __init__(self, files: Mapping[str, Any]) -> None:
        """files: the network's, as :class:`OpenVinoNetwork` takes them."""
        self._network = OpenVinoNetwork(files)
        self.depth, self.dimension = self._network.depth, self._network.width

    def start(self, views: np.ndarray) -> Callable[[], np.ndarray]:
        count = len(views)
        if count < self.batch:  # compiled for one size alone
            views = np.concatenate([views, np.zeros((self.batch - count, *views.shape[1:]), np.uint8)])
        result = self._network.start(views)
        return lambda: result()[0][:count]


class DefaultExtractor:
    """The small network trained by this project. Embeddings have length 1. See models/ for its card."""

    def __init__(self, backend: Backend, version: str, published: tuple[np.ndarray, np.ndarray]) -> None:
        """published: (1920, D) and (1920,), from an embedding to the published features."""
        self.dimension, self.version = backend.dimension, version
        self._backend, self._published = backend, published

    @classmethod
    def load(cls, entry: ModelEntry, device: str) -> "DefaultExtractor":
        """OpenVINO on processors and PyTorch elsewhere, and for weights that were registered without OpenVINO's form."""
        chosen = pick_device(device)
        tensors, _ = read_arrays(entry, FORM, "published.")
        if chosen == "cpu" and f"{FORM}xml" in tensors:
            weight, bias = (tensors[f"published.{part}"].astype(np.float32) for part in ("weight", "bias"))
            return cls(OpenVinoBackend(tensors), entry.version, (weight, bias))
        why = "" if f"{FORM}xml" in tensors else ", which was registered without a form for processors,"
        need(f"The extractor '{entry.name}'{why}", "torch")
        from cctview_pipeline.embed.torch_backend import load_extractor  # takes seconds, and is not installed everywhere

        return load_extractor(entry, chosen)

    def embed(self, crops: Sequence[ImageLike], space: Space = "own") -> np.ndarray:
        """RGB uint8 arrays (H, W, 3) of any size, or their bytes -> (N, D) float32 of length 1, in the order of the crops.

        space: ``veri`` gives (N, 1920) instead, near to what the published DenseNet201 would give, of its lengths.
        """
        embeddings = np.zeros((len(crops), self.dimension), np.float32)
        running: deque[tuple[int, Callable[[], np.ndarray]]] = deque()

        def finish() -> None:
            begin, result = running.popleft()
            embeddings[begin : begin + self._backend.batch] = result()

        for begin in range(0, len(crops), self._backend.batch):
            if len(running) == self._backend.depth:
                finish()
            views = np.stack([two_views(decode(crop)) for crop in crops[begin : begin + self._backend.batch]])
            running.append((begin, self._backend.start(views)))
        while running:
            finish()
        if space == "own":
            return embeddings
        weight, bias = self._published
        return embeddings @ weight.T + bias
