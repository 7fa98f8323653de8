"""Ranking and choosing: for every track of a camera, the neighbours' earlier tracks it may go on from."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from cctview_pipeline.match import track_distances
from cctview_pipeline.match.gate import Edge

METRIC, AGGREGATE = "med", "mean50"
"""Tried on development cities beside min and mean: the farther half of the image pairs left out finds the most right matches."""

KEPT = 20
"""Candidates kept a query, for the viewer and for people who want rank lists."""

PRIOR_VOTES = 30.0
"""How many matches what is believed of an edge beforehand is worth, until the matches tell it."""

SHARE_MATCHED = 0.5
"""Beforehand, the share of vehicles that the camera before has seen too: ramps take the others."""

USUAL_KMH, SPREAD = 60.0, 0.5
"""Beforehand, the travel time is log-normal around this speed."""

ROUNDS = 25
"""Of learning; it changes little after ten."""


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


@dataclass(frozen=True)
class Passage:
    """What is believed of the way along an edge.

    same, same_std, other, other_std: distances between two tracks of one vehicle and of two, as normal; centre, spread: of log
    seconds between the cameras; share: of the queries whose vehicle the source has seen too.
    """

    same: float
    same_std: float
    other: float
    other_std: float
    centre: float
    spread: float
    share: float

    def likelihood(self, distances: np.ndarray) -> np.ndarray:
        """How much likelier a distance is for one vehicle than for two. Nearer than one vehicle usually is to itself speaks
        for it, not against."""
        further = np.maximum(distances - self.same, 0)
        log_ratio = ((distances - self.other) / self.other_std) ** 2 - (further / self.same_std) ** 2
        log_ratio = np.where(distances < self.other, log_ratio, np.minimum(log_ratio, 0))
        return np.exp(np.clip(log_ratio / 2 + np.log(self.other_std / self.same_std), -20, 6))

    def density(self, gaps: np.ndarray) -> np.ndarray:
        """Of a travel time, a second."""
        seconds = np.maximum(gaps, 1e-3)
        of_log = np.exp(-(((np.log(seconds) - self.centre) / self.spread) ** 2) / 2)
        return of_log / (seconds * self.spread * np.sqrt(2 * np.pi))


@dataclass(frozen=True)
class Pairs:
    """All pairs of an edge, queries x gallery. gaps: s; rate: at which vehicles leave the source, a second."""

    distances: np.ndarray
    gaps: np.ndarray
    inside: np.ndarray
    rate: float


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
    rate = len(gallery.ids) / max(float(np.ptp(gallery.last)), edge.longest_s)
    pairs = Pairs(track_distances(queries.embeddings, gallery.embeddings, METRIC, AGGREGATE), gaps, inside, rate)
    passage = learn(believed(edge, pairs, _within(queries) + _within(gallery)), pairs)
    probability = posterior(passage, pairs)
    return _candidates(edge, pairs, probability, _assign(probability))


def believed(edge: Edge, pairs: Pairs, same: list[float]) -> Passage:
    """Before any pair is matched.

    same: distances between the images of single tracks, one vehicle for certain. Two vehicles for certain are the
    pairs outside the gate; where there are few of those, the pairs inside, of which nearly all are two vehicles.
    """
    outside = ~pairs.inside
    certain = pairs.distances[outside] if outside.sum() >= 30 else pairs.distances[pairs.inside]
    other_mean, other_std = float(np.mean(certain)), max(float(np.std(certain)), 1e-3)
    if len(same) < 10:
        same_mean, same_std = other_mean - 2 * other_std, other_std
    else:
        same_mean, same_std = float(np.mean(same)), max(float(np.std(same)), other_std / 2)
    # Another camera sees another side of the vehicle, so the distance is somewhat greater than within one.
    same_mean = min(same_mean + same_std, other_mean - other_std)
    usual = float(np.log(edge.metres / (USUAL_KMH / 3.6)))
    return Passage(same_mean, same_std, other_mean, other_std, usual, SPREAD, SHARE_MATCHED)


def learn(before: Passage, pairs: Pairs) -> Passage:
    """What the pairs themselves tell, without anybody's labels, by expectation maximisation.

    Neighbouring cameras differ in how alike one vehicle looks to both: two that face each other see the same side of it.
    """
    believed, logs = before, np.log(np.maximum(pairs.gaps, 1e-3))
    for _ in range(ROUNDS):
        votes = posterior(believed, pairs)
        centre = _mean(before.centre, logs, votes)
        spread = np.sqrt(_mean(before.spread**2, (logs - centre) ** 2, votes))
        same = min(_mean(before.same, pairs.distances, votes), before.other - 0.3 * before.other_std)
        same_std = np.sqrt(_mean(before.same_std**2, (pairs.distances - same) ** 2, votes))
        expected = PRIOR_VOTES * before.share + votes.sum()
        believed = replace(
            before,
            same=same,
            same_std=float(np.clip(same_std, before.other_std / 3, 1.2 * before.other_std)),
            centre=centre,
            spread=float(np.clip(spread, 0.1, SPREAD)),
            share=float(np.clip(expected / (PRIOR_VOTES + len(votes)), 0.1, 0.9)),
        )
    return believed


def _mean(prior: float, values: np.ndarray, votes: np.ndarray) -> float:
    return float((PRIOR_VOTES * prior + (votes * values).sum()) / (PRIOR_VOTES + votes.sum()))


def posterior(passage: Passage, pairs: Pairs) -> np.ndarray:
    """(Q, G) probability of each pair, 0 outside the gate; a row's sum leaves the probability of no match."""
    odds = passage.share * passage.likelihood(pairs.distances) * passage.density(pairs.gaps) / pairs.rate
    odds = np.where(pairs.inside, odds, 0)
    return odds / (odds.sum(1, keepdims=True) + 1 - passage.share)


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


def _candidates(edge: Edge, pairs: Pairs, probability: np.ndarray, chosen: np.ndarray) -> list[Candidate]:
    found = []
    for query in np.flatnonzero(pairs.inside.any(1)):
        options = np.flatnonzero(pairs.inside[query])
        ranked = options[np.lexsort((options, pairs.distances[query, options]))]
        by_probability = np.sort(probability[query, options])[::-1]
        for rank, gallery in enumerate(ranked, 1):
            assigned = bool(chosen[query] == gallery)
            if rank > KEPT and not assigned:
                continue
            p, gap = float(probability[query, gallery]), float(pairs.gaps[query, gallery])
            best_other = by_probability[1] if p == by_probability[0] and len(options) > 1 else by_probability[0]
            margin = p - (float(best_other) if len(options) > 1 else 0.0)
            speed = float(edge.speed_kmh(np.array(gap)))
            found.append(
                Candidate(int(query), int(gallery), rank, float(pairs.distances[query, gallery]), gap, speed, p, assigned, margin)
            )
    return found
