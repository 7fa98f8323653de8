"""What is believed of the way along an edge: how long it takes, and how alike one vehicle is to itself at both cameras.

Nobody labels a pair. What the pairs themselves tell is learned by expectation maximisation: pairs that are likely by what is
believed so far tell what to believe. Where few pairs are likely, what was believed beforehand stays.
"""

from dataclasses import dataclass, replace

import numpy as np

from cctview_pipeline.match.pairs import Pairs
from cctview_pipeline.roads import Edge

STAYS_M, SHARE_VOTES = 5_000.0, 100.0
"""Beforehand, the share of vehicles that the camera before has seen too falls by e over so many metres, as ramps change the
others; and how many queries that is worth."""

SHARES = 0.1, 0.95

CUE_VOTES = 30.0
"""How many matches what is believed of a cue beforehand is worth."""

LABEL_KEPT = 0.8
"""How often two cameras give one vehicle one label, where they would not by chance."""

USUAL_KMH = 60.0
CENTRE_STD, PACE_STD, LANE_STD, DRIFT_STD, STEP_STD = 0.35, 0.2, 0.05, 0.3, 0.1
"""Beforehand, how far off may be: the logarithm of the travel time at 60 km/h, the exponents of the paces (-1/2 each: half of
the way at each), the lanes' influence, the hour's course, and one of its steps."""

STEP_S = 300.0
"""Between two points of the hour's course."""

FIRST_SPREAD, SPREAD_VOTES, MIN_SPREAD = 0.1, 5.0, 0.015
"""Of the logarithm of the travel time around what is expected: beforehand, its worth in matches, and at least."""

ODD_TIME, ODD_STD = 0.01, 0.35
"""So many take another time than their pace tells: they stop, or hurry."""

APPEARANCE, SIZE, PACE = range(3)
"""The cues, in the order of Pairs.cues."""


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """A difference between two tracks, as a normal variable for one vehicle and for two. one_sided: less than is usual for one
    vehicle speaks for it, not against."""

    same: float
    same_std: float
    other: float
    other_std: float
    one_sided: bool = False

    def log_ratio(self, values: np.ndarray) -> np.ndarray:
        """How much likelier a difference is for one vehicle than for two, as a logarithm; NaN, where it is unknown, is 0."""
        off = np.maximum(values - self.same, 0) if self.one_sided else values - self.same
        ratio = (((values - self.other) / self.other_std) ** 2 - (off / self.same_std) ** 2) / 2
        if self.one_sided:
            ratio = np.where(values < self.other, ratio, np.minimum(ratio, 0))
        return np.nan_to_num(np.clip(ratio + np.log(self.other_std / self.same_std), -10, 5), nan=0.0)

    def learned(self, before: "Likelihood", values: np.ndarray, votes: np.ndarray) -> "Likelihood":
        """From pairs that are one vehicle with these probabilities."""
        votes, values = votes * ~np.isnan(values), np.nan_to_num(values)
        total = CUE_VOTES + votes.sum()
        same = (CUE_VOTES * before.same + (votes * values).sum()) / total
        if self.one_sided:
            same = min(same, self.other - 0.3 * self.other_std)
        variance = (CUE_VOTES * before.same_std**2 + (votes * (values - same) ** 2).sum()) / total
        std = np.clip(np.sqrt(variance), self.other_std / 5, 1.2 * self.other_std)
        return replace(self, same=float(same), same_std=float(std))


@dataclass(frozen=True, kw_only=True)
class EdgeModel:
    """cues: of the looks, the size, the pace; agree: how much likelier one label is for one vehicle than for two, and two
    labels; times: coefficients over ``regressors``; spread: of the logarithm of the travel time around them; share: of the
    queries whose vehicle the source has seen too; support: how many matches it rests on."""

    cues: tuple[Likelihood, Likelihood, Likelihood]
    agree: tuple[float, float]
    times: np.ndarray
    spread: float
    share: float
    support: float

    def evidence(self, pairs: Pairs) -> np.ndarray:
        """(5, M) what the looks, the size, the pace, the label and the travel time say, as logarithms of how much likelier they
        are for one vehicle than for none; the last has the share of vehicles that come from there, and how many others do."""
        cues = [cue.log_ratio(values) for cue, values in zip(self.cues, pairs.cues, strict=True)]
        labels = np.log(np.where(pairs.same_label, *self.agree))
        arrivals = np.log(self.share / (1 - self.share)) - np.log(pairs.rate) + self.log_density(pairs)
        return np.stack([*cues, labels, arrivals])

    def log_odds(self, pairs: Pairs) -> np.ndarray:
        """(M,) of each pair against no match, were there no other pair."""
        return self.evidence(pairs).sum(0)

    def log_density(self, pairs: Pairs) -> np.ndarray:
        """(M,) of the travel time, a second."""
        off = pairs.log_seconds - self.expected(pairs)
        std = self.std(pairs)
        usual = np.exp(-((off / std) ** 2) / 2) / std
        odd = np.exp(-((off / ODD_STD) ** 2) / 2) / ODD_STD
        return np.log((1 - ODD_TIME) * usual + ODD_TIME * odd + 1e-30) - pairs.log_seconds - np.log(2 * np.pi) / 2

    def expected(self, pairs: Pairs) -> np.ndarray:
        """(M,) logarithm of the travel time in s."""
        course = np.interp(pairs.arrived / STEP_S, np.arange(len(self.times) - 5), self.times[5:])
        return self.times[0] + self.times[1:3] @ pairs.paces + self.times[3:5] @ pairs.lanes + course

    def std(self, pairs: Pairs) -> np.ndarray:
        """(M,) how far the logarithm is off, also by the paces' errors."""
        return np.sqrt(self.spread**2 + (self.times[1:3] ** 2) @ pairs.pace_errors**2)

    def seconds(self) -> float:
        """The usual travel time of the hour, s: at the usual pace, in the middle lane."""
        return float(np.exp(self.times[0] + self.times[5:].mean()))


def believed(edge: Edge, pairs: Pairs, apart: Pairs) -> EdgeModel:
    """Before any pair is matched. apart: pairs that are two vehicles for certain, or nearly."""
    looks, size, pace = (_cue_of(values, place == APPEARANCE) for place, values in enumerate(apart.cues))
    centre = np.log(edge.metres / (USUAL_KMH / 3.6))
    times = np.concatenate([[centre, -0.5, -0.5, 0, 0], np.zeros(_points(pairs))])
    agree = float(np.clip(apart.same_label.mean(), 0.05, 0.95)) if len(apart) else 0.5
    agreement = ((agree + LABEL_KEPT * (1 - agree)) / agree, 1 - LABEL_KEPT)
    share = float(np.clip(np.exp(-edge.metres / STAYS_M), *SHARES))
    return EdgeModel(cues=(looks, size, pace), agree=agreement, times=times, spread=CENTRE_STD, share=share, support=0.0)


def _cue_of(values: np.ndarray, one_sided: bool) -> Likelihood:
    """Before any pair is matched, by the differences of pairs that are two vehicles; NaN where they are unknown."""
    known = values[~np.isnan(values)]
    mean, std = (float(known.mean()), max(float(known.std()), 1e-3)) if len(known) > 1 else (0.0, 1.0)
    if one_sided:
        return Likelihood(same=mean - 1.5 * std, same_std=std, other=mean, other_std=std, one_sided=True)
    return Likelihood(same=0.0, same_std=0.6 * std, other=mean, other_std=std)


def learn(before: EdgeModel, pairs: Pairs, votes: np.ndarray, belief: EdgeModel) -> EdgeModel:
    """One step: what pairs that are one vehicle with these probabilities (M,) tell. belief: the one they rest on."""
    each = zip(belief.cues, before.cues, pairs.cues, strict=True)
    looks, size, pace = (cue.learned(old, values, votes) for cue, old, values in each)
    times, spread = _travel_times(before, pairs, votes, belief)
    share = (SHARE_VOTES * before.share + votes.sum()) / (SHARE_VOTES + pairs.queries)
    return EdgeModel(
        cues=(looks, size, pace),
        agree=before.agree,
        times=times,
        spread=spread,
        share=float(np.clip(share, *SHARES)),
        support=float(votes.sum()),
    )


def regressors(pairs: Pairs) -> np.ndarray:
    """(M, K): 1, the logarithms of both paces, both lanes, and the hour's course as hats STEP_S apart."""
    hats = np.maximum(0, 1 - np.abs(pairs.arrived[:, None] / STEP_S - np.arange(_points(pairs))[None, :]))
    return np.concatenate([np.ones((len(pairs.seconds), 1)), pairs.paces.T, pairs.lanes.T, hats], axis=1)


def _points(pairs: Pairs) -> int:
    """Of the hour's course."""
    return int(pairs.lasts_s // STEP_S) + 2


def _travel_times(before: EdgeModel, pairs: Pairs, votes: np.ndarray, belief: EdgeModel) -> tuple[np.ndarray, float]:
    """Least squares of the logarithm of the travel time, with what was believed beforehand."""
    design, logs = regressors(pairs), pairs.log_seconds
    off = (logs - belief.expected(pairs)) / belief.std(pairs)
    weights = votes / belief.std(pairs) ** 2 * np.where(np.abs(off) < 4, 1.0, 0.1)
    hats = design.shape[1] - 5
    stiff = np.diag(1 / np.array([CENTRE_STD, PACE_STD, PACE_STD, LANE_STD, LANE_STD] + [DRIFT_STD] * hats) ** 2)
    steps = np.diff(np.eye(hats), axis=0) / STEP_STD
    stiff[5:, 5:] += steps.T @ steps
    found = np.linalg.solve(design.T @ (weights[:, None] * design) + stiff, design.T @ (weights * logs) + stiff @ before.times)
    found[1:3] = np.clip(found[1:3], -1, 0)
    left = logs - design @ found
    near = votes * (np.abs(left) < 4 * belief.std(pairs))
    excess = (near * (left**2 - (found[1:3] ** 2) @ pairs.pace_errors**2)).sum()
    variance = (SPREAD_VOTES * FIRST_SPREAD**2 + excess) / (SPREAD_VOTES + near.sum())
    return found, float(np.clip(np.sqrt(max(variance, 0)), MIN_SPREAD, CENTRE_STD))
