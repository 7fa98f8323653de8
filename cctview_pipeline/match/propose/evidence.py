"""How much more alike than by chance vehicles of two cameras are, by the time between them.

Every pair of a vehicle at one camera and a later one at another has a weight: how much likelier its looks are for one vehicle
than for two, 1 by chance. Summed over pairs of one lag, vehicles that both cameras see make a peak where the travel time is.
Traffic that comes in waves at both cameras makes more pairs at some lags, but no heavier ones; light that changes at both makes
pairs of all lags near it heavier, so a lag is held against those around it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cctview_pipeline.match.propose.passers import Passers

TILT = 1.5
"""How many standard deviations more alike than two vehicles one vehicle is to itself, where nobody knows: what weighs the pairs.
In the synthetic city it is 1.5 to 2.3."""

HEAVIEST = 4.0
"""A pair's logarithm of its weight at most, so that a few odd pairs are no peak."""

WIDTHS = (0.03, 0.05, 0.08)
SHORT_S = 30.0
"""Travel times spread by one of these shares of the travel time and SHORT_S: what frames seconds apart and the length of a
camera's sight add, however near the next camera is."""

AROUND = 4.0
"""A peak is held against lags around it, of a spread so many times as wide."""

SAMPLE = 256
"""Vehicles of the other camera by which it is told how heavy one's pairs are by chance: of the white van that looks like many."""

CHUNK = 256
"""Vehicles compared at once, which bounds memory."""


@dataclass(frozen=True)
class Peak:
    """score: how far the lag's pairs are heavier than those around it, in standard errors; lag, width: s."""

    score: float
    lag: float
    width: float


NO_PEAK = Peak(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Comparison:
    """Two cameras' vehicles, such that exp(source @ target.T) are the pairs' weights."""

    source: np.ndarray
    target: np.ndarray

    @classmethod
    def of(cls, one: Passers, other: Passers) -> "Comparison":
        """Products of the looks, less what is usual for each of the two, over how they spread, times TILT; and such that each
        vehicle's weights have a mean of about 1."""
        source, target = one.looks - one.looks.mean(0), other.looks - other.looks.mean(0)
        rows, columns = _spread(source, target), _spread(target, source)
        usual = float(np.sqrt((rows**2).mean()))
        source, target = TILT * source / rows[:, None], target * (usual / columns[:, None])
        by_row = _usual_weight(source, target[:: -(-len(target) // SAMPLE)])
        by_column = _usual_weight(target, source[:: -(-len(source) // SAMPLE)], by_row[:: -(-len(source) // SAMPLE)])
        left = np.concatenate([source, -by_row[:, None], np.ones((len(source), 1))], axis=1)
        right = np.concatenate([target, np.ones((len(target), 1)), -by_column[:, None]], axis=1)
        return cls(left.astype(np.float32), right.astype(np.float32))

    def weights(self, rows: slice, columns: slice) -> np.ndarray:
        """(n, m) logarithms of the weights of some of the pairs."""
        return np.minimum(self.source[rows] @ self.target[columns].T, HEAVIEST)

    def alike(self, rows: slice, columns: slice) -> np.ndarray:
        """(n, m) how much more alike some of the pairs are than is usual for both of their vehicles, in standard deviations."""
        return self.source[rows, :-2] @ self.target[columns, :-2].T / TILT

    def decoy(self, share: float) -> "Comparison":
        """The target's vehicles in reverse, turned by this share of their number: times stay, and nobody is who passed then."""
        order = (int(share * len(self.target)) - np.arange(len(self.target))) % len(self.target)
        return Comparison(self.source, self.target[order])


def _spread(these: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) standard deviation of each one's products with the others."""
    covariance = others.T @ others / len(others)
    return np.sqrt(np.maximum(np.einsum("nd,de,ne->n", these, covariance, these), 1e-12))


def _usual_weight(these: np.ndarray, others: np.ndarray, already: np.ndarray | float = 0.0) -> np.ndarray:
    """(N,) logarithm of the mean weight of each one's pairs. already: (M,) taken off the others."""
    return np.log(np.exp(np.minimum(these @ others.T - already, HEAVIEST)).mean(1))


@dataclass(frozen=True, kw_only=True)
class Lags:
    """Where peaks are looked for, of pairs up to ``longest`` s apart. centres: (C,) s; widths: (W, C) s; near, around: (W * C, T)
    kernels over lags of whole seconds, each of sum 1."""

    longest: int
    centres: np.ndarray
    widths: np.ndarray
    near: np.ndarray
    around: np.ndarray

    def peak(self, counts: np.ndarray, excess: np.ndarray, variance: float, within: tuple[float, float]) -> list[Peak]:
        """counts: (T,) pairs by lag; excess: (K, T) how much heavier than 1 they are together, of K comparisons; variance: of one
        pair's weight; within: the least and the greatest travel time, s -> the highest peak of each.

        The error is also taken from how the lags themselves vary, if that is more: what else makes some lags heavier is no news.
        """
        usual = np.maximum(self.around @ counts, 1e-9)
        expected = (self.around @ excess.T) * ((self.near @ counts) / usual)[:, None]
        error = np.sqrt(variance * (self.near**2 @ (counts + 0.5)))
        scores = (((self.near @ excess.T) - expected) / error[:, None]).T.reshape(len(excess), len(WIDTHS), -1)
        known = (self.near @ counts).reshape(len(WIDTHS), -1) > 0.05
        asked = (self.centres >= within[0]) & (self.centres <= within[1])
        scores = np.where(known & asked, scores / _varies(scores, known)[..., None], 0.0)
        found = []
        for each in scores:
            width, place = np.unravel_index(each.argmax(), each.shape)
            found.append(Peak(float(each[width, place]), float(self.centres[place]), float(self.widths[width, place])))
        return found


def _varies(scores: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(K, W) standard deviation of the scores of most lags, by their lower quarter, which peaks leave alone; 1 at least."""
    usual = np.nanquantile(np.where(known, np.abs(scores), np.nan), 0.25, axis=-1) / 0.3186
    return np.maximum(np.nan_to_num(usual, nan=1.0), 1.0)


@lru_cache(maxsize=2)
def lags_up_to(longest: int) -> Lags:
    """longest: s."""
    step = min(WIDTHS) / 2
    count = int(np.log((longest + SHORT_S) / (1 + SHORT_S)) / step)
    centres = (1 + SHORT_S) * np.exp(step * np.arange(count + 1)) - SHORT_S
    widths = np.array(WIDTHS)[:, None] * (centres + SHORT_S)
    off = (np.arange(longest) + 0.5 - centres[:, None])[None] / widths[..., None]
    near, around = np.exp(-(off**2) / 2), np.exp(-((off / AROUND) ** 2) / 2)
    near, around = (kernel / np.maximum(kernel.sum(-1, keepdims=True), 1e-9) for kernel in (near, around))
    return Lags(
        longest=longest,
        centres=centres,
        widths=widths,
        near=near.reshape(-1, longest),
        around=around.reshape(-1, longest),
    )


def peaks(one: Passers, other: Passers, lags: Lags, decoys: int, within: tuple[float, float] = (0.0, np.inf)) -> list[Peak]:
    """The highest peak of how alike later passers of ``other`` are to those of ``one``, and those of so many decoys.
    within: the travel times that are asked about, s."""
    true = Comparison.of(one, other)
    compared = [true] + [true.decoy((number + 0.5) / decoys) for number in range(decoys)]
    counts, excess, squares = np.zeros(lags.longest), np.zeros((len(compared), lags.longest)), 0.0
    for begin in range(0, len(one), CHUNK):
        rows = slice(begin, begin + CHUNK)
        first, last = np.searchsorted(other.passed, [one.passed[rows][0], one.passed[rows][-1] + lags.longest])
        if first == last:
            continue
        lag = (other.passed[None, first:last] - one.passed[rows, None]).ravel()
        inside = np.flatnonzero((lag > 0) & (lag < lags.longest))
        lag = lag[inside].astype(np.int32)
        counts += np.bincount(lag, minlength=lags.longest)
        for number, each in enumerate(compared):
            weights = np.exp(each.weights(rows, slice(first, last))).ravel()[inside] - 1
            excess[number] += np.bincount(lag, weights, lags.longest)
            squares += float(weights @ weights)
    variance = squares / max(len(compared) * counts.sum(), 1)
    return lags.peak(counts, excess, variance, within) if counts.any() else [NO_PEAK] * len(compared)
