"""Where vehicles move, and how fast, at each place of one camera's picture: learned from the detections themselves.

At half a frame a second a vehicle's boxes do not overlap, so the next box is looked for where the road leads. Pairs
of successive frames that look alike, and that nothing else looks like, show the way; everything else then profits.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from cctview_pipeline.track.sightings import Sightings

TOWARDS, AWAY = 0, 1
"""Down the picture is towards the camera, up is away from it: true for every camera that looks along its road."""

LONGEST_STEP_S = 4.0
SIZES_PER_SECOND = 9.0
"""No vehicle moves more of its own lengths in a second: about 40 m/s for a car of 4.5 m."""


@dataclass(frozen=True)
class Flow:
    """Velocities of certain pairs, by place. ``trees[direction]`` indexes ``velocities[direction]``, (M, 2) px/s."""

    trees: tuple[cKDTree | None, cKDTree | None]
    velocities: tuple[np.ndarray, np.ndarray]

    @property
    def unknown(self) -> bool:
        """Whether nothing was learned at all."""
        return all(tree is None for tree in self.trees)

    def velocity(self, points: np.ndarray, direction: int, neighbours: int = 15) -> np.ndarray:
        """(N, 2) px -> (N, 2) px/s, the median of the nearest pairs; NaN where nothing was learned."""
        tree = self.trees[direction]
        if tree is None:
            return np.full((len(points), 2), np.nan)
        _, nearest = tree.query(points, k=min(neighbours, tree.n))
        return np.median(self.velocities[direction][nearest.reshape(len(points), -1)], axis=1)

    def displacement(self, points: np.ndarray, direction: int, seconds: np.ndarray, steps: int = 3) -> np.ndarray:
        """Where the road leads from (N, 2) px in (N,) s: the velocity changes on the way, so in several steps."""
        reached = points.astype(np.float64)
        for _ in range(steps):
            reached = reached + self.velocity(reached, direction) * (seconds / steps)[:, None]
        return reached - points

    def share_away(self, points: np.ndarray, neighbours: int = 15) -> np.ndarray:
        """(N,) share of the nearest pairs that move away from the camera; NaN where nothing was learned."""
        merged = [t.data for t in self.trees if t is not None]
        if not merged:
            return np.full(len(points), np.nan)
        away = np.concatenate([np.full(t.n, d) for d, t in enumerate(self.trees) if t is not None])
        tree = cKDTree(np.concatenate(merged))
        _, nearest = tree.query(points, k=min(neighbours, tree.n))
        return away[nearest.reshape(len(points), -1)].mean(axis=1)


def learn_flow(seen: Sightings, least_similarity: float, least_pairs: int = 30) -> Flow:
    """Learn a camera's flow from one hour. A direction with fewer pairs than least_pairs is left unknown."""
    earlier, later = certain_pairs(seen, least_similarity)
    seconds = (seen.times[later] - seen.times[earlier])[:, None]
    moves = seen.points[later] - seen.points[earlier]
    places, velocities = seen.points[earlier], moves / seconds
    moved = np.linalg.norm(moves, axis=1) > 0.5 * seen.sizes[earlier]
    trees, kept = [], []
    for direction in (TOWARDS, AWAY):
        chosen = moved & ((velocities[:, 1] < 0) == (direction == AWAY))
        tree, agreed = _consistent(places[chosen], velocities[chosen], least_pairs)
        trees.append(tree)
        kept.append(agreed)
    return Flow(tuple(trees), tuple(kept))


def certain_pairs(seen: Sightings, least_similarity: float, margin: float = 0.08) -> tuple[np.ndarray, np.ndarray]:
    """Rows (M,), (M,) of successive frames' sightings that are each other's most similar, by a margin."""
    earlier, later = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    frames, points, sizes = seen.frames(), seen.points, seen.sizes
    for before, after in pairwise(frames):
        seconds = seen.times[after[0]] - seen.times[before[0]]
        if seconds > LONGEST_STEP_S:
            continue
        similarity = seen.embeddings[before] @ seen.embeddings[after].T
        size = np.sqrt(sizes[before][:, None] * sizes[after][None, :])
        distance = np.linalg.norm(points[before][:, None] - points[after][None, :], axis=2)
        ratio = sizes[before][:, None] / sizes[after][None, :]
        possible = (distance < SIZES_PER_SECOND * size * seconds) & (ratio > 0.4) & (ratio < 2.5)
        similarity = np.where(possible, similarity, -1.0)
        rows, columns = np.arange(len(before)), similarity.argmax(1)
        best = similarity[rows, columns]
        others = similarity.copy()
        others[rows, columns] = -1.0
        second = np.maximum(others.max(1), others.max(0)[columns])
        sure = (similarity.argmax(0)[columns] == rows) & (best >= least_similarity) & (best - second >= margin)
        earlier.append(before[sure])
        later.append(after[columns[sure]])
    return np.concatenate(earlier), np.concatenate(later)


def _consistent(places: np.ndarray, velocities: np.ndarray, least: int) -> tuple[cKDTree | None, np.ndarray]:
    """Drop pairs that move unlike their neighbourhood: most of those are two vehicles that look alike."""
    for _ in range(2):
        if len(places) < least:
            return None, np.zeros((0, 2))
        _, nearest = cKDTree(places).query(places, k=min(15, len(places)))
        usual = np.median(velocities[nearest], axis=1)
        agree = np.linalg.norm(velocities - usual, axis=1) < 0.5 * np.linalg.norm(usual, axis=1) + 2
        places, velocities = places[agree], velocities[agree]
    return (cKDTree(places), velocities) if len(places) >= least else (None, np.zeros((0, 2)))
