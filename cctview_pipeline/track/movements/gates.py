"""Where vehicles come into a camera's picture and where they leave it: clusters of the ends of ways that are ends indeed.

Most tracks begin and end in mid-picture, because a vehicle was lost or hidden. An end is believed where the vehicle would be out
of the picture by the next frame, or is about as small as any that is found at all. What is believed is clustered by its place in
the picture and the way that it heads (DBSCAN: Ester, Kriegel, Sander and Xu, KDD 1996), entries apart from exits, as Makris and
Ellis do with the places alone (IEEE Transactions on Systems, Man and Cybernetics B 35, 2005)."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from cctview_pipeline.track.movements.paths import Path, ViewPaths

SMALL, SMALLEST = 1.6, 0.05
"""A box is small that is so many times as high as the smallest, which is this quantile of all, at most."""
HEADING = 0.6
"""How much a heading weighs beside the place, in widths of the picture: opposite ways are twice as far apart."""
ALONG = 0.7
"""Cosine of a heading and the view's, from which a way leads along the view: nearer to it than to the way across."""
LEADS_ON_M = 40.0
"""How far a way is led on, straight, to where it crosses the picture's edge."""
NEAR, LEAST, SHARE = 0.08, 4, 0.01
"""DBSCAN's radius, in widths and headings together; how many ends make a cluster, at least, and of all."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """place: (2,) in widths and heights of the picture; heading: radians to the right of straight ahead, mean; ends: how many."""

    place: tuple[float, float]
    heading: float
    ends: int


@dataclass(frozen=True)
class Ends:
    """Of one kind, entries or exits. gates: the most frequent first; of_path: of each path the place of its gate, -1 where its
    end is none."""

    gates: list[Gate]
    of_path: np.ndarray


def find_gates(view: ViewPaths, paths: list[Path], entries: bool) -> Ends:
    """paths: of vehicles."""
    found = np.full(len(paths), -1)
    small = SMALL * np.quantile(_heights(view), SMALLEST) if len(view.seen) else 0.0
    real = [number for number, path in enumerate(paths) if path.moved and not path.odd and _is_end(view, path, entries, small)]
    if not real:
        return Ends([], found)
    place = np.array([_place(view, paths[number], entries) for number in real])
    heading = np.array([paths[number].heading[0 if entries else -1] for number in real])
    cluster = _dbscan(
        np.column_stack([place, HEADING * np.cos(heading), HEADING * np.sin(heading)]), max(LEAST, round(SHARE * len(real)))
    )
    sizes = np.bincount(cluster[cluster >= 0], minlength=cluster.max(initial=-1) + 1)
    gates = []
    for rank, number in enumerate(np.argsort(-sizes, kind="stable")):
        mine = cluster == number
        x, y = np.median(place[mine], axis=0)
        mean = np.arctan2(np.sin(heading[mine]).mean(), np.cos(heading[mine]).mean())
        gates.append(Gate(place=(float(x), float(y)), heading=float(mean), ends=int(mine.sum())))
        found[np.array(real)[mine]] = rank
    return Ends(gates, found)


def _is_end(view: ViewPaths, path: Path, entries: bool, small: float) -> bool:
    """Whether the vehicle was out of the picture a frame before or after, or comes out of the distance or goes into it."""
    row, ahead = (path.rows[0], path.heading[0]) if entries else (path.rows[-1], path.heading[-1])
    seen = view.seen
    goes_far = _goes_far(ahead, entries)
    if goes_far and seen.boxes[row, 3] - seen.boxes[row, 1] <= small:
        return True
    step = _frame_step(view, path, entries)
    there = view.plane.pixels((view.ground[row] + (-step if entries else step))[None])[0]
    width, height = seen.frame_size
    outside = not (0 <= there[0] <= width and there[1] <= height) or view.ground[row, 1] + (-step if entries else step)[1] < 1
    return bool(outside or (seen.cut[row] and not goes_far))


def _goes_far(ahead: float, entries: bool) -> bool:
    """Whether this way leads into the distance, or out of it, rather than across the view: who drives across is still seen."""
    return bool((-np.cos(ahead) if entries else np.cos(ahead)) > ALONG)


def _frame_step(view: ViewPaths, path: Path, first: bool) -> np.ndarray:
    """(2,) m that it goes from a frame to the next at an end, by its first or last sightings, which may be several frames
    apart."""
    rows = path.rows[:2] if first else path.rows[-2:]
    frames = max((view.seen.times[rows[1]] - view.seen.times[rows[0]]) / view.frame_gap_s, 1.0)
    return (view.ground[rows[1]] - view.ground[rows[0]]) / frames


def _place(view: ViewPaths, path: Path, entries: bool) -> np.ndarray:
    """(2,) in widths and heights: where its way, led on straight, crosses the picture's edge; where it is seen last in the
    distance."""
    row, ahead = (path.rows[0], path.heading[0]) if entries else (path.rows[-1], path.heading[-1])
    width, height = view.seen.frame_size
    sign = -1.0 if entries else 1.0
    metres = np.zeros(1) if _goes_far(ahead, entries) else np.arange(0.0, LEADS_ON_M)
    way = view.ground[row] + sign * metres[:, None] * np.array([np.sin(ahead), np.cos(ahead)])
    pixels = np.concatenate([view.seen.points[row][None], view.plane.pixels(way[1:])])
    inside = (pixels[:, 0] >= 0) & (pixels[:, 0] <= width) & (pixels[:, 1] <= height) & (way[:, 1] > 1)
    return pixels[max(int(np.argmin(inside)) - 1, 0) if not inside.all() else -1] / np.array([width, height])


def _heights(view: ViewPaths) -> np.ndarray:
    return view.seen.boxes[:, 3] - view.seen.boxes[:, 1]


def _dbscan(points: np.ndarray, least: int) -> np.ndarray:
    """(N, D) -> (N,) cluster of each point, -1 of noise. Deterministic: a border point is of its nearest core point's cluster."""
    tree = cKDTree(points)
    near = tree.query_ball_point(points, NEAR)
    core = np.array([len(each) >= least for each in near])
    if not core.any():
        return np.full(len(points), -1)
    place = np.cumsum(core) - 1
    pairs = [(place[one], place[other]) for one in np.flatnonzero(core) for other in near[one] if core[other]]
    rows, columns = np.array(pairs).T
    count = int(core.sum())
    _, of_core = connected_components(coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count)))
    distance, nearest = cKDTree(points[core]).query(points)
    return np.where(distance <= NEAR, of_core[nearest], -1)
