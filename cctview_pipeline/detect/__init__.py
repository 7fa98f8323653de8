"""Finding vehicles and people in single frames."""

import hashlib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from cctview_pipeline.detect.detections import LABELS, PEOPLE, VEHICLES, Detections
from cctview_pipeline.images import ImageLike

__all__ = ["LABELS", "PEOPLE", "VEHICLES", "Detections", "Detector", "load_detector", "threshold_of", "training_version"]


class Detector(Protocol):
    """What every detector can do.

    threshold: the score at which the model is meant to be used; below it there are more misses than hits.
    version: the model's name and the beginning of its weights' hash, as tables record it.
    """

    threshold: float
    version: str

    def detect(self, images: Sequence[ImageLike], min_score: float = 0.05) -> list[Detections]:
        """JPEG bytes or RGB uint8 arrays -> one Detections an image, every score from min_score up.

        Raises CctviewError when an image cannot be decoded.
        """


_LOADERS = {
    "torchvision": ("torchvision_detectors", "TorchvisionDetector"),
    "imageai": ("imageai_detectors", "ImageAiDetector"),
    "keras": ("keras_retinanet.detector", "KerasRetinaNetDetector"),
}
"""The beginning of a manifest's ``loader`` -> the module and class that read such weights; without one it is this project's own
network."""


def load_detector(name: str = "default", device: str = "auto") -> Detector:
    """Load a detector of models/manifest.toml onto a device (``auto``, ``cpu``, ``cuda``, ``cuda:N``).

    Raises CctviewError when the name is unknown, or the weights are missing or damaged.
    """
    from cctview_pipeline.weights import find_model, read_facts  # torch takes seconds to import; ids and boxes don't need it

    entry = find_model(name, "detector")
    loader = read_facts(entry).get("loader", "").split("-")[0]
    module, chosen = _LOADERS.get(loader, ("default", "DefaultDetector"))
    return getattr(import_module(f"{__name__}.{module}"), chosen).load(entry, device)


def threshold_of(name: str) -> float:
    """The operating point of a detector of the manifest, without loading it."""
    from cctview_pipeline.weights import find_model, read_facts, read_weights

    entry = find_model(name, "detector")
    said = read_facts(entry).get("threshold")
    return float(read_weights(entry)[1]["threshold"] if said is None else said)


_MAKES_WEIGHTS = (
    "augmentation",
    "calibration",
    "city_frames",
    "evaluation",
    "labels",
    "network",
    "quantization",
    "targets",
    "training",
)


def training_version() -> str:
    """A hash of the source that makes the default detector's weights out of data."""
    digest = hashlib.sha256()
    for name in _MAKES_WEIGHTS:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]
