"""When which light is green: fixed times of every crossing, one cycle behind the other.

A cycle: the arterial's left turns, its other lanes, the side street from the west, the one from the east. People cross the side
streets beside the arterial's green, and the arterial while the side streets have theirs.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from cctview_pipeline.city.streets.plan import ARTERIAL, CROSSINGS_Y, FROM_EAST, FROM_WEST

CYCLE_S = 100.0
YELLOW_S, ALL_RED_S = 3.5, 2.0
GREENS_S = (10.0, 40.0, 14.0, 14.0)
"""Of the phases in their order; with yellow and red they are the cycle."""
RED, YELLOW, GREEN = 0, 1, 2

WALK_SIDE_S, WALK_ARTERIAL_S = 27.0, 10.0
"""How long a walk light lets people begin to cross a side street, and the arterial; who has begun has time to finish."""
SLOWEST_MS, FASTEST_MS = 1.1, 1.7
"""Of people on foot, m/s."""


@dataclass(frozen=True)
class Signals:
    """begins (C, 4): when each phase of each crossing turns green, s of the cycle."""

    begins: np.ndarray

    def light(self, crossing: int, phase: int, seconds: np.ndarray) -> np.ndarray:
        """RED, YELLOW or GREEN at so many seconds since 1970."""
        run = (np.asarray(seconds) - self.begins[crossing, phase]) % CYCLE_S
        return np.where(run < GREENS_S[phase], GREEN, np.where(run < GREENS_S[phase] + YELLOW_S, YELLOW, RED))

    def next_start(self, crossing: int, phase: int, length: float, seconds: np.ndarray) -> np.ndarray:
        """The first moment, not before these, in the first ``length`` seconds of a phase's green."""
        seconds = np.asarray(seconds, float)
        run = (seconds - self.begins[crossing, phase]) % CYCLE_S
        return np.where(run < length, seconds, seconds + CYCLE_S - run)


def signals(seed: int) -> Signals:
    """The city's. Each crossing is about as much later than the one before as a vehicle takes that drives south."""
    rng = np.random.default_rng((seed, 61))
    lag = np.round(np.array(CROSSINGS_Y) / 12.0 + rng.uniform(-12, 12, len(CROSSINGS_Y)))
    within = np.cumsum([0.0, *(green + YELLOW_S + ALL_RED_S for green in GREENS_S[:-1])])
    return Signals((lag[:, None] + within) % CYCLE_S)


def walks(arm: str) -> tuple[int, float, float]:
    """Of the crosswalk over an arm: the phase with which its walk light begins, for how long, and after how long since then
    nobody is on the road any more, s."""
    if arm in "WE":
        return ARTERIAL, WALK_SIDE_S, GREENS_S[ARTERIAL] + YELLOW_S
    both = GREENS_S[FROM_WEST] + YELLOW_S + ALL_RED_S + GREENS_S[FROM_EAST] + YELLOW_S
    return FROM_WEST, WALK_ARTERIAL_S, both


@njit(cache=True)
def light_at(begins, greens, yellow, cycle, crossing, phase, seconds):
    """The same of one light, in compiled code."""
    run = (seconds - begins[crossing, phase]) % cycle
    if run < greens[phase]:
        return 2
    return 1 if run < greens[phase] + yellow else 0
