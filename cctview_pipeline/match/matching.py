"""Ranking and choosing: for every track of a camera, the neighbours' earlier tracks it may go on from."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from cctview_pipeline.match import track_distances
from cctview_pipeline.match.gate import Edge

METRIC = "med-min"

KEPT = 20
"""Candidates kept a query, for the viewer and for people who want rank lists."""

SHARE_MATCHED = 0.5
"""Before anything is seen, the share of vehicles that the camera before has seen too: ramps take the others."""

USUAL_KMH, SPREAD, PRIOR_VOTES = 60.0, 0.5, 30.0
"""Where the travel time begins: log-normal around this speed, worth so many matches, until the matches tell it."""


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

    A pair's odds are the travel time's density over the rate at which other vehicles leave the source, times how much
    likelier its distance is for one vehicle than for two; a query's probabilities and that of no match sum to 1. The
    choice has the highest product of probabilities with each track in at most one pair, and leaves out what is likelier
    to be none.
    """
    gaps = queries.first[:, None] - gallery.last[None, :]
    inside = edge.admits(gaps)
    if not inside.any():
        return []
    distances = track_distances(queries.embeddings, gallery.embeddings)
    likelihood = appearance_likelihood(distances, inside, _within(queries) + _within(gallery))
    likelihood = np.where(inside, likelihood, 0)
    rate = len(gallery.ids) / max(float(np.ptp(gallery.last)), edge.longest_s)
    probability = posterior(likelihood, *learn_travel_time(edge, gaps, likelihood, rate), gaps, rate)
    chosen = _assign(probability)
    return _candidates(edge, gaps, distances, inside, probability, chosen)


def appearance_likelihood(distances: np.ndarray, inside: np.ndarray, same: list[float]) -> np.ndarray:
    """(Q, G) how much likelier each distance is for one vehicle than for two, both taken as normal; for one vehicle towards
    greater distances only.

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
    # Nearer than one vehicle usually is to itself speaks for it, not against.
    further = np.maximum(distances - same_mean, 0)
    log_ratio = ((distances - other_mean) / other_std) ** 2 - (further / same_std) ** 2
    log_ratio = np.where(distances < other_mean, log_ratio, np.minimum(log_ratio, 0))
    return np.exp(np.clip(log_ratio / 2 + np.log(other_std / same_std), -20, 6))


def learn_travel_time(edge: Edge, gaps: np.ndarray, likelihood: np.ndarray, rate: float) -> tuple[float, float]:
    """Centre and spread of log seconds, by expectation maximisation over all pairs inside the gate, from the prior.

    likelihood: (Q, G), 0 outside the gate; rate: other vehicles a second.
    """
    prior = centre = float(np.log(edge.metres / (USUAL_KMH / 3.6)))
    spread, logs = SPREAD, np.log(np.maximum(gaps, 1e-3))
    for _ in range(20):
        votes = posterior(likelihood, centre, spread, gaps, rate)
        total = PRIOR_VOTES + votes.sum()
        centre = float((PRIOR_VOTES * prior + (votes * logs).sum()) / total)
        variance = (PRIOR_VOTES * SPREAD**2 + (votes * (logs - centre) ** 2).sum()) / total
        spread = float(np.clip(np.sqrt(variance), 0.1, SPREAD))
    return centre, spread


def posterior(likelihood: np.ndarray, centre: float, spread: float, gaps: np.ndarray, rate: float) -> np.ndarray:
    """(Q, G) probability of each pair; a row's sum leaves the probability of no match."""
    seconds = np.maximum(gaps, 1e-3)
    density = np.exp(-(((np.log(seconds) - centre) / spread) ** 2) / 2) / (seconds * spread * np.sqrt(2 * np.pi))
    odds = SHARE_MATCHED * likelihood * density / rate
    return odds / (odds.sum(1, keepdims=True) + 1 - SHARE_MATCHED)


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
