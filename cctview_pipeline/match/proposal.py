"""What learning links proposes; how it is learned, :mod:`cctview_pipeline.match.propose` says."""

from dataclasses import dataclass

LONGEST_S = 600
"""Beyond ten minutes between neighbours, nothing is looked for unless somebody asks."""

FEWEST = 30
"""Vehicles of a camera in one direction: with fewer, nothing is asked of them."""

DISCOVERIES = 0.01
"""The false discovery rate up to which a way is believed, and told by others or not: with a twentieth, half of
all networks of ten links would have one that is none."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Vehicles that pass ``source`` in the direction ``leaves`` pass ``target`` in the direction ``enters`` after ``seconds``,
    the median, in [low, high] with 95 %.

    at_poles: what that makes from pole to pole, s, None where a place or the cameras' geometry is not known;
    spread: of travel times, s; vehicles: how many both saw, expected, of ``passed`` at the source; metres: along the straight
    line, or, where metres_from is "travel time" and not "places", what 60 km/h come to; score: how far vehicles of that lag are
    more alike than those of lags around it, in standard errors; q: the false discovery rate, of a link among links; by_way_of:
    cameras that the vehicles pass in between; a link has none.
    """

    source: str
    leaves: str
    target: str
    enters: str
    seconds: float
    low: float
    high: float
    at_poles: float | None
    spread: float
    vehicles: float
    passed: int
    metres: float
    metres_from: str
    score: float
    q: float
    by_way_of: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """ways: whatever was believed, links and others, best first; hypotheses: how many were asked; decoys: against so many;
    too_few: cameras and directions with fewer than FEWEST vehicles."""

    ways: tuple[Proposal, ...]
    hypotheses: int
    decoys: int
    too_few: tuple[tuple[str, str], ...]

    def links(self, at_most: float = DISCOVERIES) -> list[Proposal]:
        """Ways with no camera between, up to a false discovery rate. Of two that lead from one camera to another, the better."""
        best: dict[tuple[str, str], Proposal] = {}
        for each in self.ways:
            if not each.by_way_of and each.q <= at_most:
                best.setdefault((each.source, each.target), each)
        return list(best.values())
