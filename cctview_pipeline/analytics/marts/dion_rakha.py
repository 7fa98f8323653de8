"""Which travel times a filter that knows no probability would keep: Dion and Rakha, Estimating dynamic roadway travel times using
automatic vehicle identification data for low sampling rates, Transportation Research Part B 40 (2006).

It is computed beside our own weights, and changes no figure: how much it sets aside is a check that others can follow.
"""

import numpy as np

SIGMAS = 3.0
"""Half the window's width, in standard deviations of the logarithm."""
BETA = 0.2
"""How much a single vehicle moves the mean and the variance."""
IN_A_ROW = 3
"""Times beyond the same end of the window after which they are believed: traffic has changed, and the window has not."""
MIN_STD = 0.05
"""Of the logarithm: vehicles differ at least so much."""


def kept(seconds: np.ndarray) -> np.ndarray:
    """(N,) travel times of one way, s, in order of arrival -> (N,) bool, those inside the window.

    The window is that of a lognormal whose mean and variance follow the vehicles one by one.
    """
    logs, inside = np.log(seconds), np.ones(len(seconds), bool)
    if not len(logs):
        return inside
    start = logs[: 2 * IN_A_ROW]
    mean, variance = float(np.median(start)), max(float(np.var(start)), MIN_STD**2)
    beyond: list[int] = []
    for place, value in enumerate(logs):
        off = (value - mean) / max(np.sqrt(variance), MIN_STD)
        side = int(np.sign(off)) if abs(off) > SIGMAS else 0
        beyond = [*beyond, side] if side and (not beyond or beyond[-1] == side) else [side] if side else []
        inside[place] = not side or len(beyond) >= IN_A_ROW
        if inside[place]:
            step = value - mean
            mean += BETA * step
            variance = (1 - BETA) * (variance + BETA * step**2)
    return inside
