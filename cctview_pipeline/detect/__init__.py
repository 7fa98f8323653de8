"""Finding vehicles and people in single frames."""

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

from cctview_pipeline.detect.detections import LABELS, PEOPLE, VEHICLES, Detections
from cctview_pipeline.errors import ModelError
from cctview_pipeline.extras import need
from cctview_pipeline.images import ImageLike
from cctview_pipeline.images.size import Size
from cctview_pipeline.registry.manifest import ModelEntry, check_file, find_model, read_facts, read_metadata
from cctview_pipeline.runtime.device import pick_device, threads
from cctview_pipeline.runtime.loaded_once import loaded_once

__all__ = ["LABELS", "PEOPLE", "VEHICLES", "Detections", "Detector", "load_detector", "threshold_of"]


class Detector(Protocol):
    """What every detector can do.

    threshold: the score at which the model is meant to be used; below it there are more misses than hits.
    version: the model's name and the beginning of its weights' hash, as tables record it.
    working_range: shorter sides of vehicles, px, from the least to the most that are found well; None where the detector scales
    pictures by itself.
    """

    threshold: float
    version: str
    working_range: tuple[float, float] | None

    def scales(self, size: Size) -> tuple[float, ...]:
        """At which pictures of a size are looked at, largest first, where nothing is known of their vehicles."""

    def detect(
        self, images: Sequence[ImageLike], min_score: float = ..., scales: Sequence[float] | None = None
    ) -> list[Detections]:
        """JPEG bytes or RGB uint8 arrays -> one Detections an image, in its pixels: every vehicle from min_score up, or, when
        that is left out, from where on this detector's scores are of use to anybody. scales: those of :meth:`scales` when left
        out; ``[1.0]`` takes pictures as they are.

        Raises CctviewError when an image cannot be decoded.
        """


_LOADERS = {
    "": ("default", "DefaultDetector", ()),
    "torchvision": ("torchvision_detectors", "TorchvisionDetector", ("torch", "torchvision")),
    "imageai": ("imageai_detectors", "ImageAiDetector", ("imageai", "torch", "torchvision")),
    "keras": ("keras_retinanet.detector", "KerasRetinaNetDetector", ("tensorflow", "h5py")),
}
"""The beginning of a manifest's ``loader`` -> the module and class that read such weights, and the packages that these need;
this project's own network has none."""


def load_detector(name: str = "default", device: str = "auto") -> Detector:
    """Load a detector of models/manifest.toml onto a device (``auto``, ``cpu``, ``cuda``, ``cuda:N``), once a process.

    Raises CctviewError when the name is unknown, or the weights are missing or damaged.
    """
    entry = find_model(name, "detector")
    loader = read_facts(entry).get("loader", "").split("-")[0]
    if loader not in _LOADERS:
        raise ModelError(
            f"The detector '{entry.name}' names the loader '{loader}' in models/manifest.toml: known are "
            f"{', '.join(name for name in _LOADERS if name)}."
        )
    need(f"The detector '{entry.name}'", *_LOADERS[loader][2])
    check_file(entry)
    return _loaded(entry, loader, pick_device(device), threads())


@loaded_once(3)
def _loaded(entry: ModelEntry, loader: str, device: str, threads: int) -> Detector:
    module, chosen, _ = _LOADERS[loader]
    return getattr(import_module(f"{__name__}.{module}"), chosen).load(entry, device)


def threshold_of(name: str) -> float:
    """The operating point of a detector of the manifest, without loading it."""
    entry = find_model(name, "detector")
    said = read_facts(entry).get("threshold")
    return float(read_metadata(entry)["threshold"] if said is None else said)
