"""Rank lists from distances, how good they are, and k-reciprocal re-ranking.

The measures are those of vehicle re-identification (VeRi-776, Liu et al., ECCV 2016). ``admits``, where it is given, is a
(Q, G) mask of the pairs that count at all, such as the inside of a gate: the others stand in no list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranking:
    """Q queries that have a true match among their candidates, and how many have none.

    first: (Q,) rank of the nearest true match, 1 is best; precision: (Q,) average precision of each.
    """

    first: np.ndarray
    precision: np.ndarray
    without_match: int

    @property
    def rank1(self) -> float:
        """Share of queries whose nearest candidate is a true match; NaN without queries."""
        return self.within(1)

    @property
    def rank5(self) -> float:
        return self.within(5)

    @property
    def mean_average_precision(self) -> float:
        return float(np.mean(self.precision)) if len(self.precision) else float("nan")

    def within(self, rank: int) -> float:
        """Share of queries with a true match among the first so many."""
        return float(np.mean(self.first <= rank)) if len(self.first) else float("nan")

    @staticmethod
    def join(rankings: Sequence["Ranking"]) -> "Ranking":
        """All queries of several rankings as one."""
        first = np.concatenate([np.zeros(0, np.int64), *(ranking.first for ranking in rankings)])
        precision = np.concatenate([np.zeros(0), *(ranking.precision for ranking in rankings)])
        return Ranking(first, precision, sum(ranking.without_match for ranking in rankings))


def rank(
    distances: np.ndarray, gallery_ids: Sequence[str], top: int | None = None, admits: np.ndarray | None = None
) -> list[np.ndarray]:
    """(Q, G) distances -> each query's candidates, nearest first, as positions in the gallery; ties go by id.

    top: how many to keep of each. Raises ValueError when distances are NaN or the shapes do not fit.
    """
    distances, admits = _checked(distances, len(gallery_ids), admits)
    by_id = np.argsort(np.asarray(gallery_ids, str), kind="stable")
    ranked = []
    for row, admitted in zip(distances, admits, strict=True):
        candidates = by_id[admitted[by_id]]
        ranked.append(candidates[np.argsort(row[candidates], kind="stable")][:top])
    return ranked


def evaluate_ranking(
    distances: np.ndarray,
    query_vehicles: Sequence[str] | np.ndarray,
    gallery_vehicles: Sequence[str] | np.ndarray,
    gallery_ids: Sequence[str] | None = None,
    admits: np.ndarray | None = None,
) -> Ranking:
    """(Q, G) distances, whose track is which vehicle's -> where the true matches stand.

    gallery_ids: what ties go by; positions in the gallery when left out. Queries without a true match among their
    candidates are left out and counted apart.
    """
    asked, vehicles = np.asarray(query_vehicles, str), np.asarray(gallery_vehicles, str)
    ids = gallery_ids if gallery_ids is not None else [f"{place:09d}" for place in range(len(vehicles))]
    if len(asked) != len(distances) or len(ids) != len(vehicles):
        raise ValueError(
            f"{len(asked)} query and {len(vehicles)} gallery vehicles with {len(ids)} ids do not fit distances of "
            f"{np.shape(distances)}."
        )
    first, precision, without = [], [], 0
    for vehicle, candidates in zip(asked, rank(distances, ids, admits=admits), strict=True):
        ranks = np.flatnonzero(vehicles[candidates] == vehicle) + 1
        if not len(ranks):
            without += 1
            continue
        first.append(ranks[0])
        precision.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    return Ranking(np.array(first, np.int64), np.array(precision, np.float64), without)


def rerank(
    distances: np.ndarray,
    among_queries: np.ndarray,
    among_gallery: np.ndarray,
    admits: np.ndarray | None = None,
    k1: int = 20,
    k2: int = 6,
    weight: float = 0.3,
) -> np.ndarray:
    """k-reciprocal re-ranking (Zhong et al., CVPR 2017) of (Q, G) distances, with (Q, Q) and (G, G) ones as its context.

    Two tracks are near when they are among each other's k1 nearest, and share such neighbours (Jaccard distance, of
    neighbourhoods averaged over the k2 nearest); weight: the original distance's share of what comes out. Pairs that are not
    admitted are nobody's neighbours and come out infinite. Takes memory of (Q + G)^2.
    """
    distances, admits = _checked(distances, len(among_gallery), admits)
    queries, gallery = distances.shape
    original = np.block([[among_queries, distances], [distances.T, among_gallery]]).astype(np.float64) ** 2
    inside = np.ones((queries, queries), bool), np.ones((gallery, gallery), bool)
    possible = np.block([[inside[0], admits], [admits.T, inside[1]]])
    original /= np.maximum(np.where(possible, original, 0).max(0), 1e-12)
    original = np.where(possible, original, np.inf)
    nearest = np.argsort(original, axis=1, kind="stable")
    neighbours = np.zeros_like(original)
    for i in range(len(original)):
        chosen = _reciprocal(nearest, i, k1)
        for candidate in chosen.copy():
            more = _reciprocal(nearest, candidate, round(k1 / 2))
            if len(np.intersect1d(more, chosen)) > 2 / 3 * len(more):
                chosen = np.union1d(chosen, more)
        nearness = np.exp(-original[i, chosen])
        neighbours[i, chosen] = nearness / max(nearness.sum(), 1e-12)
    expanded = neighbours[nearest[:, :k2]].mean(1) if k2 > 1 else neighbours
    jaccard = np.ones((queries, gallery))
    for i in range(queries):
        shared = np.minimum(expanded[i][None, :], expanded[queries:]).sum(1)
        jaccard[i] = 1 - shared / (2 - shared)
    return np.where(admits, (1 - weight) * jaccard + weight * np.where(admits, original[:queries, queries:], 0), np.inf)


def _reciprocal(nearest: np.ndarray, i: int, k: int) -> np.ndarray:
    """Of i's k nearest (i itself comes before them), those that have i among theirs."""
    forward = nearest[i, : k + 1]
    return forward[(nearest[forward, : k + 1] == i).any(1)]


def _checked(distances: np.ndarray, gallery: int, admits: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    distances = np.asarray(distances)
    if distances.ndim != 2 or distances.shape[1] != gallery:
        raise ValueError(f"Distances must have the shape (queries, {gallery}), not {distances.shape}.")
    if np.isnan(distances).any():
        raise ValueError("Distances must not be NaN.")
    admits = np.ones(distances.shape, bool) if admits is None else np.asarray(admits, bool)
    if admits.shape != distances.shape:
        raise ValueError(f"admits must have the shape of the distances, {distances.shape}, not {admits.shape}.")
    return distances, admits
