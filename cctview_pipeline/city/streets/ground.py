"""The colour of the streets' ground: asphalt, lines, crosswalks, lanes for bicycles, kerbs and pavements. Linear light."""

import numpy as np
from numba import njit

from cctview_pipeline.city.streets.plan import (
    CROSSWALK_X,
    CROSSWALK_Y,
    KERB_X,
    LANES_X,
    POCKET_M,
    SIDE_KERB,
    STOP_X,
    STOP_Y,
)
from cctview_pipeline.city.texture import rough

_CORNER_M = 5.0
_MEDIAN_X, _LANE_X, _BIKE_FROM_X, _BIKE_TO_X = 1.6, sum(LANES_X) / 2, 8.2, 9.7
_WALK_Y0, _WALK_Y1 = CROSSWALK_Y
_WALK_X0, _WALK_X1 = CROSSWALK_X
_LINE_M, _BAR_M, _SIDE_PARKING = 0.075, 0.6, 3.5


@njit(cache=True, nogil=True)
def street_ground(x, y, crossings, salt, out):
    """x, y: m, as in the plan; crossings (C,): their y. out (3,) gets the colour."""
    dy = y - crossings[0]
    for k in range(1, len(crossings)):
        if abs(y - crossings[k]) < abs(dy):
            dy = y - crossings[k]
    ax, ady = abs(x), abs(dy)
    arterial, side = ax < KERB_X, ady < SIDE_KERB
    corner = False
    if not arterial and not side and ax < KERB_X + _CORNER_M and ady < SIDE_KERB + _CORNER_M:
        corner = (ax - KERB_X - _CORNER_M) ** 2 + (ady - SIDE_KERB - _CORNER_M) ** 2 > _CORNER_M**2
    if not (arterial or side or corner):
        _pavement(x, y, ax, ady, salt, out)
        return
    base = 0.135 + 0.035 * rough(x * 0.2, y * 0.2, salt) + 0.035 * rough(x * 2.5, y * 2.5, salt + 1)
    if arterial and _MEDIAN_X < ax < _BIKE_FROM_X:
        base *= 0.94 + 0.10 * abs(np.sin(np.pi * 2 * (ax - _MEDIAN_X) / 3.3))
    out[0], out[1], out[2] = base, base * 0.995, base * 0.97
    if _BIKE_FROM_X < ax < _BIKE_TO_X and ady > STOP_Y:
        out[0], out[1], out[2] = base * 0.62, base * 1.08, base * 0.72
    worn = 0.70 + 0.5 * rough(x * 1.3, y * 1.3, salt + 6)
    if _white(x, y, dy, ax, ady):
        out[0] = out[1] = out[2] = 0.50 * worn
    elif _yellow(x, dy, ax, ady):
        out[0], out[1], out[2] = 0.42 * worn, 0.28 * worn, 0.05 * worn


@njit(cache=True, nogil=True)
def _white(x, y, dy, ax, ady):
    if ax < KERB_X and _WALK_Y0 < ady < _WALK_Y1:
        return (x + 30.0) % (2 * _BAR_M) < _BAR_M
    if ady < SIDE_KERB and _WALK_X0 < ax < _WALK_X1:
        return (dy + 30.0) % (2 * _BAR_M) < _BAR_M
    if ax < KERB_X and ady > STOP_Y - 0.5:
        inward = dy * x < 0  # who drives here comes to the crossing
        pocket = ax <= _MEDIAN_X
        if ady < STOP_Y:
            return (inward and ax < _BIKE_FROM_X) or pocket
        if inward and ady < STOP_Y + POCKET_M - 12.0 and abs(ax - _MEDIAN_X) < _LINE_M:
            return True
        if abs(ax - _LANE_X) < _LINE_M:
            return y % 9.0 < 3.0 or (inward and ady < STOP_Y + 25.0)
        return abs(ax - _BIKE_FROM_X) < _LINE_M or abs(ax - _BIKE_TO_X) < _LINE_M
    if ady < SIDE_KERB and ax > STOP_X - 0.5:
        if ax < STOP_X:
            return dy * x > 0 and ady < _SIDE_PARKING
        return abs(ady - _SIDE_PARKING) < _LINE_M and ax % 6.4 < 1.2
    return False


@njit(cache=True, nogil=True)
def _yellow(x, dy, ax, ady):
    if ax < KERB_X and ady > STOP_Y:
        return abs(ax - _MEDIAN_X) < _LINE_M or abs(ax - _MEDIAN_X + 0.22) < _LINE_M
    return ady < SIDE_KERB and ax > STOP_X and abs(ady - 0.13) < _LINE_M


@njit(cache=True, nogil=True)
def _pavement(x, y, ax, ady, salt, out):
    kerb = ax < KERB_X + 0.25 or ady < SIDE_KERB + 0.25
    joint = 0.86 if (x % 1.5) < 0.06 or (y % 1.5) < 0.06 else 1.0
    grey = (0.20 + 0.09 * rough(x * 0.5, y * 0.5, salt + 9)) * joint * (1.35 if kerb else 1.0)
    out[0], out[1], out[2] = grey, grey * 0.98, grey * 0.93
