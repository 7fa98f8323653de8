"""The ways of a view's tracks on the ground: smooth lines in even steps, with what is known of how they begin and end.

Frames come every second or two, so that a vehicle's sightings lie up to 30 m apart: between two of them it is taken to have
driven a smooth curve (a cubic Hermite one), which a turn at a crossing is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from cctview_pipeline.track.movements.plane import Plane, fit_plane
from cctview_pipeline.track.sightings import CameraDetections

STEP_M = 3.0
"""Between two points of a way."""
MOVED = 0.5
"""Own sizes: who has moved less since its last place is still there."""
ODD_TURN = np.radians(115.0)
"""From one step between sightings to the next no vehicle turns so, but two that were taken for one."""


@dataclass(frozen=True, kw_only=True)
class Path:
    """A track's way. rows: its sightings; places (K, 2) m: points STEP_M apart; heading (K,): radians to the right of straight
    ahead; seconds (K,): when it was there, s since 1970; odd: whether it turned as no vehicle does, so that two were taken for
    one. K is 0 for who did not move."""

    rows: np.ndarray
    places: np.ndarray
    heading: np.ndarray
    seconds: np.ndarray
    odd: bool = False

    @property
    def moved(self) -> bool:
        return len(self.places) > 0


@dataclass(frozen=True, kw_only=True)
class ViewPaths:
    """One view's. tracks: its T rows of the table; paths: T; seen, ground: their N sightings, and (N, 2) m of these."""

    name: str
    tracks: pa.Table
    paths: list[Path]
    seen: CameraDetections
    ground: np.ndarray
    plane: Plane

    @cached_property
    def frame_gap_s(self) -> float:
        """From a frame with vehicles to the next, as a rule."""
        gaps = np.diff(np.unique(self.seen.times))
        return float(np.median(gaps)) if len(gaps) else np.inf


def paths_of(name: str, tracks: pa.Table, rows: list[list[int]], seen: CameraDetections) -> ViewPaths:
    """rows: of each track, places of its sightings in order of time."""
    plane = fit_plane(seen.boxes, seen.labels, ~seen.cut, seen.frame_size, seen.px)
    ground = plane.metres(seen.points)
    return ViewPaths(
        name=name,
        tracks=tracks,
        paths=[path_of(np.array(each, np.int64), seen, ground) for each in rows],
        seen=seen,
        ground=ground,
        plane=plane,
    )


def path_of(rows: np.ndarray, seen: CameraDetections, ground: np.ndarray) -> Path:
    """The way through the sightings between which it moved."""
    knots = rows[_moves(rows, seen)]
    if len(knots) < 2:
        return Path(rows=rows, places=np.zeros((0, 2)), heading=np.zeros(0), seconds=np.zeros(0))
    chords = np.diff(ground[knots], axis=0) @ np.array([1j, 1.0])
    odd = bool((np.abs(np.angle(chords[1:] * chords[:-1].conj())) > ODD_TURN).any())
    return Path(rows=rows, odd=odd, **_curve(ground[knots], seen.times[knots]))


def _moves(rows: np.ndarray, seen: CameraDetections) -> list[int]:
    """Places in rows: the first, and each at which it has moved since the last of these."""
    kept = [0]
    for place in range(1, len(rows)):
        one, other = rows[kept[-1]], rows[place]
        if np.linalg.norm(seen.points[other] - seen.points[one]) >= MOVED * min(seen.sizes[other], seen.sizes[one]):
            kept.append(place)
    return kept


def _curve(knots: np.ndarray, times: np.ndarray) -> dict[str, np.ndarray]:
    """Points in even steps on the cubic Hermite curve through (K, 2) knots."""
    chords = np.diff(knots, axis=0)
    long = np.maximum(np.linalg.norm(chords, axis=1), 1e-6)
    units = chords / long[:, None]
    slopes = np.concatenate([units[:1], units[:-1] + units[1:], units[-1:]])
    slopes /= np.maximum(np.linalg.norm(slopes, axis=1), 1e-6)[:, None]
    points, ways, seconds = [], [], []
    for number, length in enumerate(long):
        t = np.linspace(0, 1, max(int(np.ceil(length)), 2), endpoint=False)[:, None]
        a, b, v, w = knots[number], knots[number + 1], slopes[number] * length, slopes[number + 1] * length
        points.append((2 * t**3 - 3 * t**2 + 1) * a + (t**3 - 2 * t**2 + t) * v + (3 * t**2 - 2 * t**3) * b + (t**3 - t**2) * w)
        ways.append((6 * t**2 - 6 * t) * (a - b) + (3 * t**2 - 4 * t + 1) * v + (3 * t**2 - 2 * t) * w)
        seconds.append(times[number] + t[:, 0] * (times[number + 1] - times[number]))
    line = np.concatenate([*points, knots[-1:]])
    way = np.concatenate([*ways, slopes[-1:]])
    when = np.concatenate([*seconds, times[-1:]])
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    even = np.linspace(0, run[-1], max(round(run[-1] / STEP_M), 1) + 1)
    place = np.clip(np.searchsorted(run, even), 0, len(run) - 1)
    return {
        "places": np.stack([np.interp(even, run, line[:, axis]) for axis in (0, 1)], axis=1),
        "heading": np.arctan2(way[place, 0], way[place, 1]),
        "seconds": np.interp(even, run, when),
    }
