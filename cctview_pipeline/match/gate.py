"""Which earlier tracks could be the same vehicle at all: how long the way along an edge takes."""

import numpy as np

from cctview_pipeline.roads import Edge

SLOWEST_KMH, MAX_SPEED_KMH = 5.0, 130.0
SIGHT_M = 100.0
"""A camera sees so much of its road: from where it loses a vehicle to where the next camera finds it can be less far than from
camera to camera, by twice as much where the two face each other."""

MAX_DURATION_S = 3600.0
"""A match of (c, h) reads hours h-1 and h, so no way may take longer than an hour."""


def shortest_s(edge: Edge) -> float:
    """From where the source loses a vehicle to where the target finds it."""
    return max(edge.metres - 2 * SIGHT_M, 0.0) / (MAX_SPEED_KMH / 3.6)


def longest_s(edge: Edge) -> float:
    """Likewise."""
    return min(MAX_DURATION_S, edge.metres / (SLOWEST_KMH / 3.6))


def admits(edge: Edge, gaps: np.ndarray, passing: np.ndarray) -> np.ndarray:
    """gaps: s between a track's end at the source and one's beginning at the target; passing: s between when the two were in
    the middle of the cameras' sights, which can be a third nearer to each other than the cameras -> bool."""
    quickest = edge.metres / (1.5 * MAX_SPEED_KMH / 3.6)
    return (gaps >= shortest_s(edge)) & (gaps <= longest_s(edge)) & (passing >= quickest)


def speed_kmh(edge: Edge, seconds: np.ndarray) -> np.ndarray:
    """Of so many seconds between passing the two cameras."""
    return edge.metres / seconds * 3.6
