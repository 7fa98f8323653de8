"""Which of the pairs of cameras that share vehicles are neighbours: the others are told by the cameras between."""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

from cctview_pipeline.match.propose.sharing import Shared

Way = tuple[str, str, str, str]
"""Source camera, the direction by which vehicles leave it, target camera, the direction by which they enter."""

SUM_OFF, SUM_OFF_S = 0.1, 4.0
"""The travel time by way of another camera may be off by this share of it or so many seconds: vehicles that all three see are not
all that two of them see."""

SURE, SURE_VEHICLES = 0.5, 10.0
"""Pairs of this probability, of so many vehicles together, can say that the camera between did not see them."""

SEEN_BETWEEN = 0.3
"""So many of them it must have seen, or the way is a link of its own that takes as long: it misses some vehicles, and not all of
those that it sees are recognised."""


def between(found: Mapping[Way, Shared]) -> dict[Way, list[str]]:
    """Ways on which vehicles are shared -> for each the cameras that its vehicles pass on their way; a link has none.

    A way is told by a camera between if the way to it and the way from it take about its time together, unless vehicles that are
    surely shared were not seen there. This is a transitive reduction of the ways by their times. Parts of a way need be no links
    themselves.
    """
    onward: dict[tuple[str, str], list[Way]] = {}
    for way in found:
        onward.setdefault(way[:2], []).append(way)
    return {way: [first[2] for first in onward[way[:2]] if _told(way, first, found)] for way in found}


def _told(way: Way, first: Way, found: Mapping[Way, Shared]) -> bool:
    """Whether the way's vehicles passed the target of ``first`` on their way."""
    last = (first[2], first[3], way[2], way[3])
    if first[2] in (way[0], way[2]) or last not in found:
        return False
    whole, parts = found[way], (found[first], found[last])
    off = abs(parts[0].median + parts[1].median - whole.median)
    return off <= max(SUM_OFF * whole.median, SUM_OFF_S) and seen_between(whole, *parts) >= SEEN_BETWEEN


def seen_between(whole: Shared, first: Shared, last: Shared) -> float:
    """Of the vehicles that are surely shared, the share that both parts of the way have as well; 1 where too few are sure."""
    pairs = whole.probability.tocoo()
    sure = pairs.data >= SURE
    if pairs.data[sure].sum() < SURE_VEHICLES:
        return 1.0
    row, column = pairs.coords[0][sure], pairs.coords[1][sure]
    seen = np.minimum(_along(first.probability, last.probability, row, column), 1.0)
    return float((pairs.data[sure] * seen).sum() / pairs.data[sure].sum())


def _along(first: csr_array, last: csr_array, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Elements (row, column) of the product of two sparse matrices."""
    return np.asarray(first[row].multiply(last.T.tocsr()[column]).sum(axis=1)).ravel()
