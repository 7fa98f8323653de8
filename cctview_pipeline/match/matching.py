"""Ranking and choosing: for every track of a camera, the neighbours' earlier tracks it may go on from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from cctview_pipeline.match.belief import APPEARANCE, EdgeModel, believed, learn
from cctview_pipeline.match.gate import speed_kmh
from cctview_pipeline.match.pairs import Pairs, TrackSet, candidates, joined, two_vehicles
from cctview_pipeline.roads import Edge

METRIC = "euclidean-mean"
"""Of the tracks' mean embeddings, in which large images weigh more, each camera's mean taken off."""

TOP_K = 20
"""Candidates kept a query, for the viewer and for people who want rank lists."""

EM_ROUNDS, STEPS = 4, 8
"""Of learning: in each round all pairs are looked at once, and those that are not hopeless so many times."""

MIN_ODDS, MIN_RESPONSIBILITY = 1e-5, 1e-3
"""Probability below which a pair takes nothing from others, and from which it teaches."""

MIN_NONE = 0.02
"""The least share of the queries that comes by no edge, where several lead to one place."""

BP_ITERATIONS = 15
"""Of the messages between queries and gallery; they settle after a handful."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """N pairs that could be one vehicle, by query and rank. query, gallery: (N,) positions in the two sets; evidence: (5, N) as
    EdgeModel.evidence; the rest (N,) as the matches table."""

    query: np.ndarray
    gallery: np.ndarray
    rank: np.ndarray
    distance: np.ndarray
    gap_s: np.ndarray
    speed_kmh: np.ndarray
    probability: np.ndarray
    assigned: np.ndarray
    margin: np.ndarray
    evidence: np.ndarray

    def __len__(self) -> int:
        return len(self.query)


@dataclass(frozen=True)
class Matching:
    """Along one edge. belief: what was learned of it; None, as the candidates, where nothing could be matched."""

    candidates: Candidates | None
    belief: EdgeModel | None


def match(queries: TrackSet, sources: Sequence[tuple[Edge, TrackSet]]) -> list[Matching]:
    """Rank the tracks of every edge's gallery inside its gate for every query, give each pair a probability, and choose.

    sources: edges by which the queries can have come, with the tracks of their sources. Each edge learns from its own pairs; then
    they compete: a query came by one of them, or by none. The choice has the highest product of probabilities with each track in
    at most one pair, and leaves out what is likelier to be none.
    """
    found = [_learned(edge, queries, gallery) for edge, gallery in sources]
    learned = [each for each in found if each]
    if not learned:
        return [Matching(None, None)] * len(sources)
    union = joined([pairs for pairs, _ in learned])
    shares = [belief.share for _, belief in learned]
    rest = max(1 - sum(shares), MIN_NONE)
    evidence = [belief.evidence(pairs) for pairs, belief in learned]
    odds = [
        each.sum(0) + (np.log((1 - share) / rest) if len(learned) > 1 else 0.0)
        for each, share in zip(evidence, shares, strict=True)
    ]
    probability = marginals(union, np.concatenate(odds))
    ends = np.cumsum([len(pairs) for pairs, _ in learned])[:-1]
    chosen = zip(evidence, np.split(probability, ends), np.split(assign(union, probability), ends), strict=True)
    matchings = []
    for (edge, _), each in zip(sources, found, strict=True):
        if each is None:
            matchings.append(Matching(None, None))
            continue
        pairs, belief = each
        matchings.append(Matching(_candidates(edge, pairs, *next(chosen)), belief))
    return matchings


def _learned(edge: Edge, queries: TrackSet, gallery: TrackSet) -> tuple[Pairs, EdgeModel] | None:
    """None where no pair can be."""
    if not len(queries) or not len(gallery):
        return None
    pairs = candidates(edge, queries, gallery)
    return (pairs, learn_edge(believed(edge, pairs, two_vehicles(edge, queries, gallery)), pairs)) if len(pairs) else None


def learn_edge(before: EdgeModel, pairs: Pairs) -> EdgeModel:
    """Expectation maximisation from what was believed before."""
    belief = before
    for _ in range(EM_ROUNDS):
        possible = pairs.select(marginals(pairs, belief.log_odds(pairs)) > MIN_RESPONSIBILITY)
        for _ in range(STEPS):
            belief = learn(before, possible, marginals(possible, belief.log_odds(possible)), belief)
    return belief


def marginals(pairs: Pairs, log_odds: np.ndarray) -> np.ndarray:
    """(M,) probability of each pair, as no track is in two of them; a query's sum leaves the probability of no match."""
    return one_to_one(pairs.query, pairs.gallery, pairs.queries, log_odds)


def one_to_one(query: np.ndarray, gallery: np.ndarray, queries: int, log_odds: np.ndarray) -> np.ndarray:
    """(M,) probability of pairs with these odds against no match, were there no other pair, as none of either side is in two.

    By belief propagation between the queries and the gallery (Williams and Lau, IEEE Transactions on Aerospace and
    Electronic Systems 50, 2014).
    """
    odds = np.exp(np.minimum(log_odds, 30.0))
    hopeful = np.flatnonzero(odds > MIN_ODDS)
    odds, query, gallery = odds[hopeful], query[hopeful], gallery[hopeful]
    free = np.ones(len(hopeful))  # how far the gallery's track is free of the other queries
    for _ in range(BP_ITERATIONS):
        claim = odds * free
        claim = odds / (1 + np.bincount(query, claim, queries)[query] - claim)
        free = 1 / (1 + np.bincount(gallery, claim)[gallery] - claim) if len(claim) else free
    claim = odds * free
    probability = np.zeros(len(log_odds))
    probability[hopeful] = claim / (1 + np.bincount(query, claim, queries)[query])
    return probability


def assign(pairs: Pairs, probability: np.ndarray) -> np.ndarray:
    """(M,) which pairs are chosen. Every query has a partner of its own that means "no match"."""
    nothing = np.maximum(1 - np.bincount(pairs.query, probability, pairs.queries), 1e-12)
    real = np.flatnonzero(probability > MIN_ODDS)
    columns = int(pairs.gallery.max()) + 1
    rows = np.concatenate([pairs.query[real], np.arange(pairs.queries)])
    partners = np.concatenate([pairs.gallery[real], columns + np.arange(pairs.queries)])
    # A weight of 0 is no edge, so every weight is 1 more; every query has just one.
    weights = 1 - np.log(np.concatenate([np.minimum(probability[real], 1.0), nothing]))
    graph = csr_array((weights, (rows, partners)), shape=(pairs.queries, columns + pairs.queries))
    queries, found = min_weight_full_bipartite_matching(graph)
    partner = np.full(pairs.queries, -1)
    partner[queries] = found
    return (partner[pairs.query] == pairs.gallery) & (probability > MIN_ODDS)


def _candidates(edge: Edge, pairs: Pairs, evidence: np.ndarray, probability: np.ndarray, chosen: np.ndarray) -> Candidates:
    order = np.lexsort((-probability, pairs.query))  # of equal ones the gallery's first
    starts = np.flatnonzero(np.diff(pairs.query[order], prepend=-1))
    group = np.cumsum(np.isin(np.arange(len(order)), starts)) - 1
    rank = np.arange(len(order)) - starts[group] + 1
    likeliest = np.append(probability[order], 0.0)
    alone = np.append(np.diff(starts), len(order) - starts[-1]) == 1
    second = np.where(alone, 0.0, likeliest[starts + 1])
    best_other = np.where(rank == 1, second[group], likeliest[starts][group])
    kept = np.flatnonzero((rank <= TOP_K) | chosen[order])
    those = order[kept]
    return Candidates(
        query=pairs.query[those],
        gallery=pairs.gallery[those],
        rank=rank[kept],
        distance=pairs.cues[APPEARANCE, those],
        gap_s=pairs.gap[those],
        speed_kmh=speed_kmh(edge, pairs.seconds[those]),
        probability=probability[those],
        assigned=chosen[those],
        margin=probability[those] - best_other[kept],
        evidence=evidence[:, those],
    )
