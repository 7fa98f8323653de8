"""Which tracks of a view are pieces of one vehicle's way, on the ground: in any direction, round corners, standing in a queue.

track/fragments.py does the same along the two directions of a road, whose flow foretells where a vehicle will be; across a
crossing nothing is foretold but that nobody speeds up, brakes or turns faster than cars do."""

import numpy as np

from cctview_pipeline.track.movements.paths import Path, ViewPaths

LONGEST_GAP_S, LONGEST_STAND_S = 4.5, 15.0
"""How long a vehicle may stay unseen between two pieces, moving, and standing where it stood: in a queue others hide it."""
ACCELERATION = 1.2
"""Standard deviation of what changes a speed, in any direction, m/s2."""
PIXELS, OWN_SIZE = 1.5, 0.12
"""How far a sighting is off: px in a picture of the usual width, and own sizes."""
SIZE_SPREAD = 0.22
"""Of the logarithm of a vehicle's size between two sightings."""
FARTHEST = 6.0
"""Squared standard deviations, of place, speed and size together, up to which two pieces are of one vehicle."""


def joined(view: ViewPaths) -> list[list[int]]:
    """Places of each vehicle's tracks, in order of time; every track is of one."""
    found = _pairs(view)
    after, before = dict(found), {later: earlier for earlier, later in found}
    vehicles = []
    for first in range(len(view.paths)):
        if first in before:
            continue
        members = [first]
        while members[-1] in after:
            members.append(after[members[-1]])
        vehicles.append(members)
    return vehicles


def _pairs(view: ViewPaths) -> list[tuple[int, int]]:
    """One to one, the likeliest first."""
    begins = np.array([view.seen.times[path.rows[0]] for path in view.paths])
    order = np.argsort(begins, kind="stable")
    candidates = []
    for earlier, path in enumerate(view.paths):
        end = view.seen.times[path.rows[-1]]
        low, high = np.searchsorted(begins[order], [end + 1e-3, end + LONGEST_STAND_S])
        for later in order[low:high].tolist():
            off = _off(view, path, view.paths[later])
            if off < FARTHEST:
                candidates.append((off, earlier, later))
    chosen, ended, begun = [], set(), set()
    for _, earlier, later in sorted(candidates):
        if earlier not in ended and later not in begun:
            ended.add(earlier)
            begun.add(later)
            chosen.append((earlier, later))
    return chosen


def _off(view: ViewPaths, one: Path, other: Path) -> float:
    """How far two pieces are from being one vehicle's, in squared standard deviations."""
    seen, a, b = view.seen, int(one.rows[-1]), int(other.rows[0])
    gap = seen.times[b] - seen.times[a]
    size = np.log(seen.sizes[b] / seen.sizes[a]) if not (seen.cut[a] or seen.cut[b]) else 0.0
    off = (size / SIZE_SPREAD) ** 2
    error = np.hypot(_noise(view, a), _noise(view, b))
    leaves, comes = _speed(view, one, last=True), _speed(view, other, last=False)
    if not one.moved and not other.moved:
        return float(off + (((view.ground[b] - view.ground[a]) / error) ** 2).sum())
    if gap > LONGEST_GAP_S or leaves is None or comes is None:
        return np.inf
    # Where both come to in the middle of the gap.
    apart = view.ground[b] - comes * gap / 2 - view.ground[a] - leaves * gap / 2
    changed = (comes - leaves) / (2 * ACCELERATION * gap)
    return float(off + (apart**2 / (error**2 + (ACCELERATION * gap**2 / 4) ** 2)).sum() + (changed**2).sum())


def _speed(view: ViewPaths, path: Path, last: bool) -> np.ndarray | None:
    """(2,) m/s at an end of a piece, over its last two or three sightings; None for a single one."""
    rows = path.rows[-3:] if last else path.rows[:3]
    if len(rows) < 2:
        return None
    return (view.ground[rows[-1]] - view.ground[rows[0]]) / (view.seen.times[rows[-1]] - view.seen.times[rows[0]])


def _noise(view: ViewPaths, row: int) -> np.ndarray:
    """(2,) m, standard deviations of a sighting across and along the view."""
    seen, plane = view.seen, view.plane
    pixels = PIXELS * seen.px + OWN_SIZE * seen.sizes[row]
    metre = view.ground[row, 1] / plane.focal
    return np.array([metre * pixels, metre * pixels * max(view.ground[row, 1] / plane.height, 1.0)])
