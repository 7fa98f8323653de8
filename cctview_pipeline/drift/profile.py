"""What a model gives in one camera-hour, as shares, and how far two such profiles lie apart.

A detector is known by the scores of its vehicles, an extractor by how alike two vehicles of one camera-hour look to it.

How far two lie apart is the Jensen-Shannon divergence in bits (Lin, IEEE Trans. Information Theory 37, 1991): 0 for the same
shares, 1 for shares that have nothing in common. The population stability index, which credit scoring would take, has no upper
end, and one empty bin decides it.

How good a detector is, scores that are probabilities tell by themselves: the F1 that they promise (Guillory et al., Predicting
with Confidence on Unseen Distributions, ICCV 2021, do so for classifiers) follows the true one more closely than divergence does,
and says which way it went (docs/drift.md).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import jensenshannon

SCORES, LIKENESS = "scores", "likeness"
EDGES: Mapping[str, np.ndarray] = {SCORES: np.linspace(0.05, 1.0, 20), LIKENESS: np.linspace(-0.2, 1.0, 25)}
"""Bins: of scores; of the cosine of two embeddings. What lies outside belongs to the first or last."""
EXPECTED_F1, IN_DOUBT, MEAN_LIKENESS = "expected_f1", "in_doubt", "mean_likeness"
DOUBT = 0.15
"""How near to its threshold a score must be for the detector to be in doubt."""
PAIRS, MAX_EMBEDDINGS = 20_000, 4_000
"""How many pairs of embeddings are compared, of at most so many embeddings."""


@dataclass(frozen=True)
class Profile:
    """count: detections or embeddings that it rests on; shares: name -> (bins,) shares that add up to 1; figures: name -> what
    else one may want to know."""

    count: int
    shares: Mapping[str, np.ndarray]
    figures: Mapping[str, float]

    @classmethod
    def of_detections(cls, scores: np.ndarray, threshold: float) -> "Profile":
        """scores: (N,) of vehicles, of which those below 0.05 do not count; threshold: the detector's."""
        scores = scores[scores >= EDGES[SCORES][0]]
        doubt = float(np.mean(np.abs(scores - threshold) < DOUBT)) if len(scores) else 0.0
        return cls(len(scores), {SCORES: _shares(SCORES, scores)}, {EXPECTED_F1: expected_f1(scores, threshold), IN_DOUBT: doubt})

    @classmethod
    def of_embeddings(cls, vectors: np.ndarray, seed: int = 0) -> "Profile":
        """vectors: (N, D) of length 1, turned or not, as long as all are by one matrix; seed: of the pairs that are drawn."""
        rng, count = np.random.default_rng(seed), len(vectors)
        if count < 2:
            return cls(count, {LIKENESS: _shares(LIKENESS, np.zeros(0))}, {MEAN_LIKENESS: 0.0})
        chosen = vectors[np.sort(rng.choice(count, min(count, MAX_EMBEDDINGS), replace=False))].astype(np.float32)
        one = rng.integers(len(chosen), size=PAIRS)
        other = (one + rng.integers(1, len(chosen), size=PAIRS)) % len(chosen)
        cosines = np.concatenate([np.einsum("nd,nd->n", chosen[a], chosen[b]) for a, b in _blocks(one, other)])
        return cls(count, {LIKENESS: _shares(LIKENESS, cosines)}, {MEAN_LIKENESS: float(cosines.mean())})


def expected_f1(scores: np.ndarray, threshold: float) -> float:
    """What F1 scores promise if they are probabilities, 0..1: their sum is how many vehicles there are to be found, that of those
    from the threshold up how many are found. Vehicles that got no score at all are not known of."""
    found = scores[scores >= threshold]
    return float(2 * found.sum() / max(len(found) + scores.sum(), 1e-9))


def divergence(one: Profile, other: Profile) -> float:
    """The largest of the divergences of their shares, 0..1. Raises ValueError for profiles of different models' kinds."""
    if one.shares.keys() != other.shares.keys():
        raise ValueError(f"{', '.join(one.shares)} cannot be compared with {', '.join(other.shares)}.")
    return max(shares_divergence(one.shares[name], other.shares[name]) for name in one.shares)


def shares_divergence(one: np.ndarray, other: np.ndarray) -> float:
    """Jensen-Shannon divergence in bits of (bins,) shares; 0 where either is of nothing."""
    return float(jensenshannon(one, other, base=2) ** 2) if one.sum() and other.sum() else 0.0


def _shares(name: str, values: np.ndarray) -> np.ndarray:
    """(N,) -> (bins,)."""
    edges = EDGES[name]
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0].astype(np.float64)
    return counts / max(counts.sum(), 1)


def _blocks(one: np.ndarray, other: np.ndarray, size: int = 4_000) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs in parts, so that the rows they pick need little memory."""
    return ((one[i : i + size], other[i : i + size]) for i in range(0, len(one), size))
