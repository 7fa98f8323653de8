"""Polygons that a person has drawn: what is none, and covers less than was meant."""

from functools import lru_cache
from typing import TypeAlias

import numpy as np

Polygon: TypeAlias = tuple[tuple[float, float], ...]
"""Corners (x, y) in pixels, each joined to the next and the last to the first."""


def is_line(polygon: Polygon) -> bool:
    """Whether all corners lie on one line, or are one point."""
    (x, y), *others = polygon
    ways = [(px - x, py - y) for px, py in others]
    along = max(ways, key=lambda way: abs(way[0]) + abs(way[1]))
    return all(along[0] * way[1] == along[1] * way[0] for way in ways)


@lru_cache(maxsize=1024)
def crosses_itself(polygon: Polygon) -> bool:
    """Whether two edges cross, as they do where the corners of a rectangle stand in the wrong order: two triangles are covered
    then, and half of it shows. Edges that only touch, at the corner of another or along it, do not."""
    corners = np.array(polygon, float)
    ways = np.roll(corners, -1, 0) - corners
    towards = corners[None] - corners[:, None]  # from each edge's beginning to every corner
    sides = np.sign(ways[:, None, 0] * towards[..., 1] - ways[:, None, 1] * towards[..., 0])  # of each edge, of every corner
    parts = sides * np.roll(sides, -1, 1) < 0  # an edge has both ends of another on different sides
    return bool((parts & parts.T).any())
