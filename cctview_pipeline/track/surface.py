"""Smooth functions of the place in a picture, fitted to what was seen there."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

KNOTS = 8
"""Rows of the picture between which a function may bend, spread over the places as they are seen."""

STIFFNESS = 1e-3
"""What a bend costs, as a share of the places: a road has few."""


@dataclass(frozen=True)
class Basis:
    """Cubic splines of the row, each times 1, x and x squared of the column. Beyond the outermost rows they go on straight.

    knots: rows, with multiplicity; centre, width: of the columns; all in units of px pixels.
    """

    knots: np.ndarray
    centre: float
    width: float
    px: float = 1.0

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) px -> (N, B)."""
        points = points / self.px
        inside = np.clip(points[:, 1], self.knots[0] + 1, self.knots[-1] - 1)
        slope = self._splines(inside + 0.5) - self._splines(inside - 0.5)
        along = self._splines(inside) + slope * (points[:, 1] - inside)[:, None]
        x = ((points[:, 0] - self.centre) / self.width)[:, None]
        return (along[:, :, None] * np.concatenate([np.ones_like(x), x, x * x], axis=1)[:, None, :]).reshape(len(points), -1)

    def gradient(self, points: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """(N,) how steep the function with these coefficients is, a px."""
        steps = np.array([[0.5, 0.0], [0.0, 0.5]]) * self.px
        return np.hypot(*((self(points + step) - self(points - step)) @ coefficients for step in steps)) / self.px

    def fit(self, design: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(B,) coefficients by least squares of design (N, B) on values (N,), weighted, as stiff as STIFFNESS asks."""
        count, size = design.shape
        penalty = np.concatenate([self.roughness() * np.sqrt(STIFFNESS * count), 1e-3 * np.eye(size)])
        rows = np.concatenate([design * weights[:, None], penalty])
        return np.linalg.lstsq(rows, np.concatenate([values * weights, np.zeros(len(penalty))]), rcond=None)[0]

    def roughness(self) -> np.ndarray:
        """(R, B): second differences of the coefficients from row to row."""
        return np.kron(np.diff(np.eye(len(self.knots) - 4), 2, axis=0), np.eye(3))

    def shifted(self, coefficients: np.ndarray, by: float) -> np.ndarray:
        """The same function plus a constant: the splines sum to 1 everywhere."""
        return coefficients + by * np.tile([1.0, 0.0, 0.0], len(self.knots) - 4)

    def _splines(self, rows: np.ndarray) -> np.ndarray:
        return BSpline.design_matrix(rows, self.knots, 3).toarray()


def basis_over(points: np.ndarray, px: float = 1.0) -> Basis:
    """A basis whose knots follow the rows of (N, 2) points, in units of px pixels. Raises ValueError where all are in one row."""
    points = points / px
    rows = np.quantile(points[:, 1], np.linspace(0.01, 0.99, KNOTS))
    if np.ptp(rows) < 2:
        raise ValueError("All places are in one row of the picture.")
    rows = rows + 0.1 * np.arange(KNOTS)  # no two knots in one place
    knots = np.concatenate([[rows[0]] * 3, rows, [rows[-1]] * 3])
    return Basis(knots, float(points[:, 0].mean()), float(points[:, 0].std() + 1), px)


def huber_weights(residuals: np.ndarray, least: float = 1e-4) -> tuple[np.ndarray, float]:
    """Square roots of Huber's weights, and the scale: 1.48 times the median of the absolute residuals, but not below least."""
    scale = max(1.4826 * float(np.median(np.abs(residuals))), least)
    return np.sqrt(1 / np.maximum(1, np.abs(residuals) / (1.5 * scale))), scale
