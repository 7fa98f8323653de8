"""The first page: the corridor today, its cameras, what is new, and what cannot be trusted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow.compute as pc
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.known_bias import sentence
from cctview_pipeline.analytics.report import tables
from cctview_pipeline.analytics.report.stored import report_key
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.marts import MIN_OBSERVED
from cctview_pipeline.roads import Road, RoadNetwork
from cctview_pipeline.viewer.corridor import MAX_CAMERAS, Day, diagrams, read_day, seen, ways
from cctview_pipeline.viewer.map import corridor_map
from cctview_pipeline.viewer.reading import Reading
from cctview_pipeline.viewer.shared import clock_of, day_named, page, viewer_of
from cctview_pipeline.viewer.tiles import Tiles

router = APIRouter()
FEW = 10
"""Matches below which a median says little."""
DOUBTFUL = 0.5
"""Mean probability below which most of a way's matches may be wrong."""


NAMED = 8
"""Cameras that a sentence names."""
KNOWN = ("vehicle_counts", "flows", "speeds", "travel_times", "reliability")
"""Marts whose known errors are told."""
VERDICTS = {
    "network_down": "No camera sent anything",
    "camera_down": "Nothing was seen by",
    "insufficient": "Less than half of the quarters can be used of",
    "frozen": "The same picture came again and again from",
    "moved": "Turned on this day, so that its carriageways may be confused:",
    "counters_disagree": "Two counters that share no mistake disagree at",
}
"""Of data_quality, but the good one."""
FOUND = {
    "no_vehicles": "Nobody passed for a while where many are usual, at",
    "counters_disagree": "Two counters that share no mistake disagree for a while at",
    "flow_balance": "Counts do not fit those of the camera before at",
}
"""Of anomalies that were found and that no verdict tells of a whole day."""


@dataclass(frozen=True, kw_only=True)
class State:
    """A camera on the first page. said: live, frozen, ... where a collector keeps account; newest: hour with frames;
    vehicles: None where none could be counted; quality: its row of data_quality, empty where there is none."""

    camera: Camera
    said: str
    newest: datetime | None
    hours: int
    vehicles: int | None
    quality: dict


@router.get("/")
def home(request: Request, day: str = "", road: str = "", first: int = 0) -> Response:
    """The cameras of a road and a day, and how they do."""
    reading = viewer_of(request).reading
    campaign = reading.campaign()
    if campaign is None or not campaign.cameras:
        return page(request, "empty.html", lake=reading.lake.uri)
    days = sorted({*reading.days("vehicle_counts"), *reading.days("data_quality")})
    calendar, every = calendar_of(campaign), RoadNetwork.of(campaign).roads
    shown = day_named(day) or max(days, default=calendar.day_of(campaign.start))
    chosen = _part(next((each for each in every if each.name == road), every[0]), first)
    today = read_day(reading, calendar, shown, chosen.ids)
    clock = clock_of(request)
    newest = [Partition.camera_hour(each, max(hours)) for each in chosen.ids if (hours := reading.hours("raw_frames", each))]
    reading.look_ahead(("camera_status", newest), ("tracks", newest))
    states = [_state(reading, camera, today) for camera in chosen.cameras]
    return page(
        request,
        "home.html",
        times=today.span,
        day=shown,
        holiday=calendar.holiday(shown),
        days=days,
        roads=every,
        road=chosen,
        first=first,
        step=MAX_CAMERAS,
        total=len(next(each for each in every if each.name == chosen.name).cameras),
        speeds={way: tables.speeds_by_hour(each, today.figures, clock) for way, each in ways(today, chosen).items()},
        lost=tables.lost(today.figures),
        diagrams=diagrams(chosen, today, clock),
        seen=seen(today, clock),
        map=corridor_map(chosen),
        tiles=_on_tiles(chosen, viewer_of(request).settings.tiles),
        states=states,
        report=reading.lake.storage.version(report_key(shown)) is not None,
        news=_news(reading, campaign, states, days, clock),
        doubts=_doubts(reading, today, states),
        known=_known(states),
        journeys=[place.begin for place in reading.partitions("journeys") if shown in calendar.days_of([place.begin])],
    )


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
    return State(
        camera=camera,
        said=said,
        newest=newest,
        hours=len(hours),
        vehicles=today.vehicles.get(camera.id),
        quality=today.quality.get(camera.id, {}),
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
        found.append(Markup("Figures reach to {}, and begin with {}.").format(max(days), min(days)))
    if campaign.end is None:
        found.append(Markup("The campaign is open: hours are added while its cameras are collected."))
    return found


def _hours(count: int) -> str:
    return f"{count:,} {'hour' if count == 1 else 'hours'}"


def _doubts(reading: Reading, today: Day, states: list[State]) -> list[str]:
    """What a reader of the figures would be misled by, in sentences."""
    doubts = [*_of_quality(states), *_of_anomalies(today, states)]
    if bad := [f"{each.camera.id} ({each.said})" for each in states if each.said not in ("", "live")]:
        doubts.append(f"These cameras do not send as they should: {_some(bad)}.")
    doubts += _of_matches(today.times.filter(pc.greater(today.times["vehicles"], 0)).to_pylist())
    waiting = [
        each for each in states if each.newest and not reading.has("tracks", Partition.camera_hour(each.camera.id, each.newest))
    ]
    if waiting:
        doubts.append(f"The newest hour is not worked through: {_some(each.camera.id for each in waiting)}.")
    return doubts


def _known(states: list[State]) -> list[str]:
    """How far each measure is off, where that was measured for the day's models."""
    models = ", ".join(sorted({model for each in states for model in each.quality.get("models", "").split(", ") if model}))
    if not models:
        return []
    said = {mart: sentence(mart, models) for mart in KNOWN}
    return [f"{_listed(mart for mart in KNOWN if said[mart] == each)}: {each}" for each in dict.fromkeys(said.values())]


def _of_quality(states: list[State]) -> Iterator[str]:
    """By the verdict on every camera, and what was left out."""
    judged = [each for each in states if each.quality]
    for verdict, words in VERDICTS.items():
        if found := [each for each in judged if each.quality["verdict"] == verdict]:
            said = _some(f"{each.camera.id} ({each.quality['completeness']:.0%} usable)" for each in found)
            yield f"{words} {said}."
    part = [each for each in judged if each.quality["verdict"] == "good" and each.quality["completeness"] < MIN_OBSERVED]
    if part:
        said = _some(f"{each.camera.id} ({each.quality['completeness']:.0%})" for each in part)
        yield f"Not every quarter of an hour can be used of {said}."
    for each in judged:
        if each.quality["excluded"]:
            yield f"Left out at {each.camera.id}: {each.quality['excluded']}"


def _of_anomalies(today: Day, states: list[State]) -> Iterator[str]:
    """By kind, what was found first at each carriageway; not what the verdict on its camera says already."""
    verdicts = {(each.camera.id, each.quality.get("verdict")) for each in states}
    for kind, words in FOUND.items():
        first: dict[str, str] = {}
        for each in today.figures.tables["anomalies"]:
            camera, side, *_, found = each.of
            if found == kind and (camera, kind) not in verdicts:
                first.setdefault(f"{camera} {side}", f"{camera} {side} ({each.values['note']})")
        if first:
            yield f"{words} {_some(first.values())}."


def _of_matches(times: list[dict]) -> Iterator[str]:
    """times: rows of travel_times that rest on a match."""
    weak = {(row["from_camera_id"], row["to_camera_id"]) for row in times if row["mean_probability"] < DOUBTFUL}
    if weak:
        pairs = _some(f"{one} to {other}" for one, other in sorted(weak))
        yield f"Travel times rest on matches of which half or fewer are probably right: {pairs}."
    if few := sum(row["vehicles"] < FEW for row in times):
        yield f"{few} of {len(times)} travel times rest on fewer than {FEW} vehicles."


def _some(said: Iterable[str]) -> str:
    """The first of them, and how many others."""
    found = list(said)
    return ", ".join(found[:NAMED]) + (f" and {len(found) - NAMED} others" if len(found) > NAMED else "")


def _listed(marts: Iterable[str]) -> str:
    said = ", ".join(mart.replace("_", " ") for mart in marts)
    return said[:1].upper() + said[1:]
