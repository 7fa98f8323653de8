"""How good an extractor is: does it see as the published one, find a vehicle again a moment later, and at the next camera?"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from cctview_pipeline.city import CAMERAS
from cctview_pipeline.embed import Extractor, Space
from cctview_pipeline.match import Ranking, evaluate_ranking, track_distances
from cctview_pipeline.training.extractor.lessons import RealVehicles, SyntheticVehicles

WITHIN_S = 10.0
"""How long after its frame a query's candidates are looked for."""

Embed = Callable[[RealVehicles], np.ndarray]
"""A camera's crops -> (N, D), to be compared by Euclidean distance: an extractor, or what it is compared with."""


def embedded(extractor: Extractor, space: Space = "own") -> Embed:
    """The extractor's vectors of a camera's crops, in one of its spaces."""
    return lambda camera: extractor.embed(list(camera.crops), space)


def centred_cosine(published: np.ndarray, camera: RealVehicles, basis: tuple[np.ndarray, np.ndarray]) -> float:
    """Mean cosine between the published features of a camera and an extractor's (N, 1920), both less the published mean.

    basis: the mean and the components that the published features are given in.
    """
    mean, components = basis
    ours = (published - mean) @ components.T
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(camera.features, axis=1)
    return float(np.mean((ours * camera.features).sum(1) / np.maximum(lengths, 1e-9)))


def agreement(embed: Embed, cameras: Sequence[RealVehicles]) -> float:
    """Share of crops whose nearest other crop of the same camera, by the published features, is among the five nearest.

    Nearest by Euclidean distance, as the published method compares, among all the crops that are given of a camera.
    """
    hits = [_nearest(embed(camera), 5) == _nearest(camera.features, 1) for camera in cameras]
    return float(np.mean(np.concatenate([hit.any(1) for hit in hits])))


def _nearest(vectors: np.ndarray, count: int, block: int = 1000) -> np.ndarray:
    """(N, D) -> (N, count) the nearest other rows."""
    vectors = vectors.astype(np.float64)
    norms, found = (vectors**2).sum(1), []
    for begin in range(0, len(vectors), block):
        rows = np.arange(begin, min(begin + block, len(vectors)))
        squared = norms[None, :] - 2 * vectors[rows] @ vectors.T
        squared[np.arange(len(rows)), rows] = np.inf
        found.append(np.argsort(squared, axis=1, kind="stable")[:, :count])
    return np.concatenate(found)


def next_frame_rank1(embed: Embed, cameras: Sequence[RealVehicles]) -> tuple[float, int]:
    """Share of vehicles whose next sighting ranks first among all sightings of the following ten seconds, and of how many.

    Which is the next sighting is told by :meth:`RealVehicles.successors`. Later sightings of the same vehicle are no candidates,
    and vehicles that hardly moved no queries.
    """
    hits: list[bool] = []
    for camera in cameras:
        seen, vectors, successor = camera.seen, embed(camera), camera.successors()
        for row in np.flatnonzero(successor >= 0):
            following = successor[row]
            if np.linalg.norm(seen.points[following] - seen.points[row]) < 0.5 * seen.sizes[row]:
                continue
            later = np.flatnonzero((seen.times > seen.times[row]) & (seen.times <= seen.times[row] + WITHIN_S))
            again = successor[following]
            while again >= 0:
                later = later[later != again]
                again = successor[again]
            nearest = later[np.linalg.norm(vectors[later] - vectors[row], axis=1).argmin()]
            hits.append(bool(nearest == following))
    return (float(np.mean(hits)) if hits else 0.0), len(hits)


def city_ranking(vectors: np.ndarray, city: SyntheticVehicles) -> Ranking:
    """How the crops of each vehicle at one camera rank those of the same vehicle at the next camera along the road, both
    ways, among all vehicles that the next camera saw (MED, minimum). vectors: (N, D), of the city's crops."""
    rankings = []
    for seed in np.unique(city.seeds):
        at = {}
        for camera in CAMERAS:
            rows = np.flatnonzero((city.seeds == seed) & (city.cameras == camera.id))
            vehicles = np.unique(city.vehicles[rows])
            at[camera.id] = vehicles, [vectors[rows[city.vehicles[rows] == vehicle]] for vehicle in vehicles]
        for first, second in pairwise(camera.id for camera in CAMERAS):
            (asked, queries), (among, gallery) = at[first], at[second]
            distances = track_distances(queries, gallery)
            rankings.append(evaluate_ranking(distances, asked, among))
            rankings.append(evaluate_ranking(distances.T, among, asked))
    return Ranking.join(rankings)


def colour_histogram(camera: RealVehicles) -> np.ndarray:
    """(N, 512) what a plain histogram of 8 x 8 x 8 colours sees, as square roots of shares (Hellinger distance)."""
    bins = [(crop >> 5).reshape(-1, 3).astype(np.int64) for crop in camera.crops]
    counts = np.stack([np.bincount(each @ (64, 8, 1), minlength=512) for each in bins])
    return np.sqrt(counts / counts.sum(1, keepdims=True))
