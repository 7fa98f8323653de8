"""Turning crops of vehicles into vectors that lie close together when the vehicle is the same."""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from cctview_pipeline.extras import need
from cctview_pipeline.images import ImageLike
from cctview_pipeline.registry.manifest import ModelEntry, check_file, find_model
from cctview_pipeline.runtime.device import pick_device, threads
from cctview_pipeline.runtime.loaded_once import loaded_once

__all__ = ["Extractor", "Space", "load_extractor"]

Space = Literal["own", "veri"]
_DENSENET = "densenet201-veri"


class Extractor(Protocol):
    """What every extractor can do.

    dimension: D, the length of an embedding.
    version: the model's name and the beginning of its weights' hash, as tables record it.
    """

    dimension: int
    version: str

    def embed(self, crops: Sequence[ImageLike], space: Space = "own") -> np.ndarray:
        """RGB uint8 arrays (H, W, 3) of any size, or their bytes -> (N, D) float32, in the order of the crops.

        space: ``veri`` gives (N, 1920) in the space of the published DenseNet201-VeRI features.
        """


def load_extractor(name: str = "default", device: str = "auto") -> Extractor:
    """Load an extractor of models/manifest.toml onto a device (``auto``, ``cpu``, ``cuda``, ``cuda:N``), once a process.

    Raises CctviewError when the name is unknown, or the weights are missing or damaged.
    """
    entry = find_model(name, "extractor")
    if entry.name == _DENSENET:
        need(f"The extractor '{entry.name}'", "torch", "torchvision")
    check_file(entry)
    return _loaded(entry, pick_device(device), threads())


@loaded_once(3)
def _loaded(entry: ModelEntry, device: str, threads: int) -> Extractor:
    if entry.name == _DENSENET:
        from cctview_pipeline.embed.densenet import DenseNetExtractor  # imports torch, which takes seconds

        return DenseNetExtractor.load(entry, device)
    from cctview_pipeline.embed.default import DefaultExtractor

    return DefaultExtractor.load(entry, device)
