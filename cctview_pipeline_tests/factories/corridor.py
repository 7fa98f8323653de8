"""Tracks of vehicles that pass one camera and then the next, and the truth about who is who."""

from dataclasses import dataclass

import numpy as np

from cctview_pipeline.match.pairs import TrackSet
from cctview_pipeline.roads import Edge
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH

EDGE = Edge(source=NORTH, target=SOUTH, leaves="S", enters="S", metres=NORTH.distance_m(SOUTH))
"""From the northern camera to the southern one, 1.4 km."""


def track_set(first: list[float], last: list[float], embeddings: list[np.ndarray], name: str = "t", **known) -> TrackSet:
    """Cars with one embedding an image, of which nothing else is known but what is given."""
    count, first, last = len(first), np.array(first, float), np.array(last, float)
    unknown = {column: np.full(count, np.nan) for column in ("pace", "pace_error", "lane", "size")}
    looks = np.stack([images.mean(0) for images in embeddings]) if count else np.zeros((0, 4))
    columns = {"looks": looks, "label": np.full(count, "car"), "passed": (first + last) / 2} | unknown | known
    return TrackSet(ids=[f"{name}{i}" for i in range(count)], first=first, last=last, **columns)


@dataclass(frozen=True)
class Corridor:
    """truth: for each query the position in the gallery, or -1 for a vehicle that came by a ramp."""

    queries: TrackSet
    gallery: TrackSet
    truth: np.ndarray


def corridor(vehicles: int = 60, from_ramps: int = 10, noise: float = 0.15, seed: int = 0, dimension: int = 32) -> Corridor:
    """Vehicles leave the source every 8 s or so and drive about 60 km/h; noise: how much their looks change."""
    rng = np.random.default_rng(seed)
    left = np.cumsum(rng.exponential(8, vehicles)) + 1000
    arrived = left + EDGE.metres / (60 / 3.6) * rng.lognormal(0, 0.1, vehicles)
    looks = _unit(rng.normal(size=(vehicles + from_ramps, dimension)))
    begins = np.concatenate([arrived, rng.uniform(arrived.min(), arrived.max(), from_ramps)])
    truth = np.concatenate([np.arange(vehicles), np.full(from_ramps, -1)])
    order = rng.permutation(len(begins))

    def images(rows: np.ndarray) -> list[np.ndarray]:
        return [_unit(looks[row] + rng.normal(size=(4, dimension)) * noise / np.sqrt(dimension)) for row in rows]

    queries = track_set(list(begins[order]), list(begins[order] + 6), images(order), "q")
    gallery = track_set(list(left - 6), list(left), images(np.arange(vehicles)), "g")
    return Corridor(queries, gallery, truth[order])


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
