"""Links between cameras, learned from the tracks of some hours: nobody says which cameras are neighbours, or where they look.

::

    groups = [group for camera in cameras for group in passers_of(camera, tracks[camera], features[camera])]
    for each in propose(groups).links(at_most=0.05):
        print(each.source, each.leaves, each.target, each.enters, each.seconds, each.q)

For every two cameras and their directions of flow :mod:`evidence` looks for a travel time at which vehicles are more alike than
by chance; :mod:`false_discovery` tells by decoys which of these are to be believed; :mod:`sharing` finds the vehicles, and how
long they take; :mod:`reduction` leaves out what is told by cameras between, and :mod:`completion` looks again for parts of ways
that were too faint.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from cctview_pipeline.match.proposal import DISCOVERIES, FEWEST, LONGEST_S, Proposal, Proposals
from cctview_pipeline.match.propose.completion import Window, missing_parts
from cctview_pipeline.match.propose.evidence import Lags, Peak, lags_up_to, peaks
from cctview_pipeline.match.propose.false_discovery import q_values
from cctview_pipeline.match.propose.passers import Passers, comparable, passers_of
from cctview_pipeline.match.propose.reduction import Way, between
from cctview_pipeline.match.propose.sharing import Shared, shared

__all__ = ["DISCOVERIES", "FEWEST", "Passers", "Proposal", "Proposals", "passers_of", "propose"]

DECOYS = 3000
"""At least, over all hypotheses; each has one at least, and the same number of them."""

PART_DECOYS = 400
"""Of each part of a way that is looked for where the rest of it says."""

FASTEST_MS = 1.5 * 130 / 3.6
"""Along the straight line between two poles; the middles of what they see can be a third nearer to each other."""

USUAL_MS = 60 / 3.6
"""What the length of a link is guessed by from its travel time, where places are not known."""


Ends = tuple[Passers, Passers]
"""Vehicles of the source and of the target."""


def propose(
    groups: Sequence[Passers],
    metres: Mapping[tuple[str, str], float] | None = None,
    *,
    longest_s: int = LONGEST_S,
    at_most: float = DISCOVERIES,
    decoys: int = DECOYS,
    shown: Callable[[Sequence[Way]], Iterable[Way]] = iter,
) -> Proposals:
    """Vehicles by camera and direction -> the ways between cameras that they say there are.

    metres: between two cameras' places, along the great circle, where these are known, of pairs in either order; a lower bound of
    what vehicles drive. longest_s: of a travel time. at_most: the false discovery rate up to which ways are believed; that
    of a link, among links alone, can be more. shown: walks through the hypotheses, and may tell how far it is. The same vehicles
    give the same answer, in whatever order and by whatever names the cameras come.
    """
    known = {frozenset(pair): far for pair, far in (metres or {}).items()}
    many = [group for group in groups if len(group) >= FEWEST]
    too_few = tuple((group.camera, group.direction) for group in groups if len(group) < FEWEST)
    if len({group.camera for group in many}) < 2:
        return Proposals(ways=(), hypotheses=0, decoys=0, too_few=too_few)
    ready, lags = comparable(many), lags_up_to(longest_s)
    ends = {_way(one, other): (one, other) for one in ready for other in ready if one.camera != other.camera}
    far = {way: known.get(frozenset((way[0], way[2])), 0.0) for way in ends}
    windows = {way: (metres / FASTEST_MS, np.inf) for way, metres in far.items()}
    seen, by_chance = _asked(ends, windows, lags, decoys, shown)
    q = _rates(seen, by_chance, len(ends))
    shares = {way: shared(*ends[way], seen[way]) for way in seen if q[way] <= at_most}
    told = between(shares)
    q |= _rates({way: peak for way, peak in seen.items() if not told.get(way)}, by_chance, len(ends))
    parts = missing_parts(shares, [way for way in shares if not told[way] and q[way] <= at_most])
    parts = {way: (max(low, far[way] / FASTEST_MS), high) for way, (low, high) in parts.items()}
    faint, by_chance_there = _asked({way: ends[way] for way in parts}, parts, lags, PART_DECOYS * len(parts))
    sure = {way: rate for way, rate in _rates(faint, by_chance_there, len(parts)).items() if rate <= at_most}
    if sure:
        shares |= {way: shared(*ends[way], faint[way]) for way in sure}
        seen, q, told = seen | faint, q | sure, between(shares)
    ways = tuple(_proposal(ends[way], shares[way], seen[way], q[way], far[way], told[way]) for way in shares)
    return Proposals(ways=ways, hypotheses=len(ends) + len(parts), decoys=len(by_chance) + len(by_chance_there), too_few=too_few)


def _asked(
    ends: Mapping[Way, Ends],
    windows: Mapping[Way, Window],
    lags: Lags,
    decoys: int,
    shown: Callable[[Sequence[Way]], Iterable[Way]] = iter,
) -> tuple[dict[Way, Peak], np.ndarray]:
    """Each way's peak, highest first, and the scores of at least so many decoys, the same number of each way."""
    if not ends:
        return {}, np.zeros(0)
    each = -(-decoys // len(ends))
    found = {way: peaks(*ends[way], lags, each, windows[way]) for way in shown(list(ends))}
    by_chance = np.array([peak.score for of_way in found.values() for peak in of_way[1:]])
    return dict(sorted(((way, of_way[0]) for way, of_way in found.items()), key=lambda each: -each[1].score)), by_chance


def _rates(seen: Mapping[Way, Peak], by_chance: np.ndarray, hypotheses: int) -> dict[Way, float]:
    scores = np.array([peak.score for peak in seen.values()])
    return dict(zip(seen, q_values(scores, by_chance, hypotheses).tolist(), strict=True))


def _way(one: Passers, other: Passers) -> Way:
    return one.camera, one.direction, other.camera, other.direction


def _proposal(ends: Ends, found: Shared, peak: Peak, q: float, metres: float, told: Sequence[str]) -> Proposal:
    """metres: 0 where a place is not known; told: cameras between."""
    source, leaves, target, enters = _way(*ends)
    return Proposal(
        source=source,
        leaves=leaves,
        target=target,
        enters=enters,
        seconds=found.median,
        low=found.low,
        high=found.high,
        at_poles=_at_poles(found.median, metres, ends[1].beyond_m - ends[0].beyond_m),
        spread=found.spread,
        vehicles=found.vehicles,
        passed=len(ends[0]),
        metres=metres if metres else found.median * USUAL_MS,
        metres_from="places" if metres else "travel time",
        score=peak.score,
        q=q,
        by_way_of=tuple(told),
    )


def _at_poles(seconds: float, metres: float, longer: float) -> float | None:
    """At the same speed. longer: m, by how much more than from pole to pole the way is; NaN where that is not known."""
    return seconds * metres / (metres + longer) if metres and longer > -metres / 2 else None
