"""Which travel times a filter that knows no probability would keep: Dion and Rakha, Estimating dynamic roadway travel times using
automatic vehicle identification data for low sampling rates, Transportation Research Part B 40 (2006).

It is computed beside our own weights, and changes no figure: how much it sets aside is a check that others can follow.
"""

import numpy as np
from numba import njit

SIGMAS = 3.0
"""Half the window's width, in standard deviations of the logarithm."""
BETA = 0.2
"""How much a single vehicle moves the mean and the variance."""
IN_A_ROW = 3
"""Times beyond the same end of the window after which they are believed: traffic has changed, and the window has not."""
MIN_STD = 0.05
"""Of the logarithm: vehicles differ at least so much."""


@njit(cache=True)
def kept(seconds: np.ndarray) -> np.ndarray:
    """(N,) float64 travel times of one way, s, in order of arrival -> (N,) bool, those inside the window.

    The window is that of a lognormal whose mean and variance follow the vehicles one by one.
    """
    logs, inside = np.log(seconds), np.ones(len(seconds), np.bool_)
    if not len(logs):
        return inside
    start = logs[: 2 * IN_A_ROW]
    mean, variance = np.median(start), max(np.var(start), MIN_STD**2)
    beyond, side_before = 0, 0
    for place in range(len(logs)):
        step = logs[place] - mean
        off = step / max(np.sqrt(variance), MIN_STD)
        side = 0 if abs(off) <= SIGMAS else 1 if off > 0 else -1
        beyond = beyond + 1 if side and side == side_before else 1 if side else 0
        side_before = side
        inside[place] = side == 0 or beyond >= IN_A_ROW
        if inside[place]:
            mean += BETA * step
            variance = (1 - BETA) * (variance + BETA * step**2)
    return inside
