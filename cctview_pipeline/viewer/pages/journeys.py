"""An hour of journeys: who was followed past two cameras or more, as lines over distance and time."""

from collections import defaultdict
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from cctview_pipeline.ids import camera_of
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.viewer.lines import journey_lines
from cctview_pipeline.viewer.names import Names, hour_of
from cctview_pipeline.viewer.reading import NotThere, Reading
from cctview_pipeline.viewer.shared import ask, clock_of, hour_named, moment_named, names_of, page, viewer_of
from cctview_pipeline.viewer.vehicle import Leg

router = APIRouter()
WINDOW = timedelta(minutes=2)
LISTED = 30


@router.get("/journeys/{hour}")
def journeys(request: Request, hour: str, at: str = "", road: str = "", least: int = 3) -> Response:
    """Of two minutes from ``at``, over ``least`` cameras or more."""
    when, reading, names = hour_named(hour), viewer_of(request).reading, names_of(request)
    ask(request, f"journeys of {format_hour(when)}", ("journeys",))
    every = RoadNetwork.of(reading.require()).roads
    chosen = next((each for each in every if each.name == road), every[0])
    place = Partition.of_hour(when)
    found = reading.derived("ways", "journeys", place, lambda: _ways(reading, place))
    if not found:
        raise NotThere("This hour has no journeys: they were not made yet, or their lifetime is over.")
    first = min(legs[0][0].entered_at for legs in found)
    begin = moment_named(at, when) or max(when, first.replace(second=0, microsecond=0))
    over = [legs for legs in found if len({leg.camera for leg, _ in legs}) >= max(2, least)]
    shown = [legs for legs in over if begin <= legs[0][0].entered_at < begin + WINDOW]
    listed = [([leg for leg, _ in legs], _address(names, legs[-1][1])) for legs in shown[:LISTED]]
    return page(
        request,
        "journeys.html",
        times=(when, when),
        hour=when,
        road=chosen,
        begin=begin,
        end=begin + WINDOW,
        least=max(2, least),
        total=len(over),
        lines=journey_lines(chosen, [[leg for leg, _ in legs] for legs in shown], clock_of(request)),
        listed=listed,
        shown=len(shown),
        steps={"earlier": begin - WINDOW, "later": begin + WINDOW},
    )


def _ways(reading: Reading, place: Partition) -> list[list[tuple[Leg, str]]]:
    """Every journey's legs with their tracks, in order of time."""
    found = defaultdict(list)
    rows = reading.table("journeys", place).sort_by([("entered_at", "ascending"), ("leg", "ascending")])
    for row in rows.to_pylist():
        leg = Leg(
            track=None,
            camera=row["camera_id"],
            entered_at=row["entered_at"],
            left_at=row["left_at"],
            speed_kmh=row["speed_kmh"],
            probability=row["probability"],
            is_this=False,
        )
        found[row["journey_id"]].append((leg, row["track_id"]))
    return list(found.values())


def _address(names: Names, track: str) -> str:
    """Of a vehicle where it was seen last, since its page tells where it came from; empty once it can't be followed."""
    name = names(track)
    return f"/vehicles/{camera_of(track)}/{format_hour(hour_of(track))}/{name}" if name else ""
