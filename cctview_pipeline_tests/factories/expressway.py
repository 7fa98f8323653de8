"""Two carriageways side by side that a camera looks along, every vehicle of which is known; and tracks that jump from one to the
other, as they do in the distance."""

import numpy as np

from cctview_pipeline_tests.factories.crossing import MIDDLE_M, SPEED, Drive

LONG_M = 110.0
APART_M = 2.5
"""From the middle of the road to that of a carriageway."""
LOST_M, FURTHER_M = int(8 * SPEED), 7
"""Along the road, where tracks jump, at a frame; and how much further the vehicle is that they jump to or from, beside it."""


def carriageways(each: int = 25, bend: float = 0.0, jumping: int = 0) -> list[Drive]:
    """So many vehicles that drive away on the right, and as many that come on the left. bend: radians to the right by which the
    road turns along its length; jumping: as many more of either, which are lost or found in the distance, and whose track has one
    sighting there of a vehicle that drives the other way."""
    middle, way = _road(bend)
    right = np.column_stack([way[:, 1], -way[:, 0]])
    away, towards = middle + APART_M * right, middle - APART_M * right
    lost = np.concatenate([away[: LOST_M + 1], towards[[LOST_M + FURTHER_M]]])
    begun = np.concatenate([away[[LOST_M + FURTHER_M]], towards[LOST_M::-1]])
    lines = [away, towards[::-1]] * each + [lost, begun] * jumping
    return [Drive("", "", start=20.0 + 24.0 * number, line=line) for number, line in enumerate(lines)]


def _road(bend: float) -> tuple[np.ndarray, np.ndarray]:
    """(K, 2) places along its middle, m, and (K, 2) ways: away from the camera, somewhat to the left at first."""
    run = np.arange(0.0, LONG_M)
    heading = np.radians(-15.0) + bend * run / LONG_M
    way = np.column_stack([np.sin(heading), np.cos(heading)])
    return np.array([6.0, 6.0 - MIDDLE_M]) + np.cumsum(way, axis=0), way
