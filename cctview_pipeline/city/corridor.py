"""The expressway: how many lanes it has where, where its ramps are, and how it bends.

Places are metres along the road, ``s``, growing towards the south and 0 at the northernmost camera, and metres to the
right of a southbound driver, ``d``, 0 in the middle of the median. Southbound lanes have d > 0, northbound ones d < 0.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Length = TypeVar("Length", float, np.ndarray)
"""In metres, or in lanes: one number, or an array of them."""

BEGIN_M = -500.0
END_M = 5_440.0
"""Where the simulated road begins and ends: out of every camera's sight."""

LANE_M = 3.5
MEDIAN_M = 1.3
"""Width of a lane; from the middle of the road to the first lane's edge."""

SOUTHBOUND, NORTHBOUND = 1, -1

MAX_LANES = 4
LANES = {
    SOUTHBOUND: [(BEGIN_M, 3), (620.0, 4), (1_080.0, 3), (3_000.0, 2), (3_530.0, 3)],
    NORTHBOUND: [(BEGIN_M, 3), (1_750.0, 4), (2_200.0, 3), (4_240.0, 4), (4_580.0, 3)],
}
"""From which s on a carriageway has how many lanes. Lane 0 is beside the median; lanes come and go on the right."""


@dataclass(frozen=True)
class Ramp:
    """s: where it meets the outermost lane, m; share: of the carriageway's traffic that enters or leaves here."""

    side: int
    kind: str
    s: float
    share: float


RAMPS = [
    Ramp(SOUTHBOUND, "entry", 640.0, 0.16),
    Ramp(SOUTHBOUND, "exit", 1_060.0, 0.14),
    Ramp(SOUTHBOUND, "exit", 2_950.0, 0.10),
    Ramp(SOUTHBOUND, "entry", 3_550.0, 0.12),
    Ramp(NORTHBOUND, "entry", 4_560.0, 0.16),
    Ramp(NORTHBOUND, "exit", 4_260.0, 0.10),
    Ramp(NORTHBOUND, "entry", 2_180.0, 0.12),
    Ramp(NORTHBOUND, "exit", 1_770.0, 0.14),
]


def lanes_at(side: int, s: float) -> int:
    """How many lanes a carriageway has at s."""
    return next(lanes for begin, lanes in reversed(LANES[side]) if s >= begin or begin == BEGIN_M)


def lane_centre(side: int, lane: Length) -> Length:
    """d of the middle of a lane; a fraction is a place between two lanes."""
    return side * (MEDIAN_M + LANE_M * (lane + 0.5))
