"""Noise without a pattern, from which surfaces get their grain."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, inline="always")
def hashed(a, b, salt):
    """Two integers -> 0..1, without visible pattern."""
    h = (a * 374761393 + b * 668265263 + salt * 1442695041) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFF) / 65535.0


@njit(cache=True, nogil=True)
def noise(x, y, salt):
    """Value noise, 0..1, about one bump a unit."""
    i, j = int(np.floor(x)), int(np.floor(y))
    u, v = x - i, y - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    low = hashed(i, j, salt) * (1 - u) + hashed(i + 1, j, salt) * u
    high = hashed(i, j + 1, salt) * (1 - u) + hashed(i + 1, j + 1, salt) * u
    return low * (1 - v) + high * v


@njit(cache=True, nogil=True)
def rough(x, y, salt):
    """Four octaves of noise, 0..1."""
    return (
        0.5 * noise(x, y, salt)
        + 0.25 * noise(2.1 * x, 2.1 * y, salt)
        + 0.15 * noise(4.3 * x, 4.3 * y, salt)
        + 0.1 * noise(9 * x, 9 * y, salt)
    )
