"""Turning crops of vehicles into vectors that lie close together when the vehicle is the same."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from cctview_pipeline.device import pick_device, threads
from cctview_pipeline.extras import need
from cctview_pipeline.images import ImageLike
from cctview_pipeline.loaded_once import loaded_once
from cctview_pipeline.weights import ModelEntry, check_file, find_model

__all__ = ["Extractor", "Space", "load_extractor", "training_version"]

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
        from cctview_pipeline.embed.densenet import DenseNetExtractor as Chosen  # imports torch, which takes seconds
    else:
        from cctview_pipeline.embed.default import DefaultExtractor as Chosen
    return Chosen.load(entry, device)


_MAKES_WEIGHTS = (
    "assessment",
    "city_crops",
    "courses",
    "lessons",
    "losses",
    "network",
    "quantization",
    "torch_backend",
    "training",
    "views",
)


def training_version() -> str:
    """A hash of the source that makes the default extractor's weights out of data."""
    digest = hashlib.sha256()
    for path in (*(f"{name}.py" for name in _MAKES_WEIGHTS), "../openvino_form.py"):
        digest.update((Path(__file__).parent / path).read_bytes())
    return digest.hexdigest()[:12]
