"""Ways that jump into oncoming traffic, cut where they do.

In the distance the vehicles of two carriageways are a few pixels apart, and a track whose vehicle is lost goes on with one that
comes the other way, for a sighting or two. On the ground that looks like a turn. But nobody drives where all others come towards
them: sightings at an end of a way that lie there are another vehicle's. Who turns crosses oncoming traffic, and does not end
in it."""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from cctview_pipeline.track.movements.paths import ODD_TURN, Path, ViewPaths, path_of

THERE = 0.5
"""Own sizes, in the picture: who passed nearer passed the same place."""


def without_oncoming(view: ViewPaths) -> ViewPaths:
    """The same view, its ways without the sightings at their ends where more drive against them than with them."""
    moved = [path for path in view.paths if path.moved]
    if not moved:
        return view
    tree = cKDTree(np.concatenate([view.plane.pixels(path.places) for path in moved]))
    ways = np.concatenate([path.heading for path in moved])

    def against(row: int, heading: float) -> bool:
        there = tree.query_ball_point(view.seen.points[row], THERE * view.seen.sizes[row])
        off = np.abs(np.angle(np.exp(1j * (ways[there] - heading))))
        return bool((off > ODD_TURN).sum() > (off < np.pi - ODD_TURN).sum())

    def cut(path: Path) -> Path:
        while path.moved and against(path.rows[0], path.heading[0]):
            path = path_of(path.rows[1:], view.seen, view.ground)
        while path.moved and against(path.rows[-1], path.heading[-1]):
            path = path_of(path.rows[:-1], view.seen, view.ground)
        return path

    return replace(view, paths=[cut(path) for path in view.paths])
