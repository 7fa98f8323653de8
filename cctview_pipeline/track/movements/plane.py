"""The ground before a camera, roughly, so that angles on it can be told: from how large cars are from row to row.

A level road before a level lens: a car's height in the picture grows evenly with its distance from the horizon's row. That tells
the horizon and how high the camera hangs. The focal length is that of an ordinary lens, which nobody measured: across the picture
lengths do not depend on it, along the view they are off by as much as it is. A turn of 90 degrees then looks like one of 70 to
110; left, right and straight on stay apart. Speeds and distances for people to read come from the calibration
(track/calibration.py), which is stricter, and at crossings often has too little to go by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from cctview_pipeline.images.size import Size
from cctview_pipeline.track.calibration import CAR_M

FOCAL_WIDTHS = 1.1
"""Focal length, in widths of the picture: a view of 49 degrees."""
HORIZON, HORIZON_SPREAD = 0.12, 0.2
LOG_HEIGHT, LOG_HEIGHT_SPREAD = float(np.log(7.0)), 0.5
"""What is believed beforehand: the horizon's row in heights of the picture; the camera's height, m."""
SIZE_SPREAD = 0.25
"""Of the heights of cars' boxes, relative."""
NEAREST_PX = 3.0
"""Below the horizon: what is nearer to it counts as so far below, in a picture of the usual width."""


@dataclass(frozen=True, kw_only=True)
class Plane:
    """focal, horizon, centre: px; height: of the lens, m; least: px below the horizon that a place has at least."""

    focal: float
    horizon: float
    height: float
    centre: float
    least: float

    def metres(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) px -> (N, 2) m to the right of the lens, and ahead of it."""
        below = np.maximum(points[:, 1] - self.horizon, self.least)
        return np.stack([(points[:, 0] - self.centre), np.full(len(points), self.focal)], axis=1) * (self.height / below)[:, None]

    def pixels(self, places: np.ndarray) -> np.ndarray:
        """(N, 2) m -> (N, 2) px. What is less than a metre ahead is taken for a metre ahead."""
        ahead = np.maximum(places[:, 1], 1.0)
        across = self.centre + self.focal * places[:, 0] / ahead
        return np.stack([across, self.horizon + self.focal * self.height / ahead], axis=1)


def fit_plane(boxes: np.ndarray, labels: Sequence[str], whole: np.ndarray, size: Size, px: float = 1.0) -> Plane:
    """boxes: (N, 4) px; labels: N; whole: (N,) which the picture's edge does not cut; size: of the picture; px: pixels in one of
    a picture of the usual width. Without cars it is what is believed beforehand."""
    (width, height), cars = size, whole & (np.asarray(labels, str) == "car")
    foot, high = boxes[cars, 3] / height, np.maximum(boxes[cars, 3] - boxes[cars, 1], 1.0) / height
    focal = FOCAL_WIDTHS * width

    def misfit(guess: np.ndarray, robust: bool = True) -> np.ndarray:
        expected = np.maximum(foot - guess[0], 0.01) * CAR_M[2] / np.exp(guess[1])
        off = np.log(high / expected) / SIZE_SPREAD
        off = np.sign(off) * np.sqrt(2 * np.hypot(1, off) - 2) if robust else off
        # A hundred cars say as much as the next thousand: all are seen by one lens, and no road is quite level.
        weight = np.sqrt(min(1.0, 100 / max(len(off), 1)))
        believed = (guess - [HORIZON, LOG_HEIGHT]) / [HORIZON_SPREAD, LOG_HEIGHT_SPREAD]
        return np.concatenate([off * weight, believed])

    found = least_squares(misfit, [HORIZON, LOG_HEIGHT], bounds=([-0.6, 0.7], [0.6, 3.5])).x
    return Plane(
        focal=focal,
        horizon=float(found[0] * height),
        height=float(np.exp(found[1])),
        centre=width / 2,
        least=NEAREST_PX * px,
    )
