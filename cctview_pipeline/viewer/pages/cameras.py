"""The cameras, their hours, and one of these: frames with boxes, gaps, and the same moment elsewhere."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from cctview_pipeline.analytics.svg import Drawing
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import Camera, Campaign, floor_hour
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.privacy.tombstones import Tombstones
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.viewer import platoon
from cctview_pipeline.viewer.corridor import of_cameras
from cctview_pipeline.viewer.hour import Frame, Hour, address, boxes, timeline
from cctview_pipeline.viewer.movements import movement_drawings
from cctview_pipeline.viewer.reading import Reading
from cctview_pipeline.viewer.sessions import Session
from cctview_pipeline.viewer.shared import ask, camera_named, clock_of, hour_named, moment_named, names_of, page, viewer_of

router = APIRouter()
ELSEWHERE = 8
"""Cameras beside which the same moment is shown."""


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """Another camera at the same moment, or when the same vehicles pass it. frame: None where it has none then."""

    camera: Camera
    at: datetime
    frame: Frame | None
    src: str
    href: str


@router.get("/cameras")
def every_camera(request: Request) -> Response:
    """All cameras, by road."""
    reading = viewer_of(request).reading
    campaign = reading.require()
    hours = {camera.id: reading.hours("raw_frames", camera.id) for camera in campaign.cameras[:200]}
    return page(request, "cameras.html", roads=RoadNetwork.of(campaign).roads, hours=hours)


@router.get("/cameras/{camera}")
def camera_hours(request: Request, camera: str, near: str = "") -> Response:
    """The hours of a camera; with ``near`` that hour, or the one it has nearest to it."""
    known, reading = camera_named(request, camera), viewer_of(request).reading
    hours = reading.hours("raw_frames", known.id)
    if near and hours:
        wanted = hour_named(near)
        return RedirectResponse(address(known.id, min(hours, key=lambda hour: abs(hour - wanted))), 303)
    tracked = set(reading.hours("tracks", known.id))
    clock = clock_of(request)
    days: dict[date, dict[int, list[datetime]]] = {}
    for hour in hours:
        local = clock.local(hour)
        days.setdefault(local.date(), {}).setdefault(local.hour, []).append(hour)  # two where autumn's change repeats it
    times = (min(hours), max(hours)) if hours else None
    road = RoadNetwork.of(reading.require()).road_of(known.id)
    found = max(reading.hours("camera_flows", known.id), default=None)
    return page(
        request,
        "camera.html",
        times=times,
        camera=known,
        days=days,
        tracked=tracked,
        road=road,
        found=found,
        movements=_movements(reading, known.id, found) if found else [],
    )


def _movements(reading: Reading, camera: str, hour: datetime) -> list[Drawing]:
    place = Partition.camera_hour(camera, hour)
    return movement_drawings(*(reading.table(name, place).to_pylist() for name in ("camera_flows", "movements_seen")))


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The query of an hour's address. at, s: the moment, as a time or as seconds into the hour; time: clock, or platoon; way:
    the platoon's carriageway; show: none without boxes."""

    at: str = ""
    s: str = ""
    time: str = "clock"
    way: str = ""
    show: str = "all"

    def state(self, ways: Collection[str]) -> dict[str, str]:
        """What links keep of it, only what there is. ways: the road's carriageways."""
        return {
            "time": self.time if self.time in ("clock", "platoon") else "clock",
            "way": self.way if self.way in ways else next(iter(ways), ""),
            "show": "none" if self.show == "none" else "all",
        }


@router.get("/cameras/{camera}/{hour}")
def camera_hour(request: Request, camera: str, hour: str, asked: Annotated[Shown, Depends()]) -> Response:
    """An hour of a camera, at a moment."""
    known, when, reading = camera_named(request, camera), hour_named(hour), viewer_of(request).reading
    campaign, place = reading.require(), Partition.camera_hour(camera, when)
    session = ask(request, f"camera {camera}, hour {format_hour(when)}, and the same moment at its neighbours")
    road = RoadNetwork.of(campaign).road_of(known.id)
    ways = road.carriageways
    reading.look_ahead(*((table, [place]) for table in ("raw_frames", "detections", "tracks", "gaps")))
    found = Hour.read(reading, camera, when)
    state = asked.state(ways)
    link = _link(known.id, when, state)
    shown = partial(
        page,
        request,
        times=(when, when),
        camera=known,
        hour=when,
        road=road,
        ways=ways,
        state=state,
        link=link,
        earlier=_near(reading, known.id, when, -1),
        later=_near(reading, known.id, when, 1),
    )
    if not found.frames:
        deleted = Tombstones(reading.lake).get("raw_frames", place)
        tracks = reading.table("tracks", place, ["track_id"]).num_rows
        return shown("gone.html", 200 if deleted else 404, deleted=deleted, tracks=tracks)
    number = found.place(moment_named(asked.at or asked.s, when) or found.frames[0].at)
    frame = found.frames[number]
    return shown(
        "hour.html",
        frame=frame,
        number=number,
        count=len(found.frames),
        seconds=(frame.at - when).total_seconds(),
        src=_picture(session, known.id, when, frame),
        boxes=boxes(reading, names_of(request), place, frame, reading.threshold()),
        steps=_steps(found, number),
        elsewhere=_elsewhere(reading, session, campaign, known, frame.at, state, when),
        timeline=timeline(found, reading, frame.at, link, clock_of(request)),
        gaps=found.gaps(reading),
    )


def _link(camera: str, hour: datetime, state: dict[str, str]) -> str:
    """An address of the hour to which ``at=`` is added."""
    usual = {"time": "clock", "show": "all"}
    kept = "".join(f"{key}={value}&" for key, value in state.items() if value and usual.get(key) != value)
    return f"{address(camera, hour)}?{kept}"


def _picture(session: Session, camera: str, hour: datetime, frame: Frame) -> str:
    path = f"{address(camera, hour)}/frames/{frame.id}.jpeg"
    return f"{path}?k={session.sign(path)}"


def _steps(hour: Hour, number: int) -> dict[str, datetime | None]:
    """Where keys lead: a frame, and ten seconds, to either side; None beyond the hour's ends."""
    at, last, ten = hour.frames[number].at, len(hour.frames) - 1, timedelta(seconds=10)
    places = {"prev": number - 1, "next": number + 1, "back": hour.place(at - ten), "on": hour.place(at + ten)}
    return {name: hour.frames[place].at if 0 <= place <= last and place != number else None for name, place in places.items()}


def _near(reading: Reading, camera: str, hour: datetime, side: int) -> datetime | None:
    """The hour before or after that has frames."""
    others = [each for each in reading.hours("raw_frames", camera) if (each - hour) * side > timedelta()]
    return (max if side < 0 else min)(others, default=None)


def _elsewhere(
    reading: Reading, session: Session, campaign: Campaign, camera: Camera, at: datetime, state: dict[str, str], hour: datetime
) -> list[Elsewhere]:
    road = RoadNetwork.of(campaign).road_of(camera.id)
    place = road.ids.index(camera.id)
    first = max(0, min(place - ELSEWHERE // 2, len(road.cameras) - ELSEWHERE))
    cameras = road.cameras[first : first + ELSEWHERE]
    shifts = {}
    if state["time"] == "platoon":
        times = reading.table("travel_times", Partition.of_day(calendar_of(campaign).day_of(at)))
        shifts = platoon.shifts(road, state["way"], camera.id, at, of_cameras(times, "from_camera_id", road.ids).to_pylist())
    moments = {each.id: at + shifts.get(each.id, timedelta()) for each in cameras}
    reading.look_ahead(("raw_frames", {Partition.camera_hour(each, floor_hour(when)) for each, when in moments.items()}))
    found = []
    for each in cameras:
        moment, there = moments[each.id], floor_hour(moments[each.id])
        frame = Hour.read(reading, each.id, there).nearest(moment)
        src = _picture(session, each.id, there, frame) if frame else ""
        href = f"{_link(each.id, there, state)}at={moment:%H:%M:%S}"
        found.append(Elsewhere(camera=each, at=moment, frame=frame, src=src, href=href))
    return found
