"""Scores that mean what they say: of the boxes that score 0.7, seven in ten should be right, small or large.

A network trained on a focal loss is too modest, and differently so for small and for large boxes. Platt's scaling (1999),
a logistic regression on the network's own log odds, corrects that; here the size of the box has a say in it too, so that
one threshold serves all sizes.
"""

from dataclasses import astuple, dataclass

import numpy as np

EDGE = 1e-6
"""Scores are kept this far from 0 and 1, where the log odds have no end."""


@dataclass(frozen=True)
class Calibration:
    """log odds = offset + slope * the network's + size * ln(s / 16 px) + bend * ln(s / 16 px)^2, where s is the square root
    of the box's area. The default changes nothing."""

    offset: float = 0.0
    slope: float = 1.0
    size: float = 0.0
    bend: float = 0.0

    @classmethod
    def read(cls, text: str) -> "Calibration":
        """The inverse of ``str``."""
        return cls(*(float(value) for value in text.split()))

    def __str__(self) -> str:
        return " ".join(f"{value:.6g}" for value in astuple(self))

    def apply(self, scores: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """(N,) scores and (N, 4) boxes -> (N,) calibrated scores, float32."""
        return _probability(_features(scores, boxes) @ np.array(astuple(self))).astype(np.float32)

    @classmethod
    def fit(cls, scores: np.ndarray, boxes: np.ndarray, hits: np.ndarray) -> "Calibration":
        """The maximum-likelihood calibration of (N,) scores with (N, 4) boxes that were right where hits (N,) is true.

        Where all or none were right there is nothing to learn, and the default comes back.
        """
        if not 0 < hits.sum() < len(hits):
            return cls()
        from scipy.optimize import minimize  # takes a second, and only training asks

        features, sign = _features(scores, boxes), np.where(hits, 1.0, -1.0)

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            margin = sign * (features @ weights)
            # A touch of ridge keeps a handful of boxes, all told apart by one feature, from driving its weight to infinity.
            pull = weights - np.array(astuple(cls()))
            gradient = -(sign * _probability(-margin)) @ features + 1e-2 * pull
            return float(np.logaddexp(0, -margin).sum() + 5e-3 * (pull**2).sum()), gradient

        return cls(*minimize(loss, np.array(astuple(cls())), jac=True, method="BFGS").x.tolist())


def _features(scores: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    size = np.log(np.sqrt(np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 1)) / 16)
    likely = np.clip(scores.astype(np.float64), EDGE, 1 - EDGE)
    return np.stack([np.ones(len(scores)), np.log(likely / (1 - likely)), size, size**2], axis=1)


def _probability(odds: np.ndarray) -> np.ndarray:
    """Of log odds; by tanh, which has no overflow."""
    return (1 + np.tanh(odds / 2)) / 2
