"""What a vehicle is, by all its detections: the detector sees a bus now as a bus and now as a truck, and how often is known.

``label_confusion.json`` is written by benchmarks/labels.py, for the shipped detector; nothing else knows its figures.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

LABELS = ("car", "bus", "truck", "motorcycle")


@dataclass(frozen=True)
class Confusion:
    """By LABELS. shares: (4,) of the vehicles that pass: what is believed before anything is seen; said: (4, 4) how often a
    detection of a vehicle (rows) has a label (columns); worth: votes that each detection has, below 1, since a vehicle that was
    mistaken once is mistaken again from the same side."""

    shares: np.ndarray
    said: np.ndarray
    worth: float

    def label_of(self, labels: Sequence[str]) -> tuple[str, float]:
        """Labels of a vehicle's detections -> its likeliest label, and how probable that is, 0..1, by Bayes' rule."""
        seen = np.array([LABELS.index(label) for label in labels], np.int64)
        logs = np.log(self.shares) + self.worth * np.log(self.said)[:, seen].sum(axis=1)
        probability = np.exp(logs - logs.max())
        probability /= probability.sum()
        best = int(probability.argmax())
        return LABELS[best], float(probability[best])


@cache
def measured() -> Confusion:
    """Of the shipped detector."""
    found = json.loads(files("cctview_pipeline.track").joinpath("label_confusion.json").read_text())
    return Confusion(np.array(found["shares"]), np.array(found["said"]), found["worth"])


def label_of(labels: Sequence[str]) -> tuple[str, float]:
    """The vote of a vehicle's detections, by the shipped detector's confusion: label and probability."""
    return measured().label_of(labels)
