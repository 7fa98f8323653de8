"""Which of the pairs of cameras that share vehicles are neighbours: the others are told by the cameras between."""

from collections.abc import Mapping

import numpy as np

from cctview_pipeline.match.propose.sharing import Shared

Way = tuple[str, str, str, str]
"""Source camera, the direction by which vehicles leave it, target camera, the direction by which they enter."""

SUM_OFF, SUM_OFF_S = 0.1, 4.0
"""The travel time by way of another camera may be off by this share of it or so many seconds: vehicles that all three see are not
all that two of them see."""

SURE, SURE_VEHICLES = 0.5, 10.0
"""Pairs of this probability, of so many vehicles together, can say that the camera between did not see them."""


def between(found: Mapping[Way, Shared]) -> dict[Way, list[str]]:
    """Ways on which vehicles are shared -> for each the cameras that its vehicles pass on their way; a link has none.

    A way is told by a camera between if the way to it and the way from it take about its time together, unless it is seen that
    its vehicles do not pass there. This is a transitive reduction of the ways by their times. Parts of a way need be no links
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
    return off <= off_by(whole.median) and not passed_by(whole, *parts)


def off_by(seconds: float) -> float:
    """How far the parts' travel times may be from the way's, s."""
    return max(SUM_OFF * seconds, SUM_OFF_S)


def passed_by(whole: Shared, first: Shared, last: Shared) -> bool:
    """Whether the vehicles that are surely shared go another way than by the camera between, though they take as long: such
    vehicles it shares less often with both ends than these ends' vehicles in the mean."""
    pairs = whole.probability.tocoo()
    sure = pairs.data >= SURE
    weights = pairs.data[sure]
    if weights.sum() < SURE_VEHICLES:
        return False
    lift = 1.0
    for part, axis, place in ((first, 1, pairs.coords[0]), (last, 0, pairs.coords[1])):
        shares = np.asarray(part.probability.sum(axis=axis)).ravel()
        lift *= float(np.average(shares[place[sure]], weights=weights)) / max(float(shares.mean()), 1e-9)
    return lift < 1.0
