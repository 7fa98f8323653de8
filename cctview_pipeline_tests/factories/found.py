"""Whether two implementations found the same. Nearly equal scores come in another order on another processor."""

from collections.abc import Sequence

import numpy as np

TOLERANCE = 1e-3
"""Of a coordinate, in pixels, and of a score."""


def assert_same_found(
    ours: tuple[np.ndarray, np.ndarray, Sequence], theirs: tuple[np.ndarray, np.ndarray, Sequence], tolerance: float = TOLERANCE
) -> None:
    """Boxes (N, 4), scores (N,) and labels of both: each of theirs is there once, with its label, and nothing else; ours come
    best first."""
    (boxes, scores, labels), (their_boxes, their_scores, their_labels) = ours, theirs
    assert len(boxes) == len(their_boxes)
    far = np.abs(boxes[:, None] - their_boxes[None]).max(2)
    far = np.maximum(far, np.abs(scores[:, None] - their_scores[None]))
    far[np.array(labels)[:, None] != np.array(their_labels)[None]] = np.inf
    partner = far.argmin(0)
    assert sorted(partner) == list(range(len(boxes)))
    assert far.min(0, initial=0).max(initial=0) < tolerance
    assert (np.diff(scores) <= 0).all()
