"""How well a sighting goes on from a track when no flow says where vehicles go: as it went, standing, or starting off.

A camera sees ten frames of a clip, a junction sends vehicles everywhere, a queue stands: there is no way to learn, or it is not
theirs. What is left is the vehicle itself: seen twice, it goes on about as it went; seen once, it stands, or goes anywhere.
Lengths are in sizes of the vehicle (the square root of its box's area), so that they hold near and far.
"""

from collections.abc import Sequence

import numpy as np

from cctview_pipeline.track.sightings import CameraDetections

BOX_NOISE_PX = 1.0
CUT_NOISE = 0.35
"""How far the middle of a box's lower edge is from where the vehicle stands, in pixels of a picture of the usual width; more, in
sizes, where the picture's edge cuts it."""

STEADY, TURN = 0.07, 0.2
"""How far a vehicle is from where it would have been: standard deviations in sizes, and in what it would have gone; as measured
on vehicles of three London cameras, a second apart."""

SLOW, FAST = 0.5, 1.6
STARTS, TURNS_OFF = 0.8, 0.1
"""Standard deviations, in sizes a second, of where it goes otherwise, each as likely; and how likely that is of a vehicle seen
once, and of another."""

UNIT = 0.1
"""In sizes: the spread of a step that costs nothing."""


def step_cost(
    seen: CameraDetections,
    last: np.ndarray,
    velocities: Sequence[tuple[float, float] | None],
    rows: np.ndarray,
    seconds: np.ndarray,
) -> np.ndarray:
    """(T, R) minus twice the log-likelihood of each step over that of one that fits.

    last: (T,) rows of the sightings; velocities: T, px/s, None of what was seen once; rows: (R,) of other sightings; seconds: (T,
    R) from one to the other.
    """
    velocity = np.array([each or (0.0, 0.0) for each in velocities])[:, None]
    elsewhere = np.array([STARTS if each is None else TURNS_OFF for each in velocities])[:, None]
    size, cut = seen.sizes[last][:, None], seen.cut[rows][None, :] | seen.cut[last][:, None]
    off = seen.points[rows][None, :] - seen.points[last][:, None] - velocity * seconds[:, :, None]
    noise = (BOX_NOISE_PX * seen.px) ** 2 + (CUT_NOISE * size) ** 2 * cut
    went = np.linalg.norm(velocity, axis=2) * seconds

    def density(spread: np.ndarray) -> np.ndarray:
        variance = spread**2 + noise
        return (UNIT * size) ** 2 / variance * np.exp(-(off**2).sum(2) / variance / 2)

    otherwise = (density(SLOW * size * seconds) + density(FAST * size * seconds)) / 2
    return -2 * np.log((1 - elsewhere) * density(STEADY * size + TURN * went) + elsewhere * otherwise + 1e-300)
