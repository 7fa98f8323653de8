"""How many of the ways that were found are there by chance."""

import numpy as np

TAIL, FEWEST_IN_TAIL = 0.01, 20
"""The share of the decoys, and the least number of them, by which the chance of a higher score than any of theirs is told."""

BEYOND = 100
"""So many times rarer than one of the decoys, and no rarer, a score is said to be."""


def q_values(scores: np.ndarray, decoys: np.ndarray, hypotheses: int) -> np.ndarray:
    """(N,) the least false discovery rate at which each of N scores is among those found, by M scores of decoys. hypotheses: of
    how many the N are what may count as found; the others were true, and are told by these.

    Target and decoy (Elias and Gygi, Nature Methods 4, 2007): at a threshold, the chance that a decoy reaches it tells how many
    of the hypotheses would; over how many do, that is the rate.
    """
    if not len(scores):
        return np.zeros(0)
    order = np.argsort(-scores, kind="stable")
    found = np.searchsorted(-scores[order], -scores[order], "right")
    rates = np.minimum.accumulate((hypotheses * _chances(scores[order], decoys) / found)[::-1])[::-1]
    values = np.empty(len(scores))
    values[order] = np.minimum(rates, 1.0)
    return values


def _chances(scores: np.ndarray, decoys: np.ndarray) -> np.ndarray:
    """(N,) how likely a decoy reaches each of N scores. Of the highest of them it is told by an exponential tail, as heights of
    peaks have (Davison and Smith, Journal of the Royal Statistical Society B 52, 1990, with a shape of 0): there are far fewer
    decoys than a rate among thousands of hypotheses would need."""
    ranked, count = np.sort(decoys), len(decoys)
    reached = count - np.searchsorted(ranked, scores, "left")
    chances = (1 + reached) / (1 + count)
    tail = max(FEWEST_IN_TAIL, int(TAIL * count))
    if tail >= count:
        return chances
    begins = ranked[-tail - 1]
    mean = max(float(ranked[-tail:].mean() - begins), 1e-9)
    beyond = tail / count * np.exp(-np.maximum(scores - begins, 0) / mean)
    return np.where(scores > begins, np.maximum(beyond, 1 / (BEYOND * (1 + count))), chances)
