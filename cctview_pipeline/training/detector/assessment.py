"""How good a detector is on labelled frames: vehicles only, with car, bus and truck as one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cctview_pipeline.detect import VEHICLES, Detections, Detector
from cctview_pipeline.detect.evaluation import SIZES, Curve, Scored, by_size, precision_recall
from cctview_pipeline.training.detector.labels import FrameLabels, published_truth

Truth = tuple[np.ndarray, np.ndarray]
"""Vehicles (N, 4) of a frame that are to be found, and boxes (M, 4) that count neither way."""


def consensus(frames: Iterable[FrameLabels]) -> list[Truth]:
    """What the sources of the labels agree on; what a single one saw counts neither way."""
    return [(f.objects[f.labels < len(VEHICLES)], np.concatenate([f.ignored, f.still])) for f in frames]


def published(frames: Iterable[FrameLabels]) -> list[Truth]:
    """The published boxes of 0.40 and more; those below count neither way."""
    return [published_truth(frame.file) for frame in frames]


def find(detector: Detector, frames: Sequence[FrameLabels]) -> list[Detections]:
    """The detector's vehicles on every frame."""
    found = detector.detect([frame.path.read_bytes() for frame in frames])
    return [each.select(np.array([label in VEHICLES for label in each.labels], bool)) for each in found]


@dataclass(frozen=True)
class Assessment:
    """One curve over all sizes, and one for each of SIZES (by the shorter side of a box)."""

    whole: Curve
    sizes: dict[str, Curve]

    def rows(self, threshold: float) -> list[dict[str, float | str | int]]:
        """What a table shows: AP50, and precision, recall and F1 of the boxes that score threshold or more."""
        return [_row(name, curve, threshold) for name, curve in {"all": self.whole, **self.sizes}.items()]


def scored(found: Sequence[Detections], truths: Sequence[Truth]) -> list[Scored]:
    """Detections and truths, frame by frame, as they are matched."""
    return [Scored(f.boxes, f.scores, *truth) for f, truth in zip(found, truths, strict=True)]


def assess(found: Sequence[Detections], truths: Sequence[Truth]) -> Assessment:
    """Detections and truths, frame by frame -> how they compare."""
    images = scored(found, truths)
    classes = zip(*(by_size(image) for image in images), strict=True)
    return Assessment(
        precision_recall(images), {name: precision_recall(list(part)) for name, part in zip(SIZES, classes, strict=True)}
    )


def _row(name: str, curve: Curve, threshold: float) -> dict[str, float | str | int]:
    precision, recall = curve.at(threshold)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    figures = {"AP50": curve.average_precision, "precision": precision, "recall": recall, "F1": f1}
    return {"size": name, "vehicles": curve.truths, **{key: round(value, 4) for key, value in figures.items()}}
