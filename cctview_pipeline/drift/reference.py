"""What a model gave on the pictures it was trained on: aggregates alone, in a small file beside its weights.

``models/<name>.reference.json`` holds a profile for every training camera and belongs to one file of weights, by its SHA-256: for
any others it counts as missing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from cctview_pipeline.detect import VEHICLES, Detections, Detector
from cctview_pipeline.documents import parse_json
from cctview_pipeline.drift.profile import EDGES, Profile, divergence
from cctview_pipeline.embed import Extractor
from cctview_pipeline.errors import CctviewError, NotFoundError
from cctview_pipeline.files import write_whole
from cctview_pipeline.images import ImageLike
from cctview_pipeline.paths import models_directory
from cctview_pipeline.registry.manifest import ModelEntry

_BATCH = 64


class NoReference(NotFoundError):
    """What a model gave in training is not known; the sentence says why."""


@dataclass(frozen=True)
class Reference:
    """model: version of the weights that it belongs to, as tables record it; threshold: a detector's, 0 for an extractor;
    cameras: what the model gave on each training camera, or on other groups of training pictures."""

    model: str
    threshold: float
    cameras: Mapping[str, Profile]

    def nearest(self, profile: Profile) -> tuple[str, float]:
        """The training camera that is most like it, and how far that is."""
        distances = {name: divergence(profile, known) for name, known in self.cameras.items()}
        name = min(distances, key=lambda name: distances[name])
        return name, distances[name]

    def mean(self, figure: str) -> float:
        """Over the training cameras, each counting as much as the next."""
        return float(np.mean([profile.figures[figure] for profile in self.cameras.values()]))

    def write(self, entry: ModelEntry) -> Path:
        """Beside the weights of that entry, which it belongs to from then on, whatever they were called in training."""
        path = reference_path(entry.name)
        cameras = [f"  {json.dumps(name)}: {json.dumps(_as_dict(profile))}" for name, profile in self.cameras.items()]
        head = json.dumps({"model": entry.version, "sha256": entry.sha256, "threshold": self.threshold})[:-1]
        write_whole(path, (head + ', "cameras": {\n' + ",\n".join(cameras) + "\n}}\n").encode())
        return path


def reference_path(name: str) -> Path:
    """Of the model of that name."""
    return models_directory() / f"{name}.reference.json"


def find_reference(model: str) -> Reference:
    """model: as tables record it, ``name@`` and the beginning of its weights' SHA-256. Raises NoReference when there is none, it
    belongs to other weights, or it can't be read."""
    name, _, digest = model.partition("@")
    path = reference_path(name)
    try:
        known = parse_json(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise NoReference(
            f"{model} has no {path.name} beside its weights: drift from its training cannot be told; training writes one."
        ) from None
    except (OSError, CctviewError) as error:
        raise _damaged(path) from error
    if not (_has(known, sha256=str, threshold=float, cameras=dict) and all(map(_is_profile, known["cameras"].values()))):
        raise _damaged(path)
    if not digest or not known["sha256"].startswith(digest):
        raise NoReference(
            f"{path.name} belongs to other weights than {model}: drift from its training cannot be told; training writes one."
        )
    return Reference(model, known["threshold"], {name: _from_dict(profile) for name, profile in known["cameras"].items()})


def _damaged(path: Path) -> NoReference:
    return NoReference(
        f"{path} cannot be read, or its bins are others than this version has: restore it from git, or train again."
    )


def _is_profile(known: object) -> bool:
    if not _has(known, count=int, shares=dict, figures=dict):
        return False
    bins = {name: len(edges) - 1 for name, edges in EDGES.items()}
    shares = all(isinstance(each, list) and len(each) == bins.get(name) for name, each in known["shares"].items())
    return shares and all(map(_is_number, [*known["figures"].values(), *chain(*known["shares"].values())]))


def _has(known: object, **kinds: type) -> TypeGuard[dict[str, Any]]:
    """Whether it is an object with these, each of its kind; a whole number is a number too."""
    if not isinstance(known, dict):
        return False
    return all(_is_number(known.get(name)) if kind is float else type(known.get(name)) is kind for name, kind in kinds.items())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def make_detector_reference(detector: Detector, images: Mapping[str, Iterable[ImageLike]]) -> Reference:
    """images: camera -> its training frames, JPEG bytes or RGB uint8 arrays; they may come one after the other."""
    cameras = {name: detector_profile(detector, frames) for name, frames in images.items()}
    return _reference(detector.version, detector.threshold, cameras)


def make_extractor_reference(extractor: Extractor, crops: Mapping[str, Iterable[ImageLike]]) -> Reference:
    """crops: camera -> vehicles cut out of its training frames as the detector cuts them, RGB uint8 arrays of any size, or their
    bytes."""
    parts = {name: [extractor.embed(part) for part in _batches(cut)] for name, cut in crops.items()}
    cameras = {name: Profile.of_embeddings(np.concatenate(part)) for name, part in parts.items() if part}
    return _reference(extractor.version, 0.0, cameras)


def detector_profile(detector: Detector, frames: Iterable[ImageLike]) -> Profile:
    """One camera's."""
    scores = [_vehicle_scores(each) for part in _batches(frames) for each in detector.detect(part)]
    return Profile.of_detections(np.concatenate(scores or [np.zeros(0)]), detector.threshold)


def _batches(values: Iterable[Any]) -> Iterator[list]:
    values = iter(values)
    return iter(lambda: list(islice(values, _BATCH)), [])


def _vehicle_scores(found: Detections) -> np.ndarray:
    return found.scores[np.array([label in VEHICLES for label in found.labels], bool)]


def _reference(model: str, threshold: float, cameras: Mapping[str, Profile]) -> Reference:
    cameras = {name: profile for name, profile in cameras.items() if profile.count}
    if not cameras:
        raise NoReference(f"There is nothing to make a reference of {model} from: no vehicle on any of the training pictures.")
    return Reference(model, threshold, cameras)


def _as_dict(profile: Profile) -> dict:
    shares = {name: [round(float(share), 5) for share in values] for name, values in profile.shares.items()}
    return {"count": profile.count, "shares": shares, "figures": {k: round(v, 4) for k, v in profile.figures.items()}}


def _from_dict(known: dict) -> Profile:
    shares = {name: np.array(values, np.float64) for name, values in known["shares"].items()}
    return Profile(known["count"], shares, dict(known["figures"]))
