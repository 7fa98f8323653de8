"""Kilometres an hour from one fixed camera: its geometry, fitted to the boxes of the cars that it sees.

A pinhole camera above a flat, level road. How large cars of known mean size appear from place to place tells where the
horizon is and how high the camera hangs; how much broader those are that it sees from their side tells the focal length.
That vehicles of known mean size give a traffic camera its scale is from Dubská, Sochor and Herout, "Automatic camera
calibration for traffic understanding" (BMVC 2014); they measure vanishing points and contours, here boxes have to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import OptimizeResult, least_squares
from scipy.spatial import cKDTree

from cctview_pipeline.images.size import pixel_of

CAR_M = np.array([4.68, 1.83, 1.57])
"""Length, width, height: means of the makers' figures for Camry, Civic, Corolla, RAV4, CR-V and Rogue of about 2018."""

_BODY = [(-0.5, 0.5, 0.46, 0.17), (-0.5, 0.5, 0.46, 0.55), (-0.42, 0.42, 0.5, 0.25), (-0.42, 0.42, 0.5, 0.55)]
_RECTANGLES = [(-0.32, 0.32, 0.49, 0.0), *_BODY, (-0.35, 0.17, 0.37, 1.0)]
OUTLINE = np.array([(end, side * half, up) for *ends, half, up in _RECTANGLES for end in ends for side in (-1, 1)])
"""(24, 3) corners of the wheels' contacts, bumpers, doors and roof, in units of CAR_M from the car's middle: ahead, to the
right, up. A full cuboid looks larger than a car, whose bumpers are round and whose roof does not reach over them."""

OUTLINE_ERROR = 0.2
"""Relative standard error of lengths on the road that is due to OUTLINE and to what is not modelled. In the synthetic city
lengths come out 5 % too short; at three real cameras they were 14, 18 and 38 % too long, measured by the lane marks."""

MEANS = np.array([np.log(8.0), 0.0, 0.0, 0.0, 0.0, 0.0, 0.5])
SPREADS = np.array([0.6, 100.0, 0.035, 0.05, 0.03, 0.06, 0.5])
"""What is known beforehand of the guess: log of the camera's height, m; row of the horizon; roll; logs of the cars' length,
width and height, relative to CAR_M; how many px a blurred car's box is larger than the car."""

FOCAL_WIDTHS, FOCAL_SPREAD = 1.6, 0.5
"""The focal length beforehand: in widths of the frame, and the standard deviation of its log (views of 13 to 80 degrees)."""

BOX_ERROR, PIXEL_ERROR = 0.04, 1.0
"""Standard deviations: of a cell's mean box from the outline's, relative; of the place of one box, px."""

MIN_CELLS, MIN_CARS, MIN_PX = 12, 10, 10.0
MAX_FIT_ERROR, MAX_SCALE_ERROR = 2.0, 0.3
"""A camera stays uncalibrated with fewer cells, each of so many cars of this size; or when the median residual, in standard
deviations, or the relative standard error of lengths is larger."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The road before a camera, a plane.

    focal: px; height: of the lens above the road, m; horizon: its row, px; roll: of the camera, clockwise, radians;
    azimuth: of the road, to the right of the optical axis, radians; scale_error: relative standard error of lengths on the
    road; centre: of the frame, px.
    """

    focal: float
    height: float
    horizon: float
    roll: float = 0.0
    azimuth: float = 0.0
    scale_error: float = 0.0
    centre: tuple[float, float] = (176.0, 120.0)

    @cached_property
    def axes(self) -> np.ndarray:
        """(3, 3) along the road, across it to the right, and down, each as the camera's (right, down, ahead)."""
        tilt = np.arctan2(self.centre[1] - self.horizon, self.focal)
        right = np.array([np.cos(self.roll), -np.sin(self.roll), 0.0])
        below = np.array([np.sin(self.roll), np.cos(self.roll), 0.0])
        ahead = np.array([0.0, 0.0, np.cos(tilt)]) - np.sin(tilt) * below
        down = np.array([0.0, 0.0, np.sin(tilt)]) + np.cos(tilt) * below
        turn = np.array([[np.cos(self.azimuth), np.sin(self.azimuth)], [-np.sin(self.azimuth), np.cos(self.azimuth)]])
        return np.concatenate([turn @ np.stack([ahead, right]), down[None]])

    def metres(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) px -> (..., 2) m along and across the road, from the place below the lens; NaN above the horizon."""
        rays = (points - np.array(self.centre)) / self.focal @ self.axes[:, :2].T + self.axes[:, 2]
        return rays[..., :2] * self.height / np.where(rays[..., 2:] > 1e-4, rays[..., 2:], np.nan)

    def pixels(self, places: np.ndarray, up: np.ndarray | float = 0.0) -> np.ndarray:
        """(..., 2) m on the road, (...) m above it -> (..., 2) px; NaN behind the camera."""
        down = np.broadcast_to(self.height - up, places.shape[:-1])[..., None]
        seen = np.concatenate([places, down], axis=-1) @ self.axes
        return self.focal * seen[..., :2] / np.where(seen[..., 2:] > 0.1, seen[..., 2:], np.nan) + np.array(self.centre)

    def steps(self, points: np.ndarray, ways: np.ndarray) -> np.ndarray:
        """(N, 2) m on the road that steps of (N, 2) px around (N, 2) px make."""
        return self.metres(points + ways / 2) - self.metres(points - ways / 2)

    def car_sizes(self, points: np.ndarray, ways: np.ndarray, car: np.ndarray) -> np.ndarray:
        """(N, 2) px, width and height of the boxes of cars that are ``car`` (3,) m long, wide and high.

        points: (N, 2) px, the middles of the boxes' lower edges; ways: (N, 2), where the cars head, of length 1.
        """
        ahead = self.steps(points, ways)
        ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
        right = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
        corners = OUTLINE * car
        around = corners[:, :1] * ahead[:, None] + corners[:, 1:2] * right[:, None]
        middle = goal = self.metres(points)
        for _ in range(2):  # move the car until its box stands where the seen one does
            outline = self.pixels(middle[:, None] + around, corners[:, 2])
            low, high = outline.min(axis=1), outline.max(axis=1)
            foot = np.stack([(low[:, 0] + high[:, 0]) / 2, high[:, 1]], axis=1)
            middle = middle + goal - self.metres(foot)
        return high - low


def speed_kmh(ground: Ground, points: np.ndarray, times: np.ndarray) -> tuple[float, float]:
    """A vehicle's speed and its standard error, km/h, from (N, 2) px where its boxes touch the road and (N,) s.

    The weighted median of the speeds between any two sightings, so that a wrong box does little harm; far away a pixel is
    many metres, and counts less. NaN and NaN with fewer than two sightings on the road.
    """
    places = ground.metres(points)
    edges = [ground.steps(points, np.broadcast_to(step, points.shape)) for step in np.eye(2)]
    seen = np.isfinite(np.concatenate([places, *edges], axis=1)).all(axis=1)
    if seen.sum() < 2 or np.ptp(times[seen]) == 0:
        return np.nan, np.nan
    times, places = times[seen], places[seen]
    way = places[times.argmax()] - places[times.argmin()]
    way = way / np.linalg.norm(way) if way.any() else np.array([1.0, 0.0])
    pixel = PIXEL_ERROR * pixel_of((round(2 * ground.centre[0]), round(2 * ground.centre[1])))
    variance = pixel**2 * sum((edge[seen] @ way) ** 2 for edge in edges)
    one, other = np.nonzero(times[:, None] < times)
    seconds = times[other] - times[one]
    speeds, weights = (places[other] - places[one]) @ way / seconds, seconds**2 / (variance[one] + variance[other])
    order = np.argsort(speeds)
    heap = np.cumsum(weights[order])
    speed = abs(speeds[order][np.searchsorted(heap, heap[-1] / 2)])
    noise = np.sum((times - np.average(times, weights=1 / variance)) ** 2 / variance) ** -0.5
    return 3.6 * float(speed), 3.6 * float(np.hypot(noise, speed * ground.scale_error))


def calibrate(
    boxes: np.ndarray,
    labels: Sequence[str] | np.ndarray,
    earlier: Sequence[int] | np.ndarray,
    later: Sequence[int] | np.ndarray,
    frame_size: tuple[int, int] = (352, 240),
) -> Ground | None:
    """Fit a camera's geometry to an hour of its detections; None where they do not support it.

    boxes: (N, 4) px of frames of frame_size; labels: (N,) strings; earlier, later: (M,) rows of two successive sightings of one
    vehicle, from its tracks: they tell where cars head. Pixels are taken to be square, the optical axis to meet the middle of
    the frame, the road to be level and the lens to bend nothing: errors of these kinds are not in ``scale_error``.
    """
    px = pixel_of(frame_size)
    found = _calibrated(
        boxes / px, np.asarray(labels), np.asarray(earlier, int), np.asarray(later, int), np.array(frame_size) / px
    )
    if found is None:
        return None
    centre = found.centre[0] * px, found.centre[1] * px
    return replace(found, focal=found.focal * px, horizon=found.horizon * px, centre=centre)


def _calibrated(
    boxes: np.ndarray, labels: np.ndarray, earlier: np.ndarray, later: np.ndarray, frame_size: np.ndarray
) -> Ground | None:
    """In pixels of a frame of the usual width, in which lengths are given here."""
    cells = _cells(boxes, labels, earlier, later, frame_size)
    if len(cells.points) < MIN_CELLS:
        return None
    # Boxes tell little of the focal length, and not always with one minimum: it is scanned, and the mean of it taken.
    logs = np.log(frame_size[0]) + np.linspace(np.log(0.5), np.log(4.5), 12)
    fits = cells.scan(np.exp(logs))
    fine = np.linspace(logs[0], logs[-1], 200)
    cost = CubicSpline(logs, [fit.cost for fit in fits])(fine)
    cost += ((fine - np.log(FOCAL_WIDTHS * frame_size[0])) / FOCAL_SPREAD) ** 2 / 2
    weights = np.exp(cost.min() - cost) / np.exp(cost.min() - cost).sum()
    focal = float(np.exp(weights @ fine))
    best = cells.fit(focal, fits[np.abs(logs - np.log(focal)).argmin()].x)
    nudges = np.diag(SPREADS) / 100
    steps = [cells.log_length(focal, best.x + nudge) - cells.log_length(focal, best.x - nudge) for nudge in nudges]
    slope = np.array(steps) / (2 * np.diag(nudges))
    lengths = CubicSpline(logs, [cells.log_length(f, fit.x) for f, fit in zip(np.exp(logs), fits, strict=True)])(fine)
    variance = weights @ (lengths - weights @ lengths) ** 2 + slope @ np.linalg.inv(best.jac.T @ best.jac) @ slope
    error = float(np.sqrt(variance + OUTLINE_ERROR**2))
    at_bounds = weights[:20].sum() + weights[-20:].sum() > 0.1
    if at_bounds or error > MAX_SCALE_ERROR or np.median(np.abs(best.fun[: -len(MEANS)])) > MAX_FIT_ERROR:
        return None
    ground = cells.ground(focal, best.x)
    ahead, right = ground.steps(cells.points, cells.ways).T
    # Both directions of a road have one azimuth: that of the mean of the doubled angles.
    azimuth = np.angle(np.sum((ahead + 1j * right) ** 2 / (ahead**2 + right**2))) / 2
    return replace(ground, azimuth=float(azimuth), scale_error=error)


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """C small parts of the picture, by direction. points: (C, 2) px, where cars stand; ways: (C, 2), where they head, of
    length 1; sizes, errors: (C, 2), mean logs of their boxes' widths and heights, and the standard errors of those;
    centre: of the frame, px."""

    points: np.ndarray
    ways: np.ndarray
    sizes: np.ndarray
    errors: np.ndarray
    centre: tuple[float, float]

    def ground(self, focal: float, guess: np.ndarray) -> Ground:
        return Ground(
            focal=focal, height=float(np.exp(guess[0])), horizon=float(guess[1]), roll=float(guess[2]), centre=self.centre
        )

    def log_length(self, focal: float, guess: np.ndarray) -> float:
        """Mean log of how many metres a px along the road is."""
        return float(np.log(np.linalg.norm(self.ground(focal, guess).steps(self.points, self.ways), axis=1)).mean())

    def misfit(self, guess: np.ndarray, focal: float) -> np.ndarray:
        """(2 C + 7,) residuals in standard deviations: of the boxes, and of what is known beforehand."""
        sizes = self.ground(focal, guess).car_sizes(self.points, self.ways, CAR_M * np.exp(guess[3:6])) + guess[6]
        off = np.nan_to_num((np.log(sizes) - self.sizes) / self.errors, nan=10.0).ravel()
        # scipy's soft_l1, but of the boxes alone: what is known beforehand must hold.
        return np.concatenate([np.sign(off) * np.sqrt(2 * np.hypot(1, off) - 2), (guess - MEANS) / SPREADS])

    def fit(self, focal: float, start: np.ndarray) -> OptimizeResult:
        low, high = MEANS - 6 * SPREADS, MEANS + 6 * SPREADS
        high[1] = self.points[:, 1].min() - 5
        start = np.clip(start, low + 1e-3, high - 1e-3)
        return least_squares(self.misfit, start, bounds=(low, high), x_scale=SPREADS / 2, max_nfev=40, args=(focal,))

    def scan(self, focals: np.ndarray) -> list[OptimizeResult]:
        """A fit for each focal length, from the middle one outwards, each from where its neighbour ended."""
        middle, first = len(focals) // 2, MEANS.copy()
        first[1] = self.points[:, 1].min() - 25
        fits = {middle: self.fit(focals[middle], first)}
        for i in range(middle + 1, len(focals)):
            fits[i] = self.fit(focals[i], fits[i - 1].x)
        for i in range(middle - 1, -1, -1):
            fits[i] = self.fit(focals[i], fits[i + 1].x)
        return [fits[i] for i in range(len(focals))]


def _cells(boxes: np.ndarray, labels: np.ndarray, earlier: np.ndarray, later: np.ndarray, frame_size: np.ndarray) -> _Cells:
    """Cars by place and direction; without those that the frame's edge cuts, and those whose way is not clear."""
    points, sizes = np.stack([boxes[:, [0, 2]].mean(axis=1), boxes[:, 3]], axis=1), boxes[:, 2:] - boxes[:, :2]
    whole = np.all(boxes[:, :2] > 2, axis=1) & np.all(boxes[:, 2:] < frame_size - 2, axis=1)
    moved = np.linalg.norm(points[later] - points[earlier], axis=1) > 0.5 * np.sqrt(sizes[earlier].prod(axis=1))
    moved &= whole[earlier] & whole[later]
    ways = _ways(points, points[earlier[moved]], points[later[moved]], 0.08 * frame_size[0])
    cars = np.flatnonzero(whole & (labels == "car") & np.isfinite(ways[:, 0]))
    keys = np.column_stack([ways[cars, 1] < 0, points[cars] // (frame_size / (15, 20))])
    _, cell, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    rows = []
    for members in (cars[cell.ravel() == i] for i in np.flatnonzero(counts >= MIN_CARS)):
        if np.median(sizes[members].min(axis=1)) >= MIN_PX:  # of the cell: to leave out its small ones would bias the mean
            logs = np.log(sizes[members])
            logs = np.clip(logs, *np.quantile(logs, (0.1, 0.9), axis=0))
            error = np.hypot(1.2 * logs.std(axis=0) / np.sqrt(len(members)), BOX_ERROR)
            rows.append([*np.median(points[members], axis=0), *ways[members].mean(axis=0), *logs.mean(axis=0), *error])
    table = np.array(rows).reshape(-1, 8)
    table[:, 2:4] /= np.linalg.norm(table[:, 2:4], axis=1, keepdims=True)
    x, y = (frame_size / 2).tolist()
    return _Cells(points=table[:, :2], ways=table[:, 2:4], sizes=table[:, 4:6], errors=table[:, 6:], centre=(x, y))


def _ways(points: np.ndarray, begins: np.ndarray, ends: np.ndarray, near: float, neighbours: int = 12) -> np.ndarray:
    """(N, 2) of length 1, where traffic heads at (N, 2) px; NaN where too little moved nearby, or not the same way."""
    if len(begins) < neighbours:
        return np.full(points.shape, np.nan)
    moves = (ends - begins) / np.linalg.norm(ends - begins, axis=1, keepdims=True)
    distance, nearest = cKDTree(np.concatenate([begins, ends])).query(points, k=neighbours)
    around = np.concatenate([moves, moves])[nearest]
    usual = np.median(around, axis=1)
    usual /= np.maximum(np.linalg.norm(usual, axis=1, keepdims=True), 1e-9)
    agree = ((around * usual[:, None]).sum(axis=2) > 0.85).mean(axis=1, keepdims=True) > 0.7
    return np.where(agree & (np.median(distance, axis=1, keepdims=True) < near), usual, np.nan)
