"""Which vehicles two cameras share, once it is known that they share some, and how long those take."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from cctview_pipeline.match.belief import Likelihood
from cctview_pipeline.match.matching import one_to_one
from cctview_pipeline.match.propose.evidence import CHUNK, TILT, Comparison, Peak
from cctview_pipeline.match.propose.passers import Passers

REACH = 4.0
"""Pairs are looked at whose lag is within so many widths of the peak."""

ROUNDS = 20
FIRST_SHARE, LEAST_SHARE, MOST_SHARE = 0.3, 0.005, 0.95
LEAST_SPREAD_S = 0.8
"""Frames seconds apart tell no travel time better than this."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """probability: (N, M) sparse, that a vehicle of the source is one of the target; vehicles: how many are, expected; median: of
    their travel times, s, with the 95 % interval (low, high) of that median; spread: standard deviation of travel times, s, by
    their median absolute deviation."""

    probability: csr_array
    vehicles: float
    median: float
    low: float
    high: float
    spread: float


def shared(one: Passers, other: Passers, peak: Peak) -> Shared:
    """By expectation maximisation from the peak: of a share of the source's vehicles that come to the target after a time that is
    normal around it, each vehicle in one pair at most, and pairs otherwise as by chance."""
    row, column, lag, alike = _near(one, other, peak)
    before = looks = Likelihood(same=TILT, same_std=1.0, other=0.0, other_std=1.0)
    lasts, others = max(float(np.ptp(other.passed)), 1.0), float(len(other))
    share, median, spread, probability = FIRST_SHARE, peak.lag, peak.width, np.zeros(len(row))
    for _ in range(ROUNDS):
        density = -(((lag - median) / spread) ** 2) / 2 - np.log(spread * np.sqrt(2 * np.pi))
        probability = one_to_one(
            row, column, len(one), np.log(share / (1 - share) * lasts / others) + density + looks.log_ratio(alike)
        )
        total = float(probability.sum())
        if total < 1:
            break
        others = max(len(other) - total, 0.1 * len(other))
        share = float(np.clip(total / len(one), LEAST_SHARE, MOST_SHARE))
        looks = looks.learned(before, alike, probability)
        median = weighted_median(lag, probability)
        off = 1.4826 * weighted_median(np.abs(lag - median), probability)
        spread = float(np.clip(off, LEAST_SPREAD_S, 2 * peak.width))
    vehicles = float(probability.sum())
    error = 1.96 * 1.2533 * spread / np.sqrt(max(vehicles, 1.0))  # of the median of a normal variable
    pairs = csr_array((probability, (row, column)), shape=(len(one), len(other)))
    return Shared(
        probability=pairs, vehicles=vehicles, median=median, low=max(median - error, 0.0), high=median + error, spread=spread
    )


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """Half of the weight lies below it. values, weights: (N,), N > 0."""
    order = np.argsort(values, kind="stable")
    heap = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(heap, heap[-1] / 2)), len(order) - 1)])


def _near(one: Passers, other: Passers, peak: Peak) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs near the peak: positions at the source and the target, lags in s, how alike they are."""
    least, most = max(peak.lag - REACH * peak.width, 0.0), peak.lag + REACH * peak.width
    compared = Comparison.of(one, other)
    rows, columns, lags, likenesses = [], [], [], []
    for begin in range(0, len(one), CHUNK):
        passed = one.passed[begin : begin + CHUNK]
        first, last = np.searchsorted(other.passed, [passed[0] + least, passed[-1] + most])
        lag = other.passed[None, first:last] - passed[:, None]
        row, column = np.nonzero((lag > least) & (lag < most))
        likenesses.append(compared.alike(slice(begin, begin + CHUNK), slice(first, last))[row, column])
        rows.append(row + begin)
        columns.append(column + first)
        lags.append(lag[row, column])
    row, column, lag, alike = (np.concatenate(parts) for parts in (rows, columns, lags, likenesses))
    return row, column, lag, alike
