"""The first page: the corridor today, its cameras, what is new, and what cannot be trusted."""

from dataclasses import dataclass
from datetime import date, datetime

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.lake import Partition
from cctview_pipeline.viewer.corridor import BIN, DOUBTFUL, FEW, MAX_CAMERAS, WHOLE, Day, diagram, read_day
from cctview_pipeline.viewer.map import corridor_map
from cctview_pipeline.viewer.reading import NotThere, Reading
from cctview_pipeline.viewer.road import Road, roads
from cctview_pipeline.viewer.shared import clock_of, page, viewer_of
from cctview_pipeline.viewer.tiles import Tiles

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class State:
    """A camera on the first page. said: live, frozen, ... where a collector keeps account; newest: hour with frames;
    vehicles: None where none could be counted."""

    camera: Camera
    said: str
    newest: datetime | None
    hours: int
    vehicles: int | None
    observed: float | None


@router.get("/")
def home(request: Request, day: str = "", road: str = "", first: int = 0) -> Response:
    reading = viewer_of(request).reading
    campaign = reading.campaign()
    if campaign is None or not campaign.cameras:
        return page(request, "empty.html", lake=reading.lake.uri)
    days = sorted({*reading.days("vehicle_counts"), *reading.days("travel_times")})
    shown, every = _day(day, days, campaign), roads(campaign)
    chosen = _part(next((each for each in every if each.name == road), every[0]), first)
    today = read_day(reading, shown, chosen.ids)
    clock = clock_of(request)
    newest = [Partition.camera_hour(each, max(hours)) for each in chosen.ids if (hours := reading.hours("raw_frames", each))]
    reading.look_ahead(("camera_status", newest), ("tracks", newest))
    states = [_state(reading, camera, today) for camera in chosen.cameras]
    return page(
        request,
        "home.html",
        times=today.span,
        day=shown,
        days=days,
        roads=every,
        road=chosen,
        first=first,
        step=MAX_CAMERAS,
        total=len(next(each for each in every if each.name == chosen.name).cameras),
        diagrams={way: drawn for way in chosen.ways() if (drawn := diagram(chosen, way, today, clock))},
        map=corridor_map(chosen),
        tiles=_on_tiles(chosen, viewer_of(request).settings.tiles),
        states=states,
        gaps=[(camera.id, *gap) for camera in chosen.cameras for gap in today.missing(camera.id)],
        known_gaps=bool(today.gaps),
        news=_news(reading, campaign, states, days, clock),
        doubts=_doubts(reading, today, states),
        journeys=[place.begin for place in reading.partitions("journeys") if place.begin.date() == shown],
    )


def _day(said: str, days: list[date], campaign: Campaign) -> date:
    try:
        return date.fromisoformat(said) if said else max(days, default=campaign.start.date())
    except ValueError as error:
        raise NotThere("A day is written 2020-05-05.") from error


def _part(road: Road, first: int) -> Road:
    """So many cameras as can be told apart in one drawing."""
    first = max(0, min(first, len(road.cameras) - 1))
    return road.part(first, first + MAX_CAMERAS)


def _on_tiles(road: Road, tiles: Tiles | None) -> dict | None:
    """What the map's script needs to know."""
    if tiles is None:
        return None
    cameras = [{name: getattr(each, name) for name in ("id", "name", "latitude", "longitude")} for each in road.cameras]
    return {"url": tiles.url, "attribution": tiles.attribution, "mostZoom": tiles.most_zoom, "cameras": cameras}


def _state(reading: Reading, camera: Camera, today: Day) -> State:
    hours = reading.hours("raw_frames", camera.id)
    newest = max(hours, default=None)
    status = reading.table("camera_status", Partition.camera_hour(camera.id, newest)) if newest else None
    said = status.sort_by("began_at")["state"][-1].as_py() if status is not None and status.num_rows else ""
    seen = today.observed(camera.id)
    bins = (today.span[1] - today.span[0]) / BIN if today.span else 0
    counts = [row["vehicles"] for row in today.counts_of.get(camera.id, []) if row["vehicles"] is not None]
    return State(
        camera=camera,
        said=said,
        newest=newest,
        hours=len(hours),
        vehicles=sum(counts) if counts else None,
        observed=sum(seen.values()) / bins if bins else None,
    )


def _news(reading: Reading, campaign: Campaign, states: list[State], days: list[date], clock: Clock) -> list[Markup]:
    """What came last, in sentences."""
    found = []

    def tell(sentence: str, hour: datetime, **said: object) -> None:
        found.append(Markup(sentence).format(clock.html(hour, clock.stamp(hour)), **said))

    if brought := [newest for each in states if (newest := each.newest)]:
        tell("The newest frames are of the hour from {}, of {count} cameras.", max(brought), count=brought.count(max(brought)))
    if hours := [place.begin for place in reading.partitions("journeys")]:
        tell("Vehicles are followed up to the hour from {}, {count} in all.", max(hours), count=_hours(len(hours)))
    if days:
        found.append(Markup("Figures reach to the UTC day {}, and begin with {}.").format(max(days), min(days)))
    if campaign.end is None:
        found.append(Markup("The campaign is open: hours are added while its cameras are collected."))
    return found


def _hours(count: int) -> str:
    return f"{count:,} {'hour' if count == 1 else 'hours'}"


def _doubts(reading: Reading, today: Day, states: list[State]) -> list[str]:
    """What a reader of the figures would be misled by, in sentences."""
    doubts = []
    if torn := [f"{each.camera.id} ({each.observed:.0%})" for each in states if (each.observed or 1) < WHOLE]:
        doubts.append(f"Part of the day's quarters has no frames, so that counts are too low: {', '.join(torn)}.")
    if bad := [f"{each.camera.id} ({each.said})" for each in states if each.said not in ("", "live")]:
        doubts.append(f"These cameras do not send as they should: {', '.join(bad)}.")
    weak = {(row["from_camera_id"], row["to_camera_id"]) for row in today.times if row["mean_probability"] < DOUBTFUL}
    if weak:
        pairs = ", ".join(f"{one} to {other}" for one, other in sorted(weak))
        doubts.append(f"Travel times rest on matches of which half or fewer are probably right: {pairs}.")
    if few := sum(row["vehicles"] < FEW for row in today.times):
        doubts.append(f"{few} of {len(today.times)} travel times rest on fewer than {FEW} vehicles.")
    waiting = [
        each for each in states if each.newest and not reading.has("tracks", Partition.camera_hour(each.camera.id, each.newest))
    ]
    if waiting:
        doubts.append(f"The newest hour is not worked through: {', '.join(each.camera.id for each in waiting)}.")
    doubts.append(
        "Half of the trucks and buses are found, in the city where they are known: a share of trucks is too low by half."
    )
    doubts.append("A track that breaks counts twice, in the city 9 % of all: counts are too high rather than too low.")
    return doubts
