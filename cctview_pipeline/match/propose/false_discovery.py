"""How many of the ways that were found are there by chance."""

import numpy as np


def q_values(scores: np.ndarray, decoys: np.ndarray, hypotheses: int) -> np.ndarray:
    """(N,) the least false discovery rate at which each of N scores is among those found, by M scores of decoys. hypotheses: of
    how many the N are what may count as found; the others were true, and are told by these.

    Target and decoy (Elias and Gygi, Nature Methods 4, 2007): at a threshold, the share of decoys that reach it tells how many of
    the hypotheses would by chance; over how many do, that is the rate. One decoy more than there are keeps it from being 0
    (Levitsky et al., Journal of Proteome Research 16, 2017), so that few decoys can't claim much.
    """
    if not len(scores):
        return np.zeros(0)
    order = np.argsort(-scores, kind="stable")
    reached = len(decoys) - np.searchsorted(np.sort(decoys), scores[order], "left")
    chance = hypotheses * (1 + reached) / (1 + len(decoys))
    found = np.searchsorted(-scores[order], -scores[order], "right")
    rates = np.minimum.accumulate((chance / found)[::-1])[::-1]
    values = np.empty(len(scores))
    values[order] = np.minimum(rates, 1.0)
    return values
