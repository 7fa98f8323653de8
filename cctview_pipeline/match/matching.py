"""Ranking and choosing: for every track of a camera, the neighbours' earlier tracks it may go on from."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from cctview_pipeline.match.distances import track_distances
from cctview_pipeline.match.gate import Edge

KEPT = 20
"""Candidates kept a query, for the viewer and for people who want rank lists."""

SHARE_MATCHED = 0.5
"""Before anything is seen, the share of vehicles that the camera before has seen too: ramps take the others."""

USUAL_KMH, SPREAD = 60.0, 0.5
"""Where the travel time begins: log-normal around this speed, until the matches themselves tell it."""


@dataclass(frozen=True)
class TrackSet:
    """Tracks of one camera on one carriageway.

    ids: N track ids; first, last: (N,) s since 1970; embeddings: N arrays (n, D).
    """

    ids: list[str]
    first: np.ndarray
    last: np.ndarray
    embeddings: list[np.ndarray]


@dataclass(frozen=True)
class Candidate:
    """One pair that could be one vehicle. query, gallery: positions in the two sets; the rest as the matches table."""

    query: int
    gallery: int
    rank: int
    distance: float
    gap_s: float
    speed_kmh: float
    probability: float
    assigned: bool
    margin: float


def match(edge: Edge, queries: TrackSet, gallery: TrackSet) -> list[Candidate]:
    """Rank the gallery's tracks inside the edge's gate for every query, give each pair a probability, and choose.

    A pair's odds are the travel time's density over a flat one, times how much likelier its distance is for one
    vehicle than for two; a query's probabilities and that of no match sum to 1. The choice has the highest product of
    probabilities with each track in at most one pair, and leaves out what is likelier to be none.
    """
    gaps = queries.first[:, None] - gallery.last[None, :]
    inside = edge.admits(gaps)
    if not inside.any():
        return []
    distances = track_distances(queries.embeddings, gallery.embeddings)
    likelihood = appearance_likelihood(distances, inside, _within(queries) + _within(gallery))
    time = travel_time(edge, gaps, np.where(inside, likelihood, 0))
    odds = np.where(inside, likelihood * time, 0)
    nothing = (1 - SHARE_MATCHED) / SHARE_MATCHED
    probability = odds / (odds.sum(1, keepdims=True) + nothing)
    chosen = _assign(probability)
    return _candidates(edge, gaps, distances, inside, probability, chosen)


def appearance_likelihood(distances: np.ndarray, inside: np.ndarray, same: list[float]) -> np.ndarray:
    """(Q, G) how much likelier each distance is for one vehicle than for two, both taken as normal.

    same: distances between the images of single tracks, one vehicle for certain. Two vehicles for certain are the
    pairs outside the gate; where there are few of those, the pairs inside, of which nearly all are two vehicles.
    """
    certain = distances[~inside] if (~inside).sum() >= 30 else distances[inside]
    other_mean, other_std = float(np.mean(certain)), max(float(np.std(certain)), 1e-3)
    if len(same) < 10:
        same_mean, same_std = other_mean - 2 * other_std, other_std
    else:
        same_mean, same_std = float(np.mean(same)), max(float(np.std(same)), other_std / 2)
    # Another camera sees another side of the vehicle, so the distance is somewhat greater than within one.
    same_mean = min(same_mean + same_std, other_mean - other_std)
    log_ratio = ((distances - other_mean) / other_std) ** 2 - ((distances - same_mean) / same_std) ** 2
    return np.exp(np.clip(log_ratio / 2 + np.log(other_std / same_std), -20, 6))


def travel_time(edge: Edge, gaps: np.ndarray, weight: np.ndarray, prior_weight: float = 30.0) -> np.ndarray:
    """(Q, G) density of each gap over a flat one on the gate: log-normal, its centre moved to where the pairs that
    look alike pile up.

    weight: (Q, G) appearance likelihood of each pair, 0 outside the gate. Each query votes once, split among its
    pairs; prior_weight is how many votes the beginning is worth.
    """
    low, high = np.log(max(edge.shortest_s, 0.1)), np.log(max(edge.longest_s, 0.2))
    centre = np.log(max(edge.metres / (USUAL_KMH / 3.6), 0.1))
    logs = np.log(np.maximum(gaps, 0.05))
    flat = 1 / (high - low)
    for _ in range(5):
        density = np.exp(-(((logs - centre) / SPREAD) ** 2) / 2) / (SPREAD * np.sqrt(2 * np.pi))
        votes = weight * density
        votes = votes / (votes.sum(1, keepdims=True) + flat)
        total = votes.sum()
        mean = float((votes * np.where(votes > 0, logs, 0)).sum() / total) if total > 0 else centre
        prior = np.log(max(edge.metres / (USUAL_KMH / 3.6), 0.1))
        centre = (prior_weight * prior + total * mean) / (prior_weight + total)
    density = np.exp(-(((logs - centre) / SPREAD) ** 2) / 2) / (SPREAD * np.sqrt(2 * np.pi))
    # Spread over the pairs that the gate offers: with n vehicles to choose from, each is n times less likely by chance.
    expected = np.maximum((weight > 0).sum(1, keepdims=True), 1)
    return density / flat / expected


def _within(tracks: TrackSet) -> list[float]:
    return [float(np.linalg.norm(a[i] - a[i + 1])) for a in tracks.embeddings for i in range(0, len(a) - 1, 2)]


def _assign(probability: np.ndarray) -> np.ndarray:
    """(Q,) the gallery's track chosen for each query, or -1."""
    nothing = np.maximum(1 - probability.sum(1), 1e-12)
    cost = -np.log(np.maximum(probability, 1e-12))
    free = np.full((len(probability), len(probability)), 1e3)
    np.fill_diagonal(free, -np.log(nothing))
    queries, columns = linear_sum_assignment(np.concatenate([cost, free], axis=1))
    chosen = np.full(len(probability), -1)
    real = (columns < probability.shape[1]) & (probability[queries, np.minimum(columns, probability.shape[1] - 1)] > 1e-9)
    chosen[queries[real]] = columns[real]
    return chosen


def _candidates(
    edge: Edge, gaps: np.ndarray, distances: np.ndarray, inside: np.ndarray, probability: np.ndarray, chosen: np.ndarray
) -> list[Candidate]:
    found = []
    for query in np.flatnonzero(inside.any(1)):
        options = np.flatnonzero(inside[query])
        ranked = options[np.lexsort((options, distances[query, options]))]
        by_probability = np.sort(probability[query, options])[::-1]
        for rank, gallery in enumerate(ranked, 1):
            assigned = bool(chosen[query] == gallery)
            if rank > KEPT and not assigned:
                continue
            p, gap = float(probability[query, gallery]), float(gaps[query, gallery])
            best_other = by_probability[1] if p == by_probability[0] and len(options) > 1 else by_probability[0]
            margin = p - (float(best_other) if len(options) > 1 else 0.0)
            speed = float(edge.speed_kmh(np.array(gap)))
            found.append(
                Candidate(int(query), int(gallery), rank, float(distances[query, gallery]), gap, speed, p, assigned, margin)
            )
    return found
