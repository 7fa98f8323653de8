"""Finding vehicles and people in single frames."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from cctview_pipeline.detect.detections import LABELS, PEOPLE, VEHICLES, Detections
from cctview_pipeline.images import ImageLike

__all__ = ["LABELS", "PEOPLE", "VEHICLES", "Detections", "Detector", "load_detector", "training_version"]


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


def load_detector(name: str = "default", device: str = "auto") -> Detector:
    """Load a detector of models/manifest.toml onto a device (``auto``, ``cpu``, ``cuda``, ``cuda:N``).

    Raises CctviewError when the name is unknown, or the weights are missing or damaged.
    """
    from cctview_pipeline.detect.default import DefaultDetector  # torch takes seconds to import; ids and boxes don't need it
    from cctview_pipeline.weights import find_model

    return DefaultDetector.load(find_model(name, "detector"), device)


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
