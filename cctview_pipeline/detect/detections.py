"""What a detector returns for one image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cctview_pipeline.boxes import suppress

VEHICLES = ("car", "bus", "truck", "motorcycle")
"""Labels that get crops, embeddings and tracks."""

PEOPLE = ("person", "bicycle")
"""Labels that are counted and masked, and nothing else, anywhere."""

LABELS = VEHICLES + PEOPLE


@dataclass(frozen=True)
class Detections:
    """The boxes of one image, best score first.

    boxes: (N, 4) float32, ``x1, y1, x2, y2`` in pixels of the image, inside it.
    scores: (N,) float32 in 0..1.
    labels: N strings, each one of :data:`LABELS`.

    Raises ValueError, with the shape that was given, when the three do not fit together.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: list[str]

    def __post_init__(self) -> None:
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4:
            raise ValueError(f"boxes must have the shape (N, 4), not {self.boxes.shape}.")
        if self.scores.shape != (len(self.boxes),):
            raise ValueError(f"scores must have the shape ({len(self.boxes)},), not {self.scores.shape}.")
        if len(self.labels) != len(self.boxes):
            raise ValueError(f"{len(self.boxes)} boxes need as many labels, not {len(self.labels)}.")
        if self.boxes.dtype != np.float32 or self.scores.dtype != np.float32:
            raise ValueError(f"boxes and scores must be float32, not {self.boxes.dtype} and {self.scores.dtype}.")

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def empty(cls) -> "Detections":
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), [])

    def select(self, keep: np.ndarray) -> "Detections":
        """The detections that a boolean mask or an index array keeps."""
        kept = np.arange(len(self))[keep]
        return Detections(self.boxes[kept], self.scores[kept], [self.labels[i] for i in kept])


def together(parts: Sequence[Detections]) -> Detections:
    """One image's detections of several looks at it: of one vehicle, found in several, the box that scores best."""
    boxes, scores = (np.concatenate([getattr(each, name) for each in parts]) for name in ("boxes", "scores"))
    labels = [label for each in parts for label in each.labels]
    group = np.array([0 if label in VEHICLES else LABELS.index(label) for label in labels], np.float32)
    apart = boxes + (group * 2 * (boxes.max(initial=0) + 1))[:, None]
    return Detections(boxes, scores, labels).select(suppress(apart, scores, 0.5))
