"""A vehicle: its crops, its candidates with their reasons, its journey, and what people say of them."""

from datetime import UTC, datetime

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from cctview_pipeline.analytics.svg import Drawing
from cctview_pipeline.campaign import HOUR, Camera, Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.privacy.tombstones import Tombstones
from cctview_pipeline.roads import Road, RoadNetwork
from cctview_pipeline.viewer.calibration import calibration
from cctview_pipeline.viewer.evidence import bars
from cctview_pipeline.viewer.lines import journey_lines
from cctview_pipeline.viewer.map import corridor_map
from cctview_pipeline.viewer.names import track_named
from cctview_pipeline.viewer.pages.pictures import crop_address
from cctview_pipeline.viewer.reading import NotThere, Reading
from cctview_pipeline.viewer.shared import ask, camera_named, clock_of, hour_named, names_of, page, viewer_of
from cctview_pipeline.viewer.vehicle import Leg, Track, find_track, journey, rankings, went_to
from cctview_pipeline.viewer.verdicts import Verdict, record

router = APIRouter()
TABLES = ("crops", "tracks", "matches", "match_evidence", "journeys", "verdicts")
FORGOTTEN = (
    "There is no vehicle of that name in this hour: it was erased, its tracks' lifetime is over, or the key of its day was "
    "destroyed, after which nobody can tell which vehicle was meant."
)


@router.get("/vehicles/{camera}/{hour}/{name}")
def vehicle(request: Request, camera: str, hour: str, name: str, said: str = "") -> Response:
    """One vehicle: its crops, its candidates at the neighbours, and its journey."""
    viewer, names = viewer_of(request), names_of(request)
    known, when = camera_named(request, camera), hour_named(hour)
    session = ask(request, f"vehicle {name} at {known.id} in {format_hour(when)}, its candidates and its journey", TABLES)
    track, campaign = _track(request, known, when, name), viewer.reading.require()
    _look_ahead(viewer.reading, campaign, track)
    legs = journey(viewer.reading, names, track)
    others = [leg.track for leg in legs if leg.track]
    ranked, went = rankings(viewer.reading, names, track), went_to(viewer.reading, names, campaign, track)
    every = [track, *others, *(c.track for c in [*(c for r in ranked for c in r.candidates), *went] if c.track)]
    pictured = {place for place in {each.partition for each in every} if viewer.reading.has("crops", place)}
    verdicts = _verdicts(request, track)
    road = RoadNetwork.of(campaign).road_past([campaign.camera(leg.camera) for leg in legs] or [known])
    return page(
        request,
        "vehicle.html",
        times=(when, max([when, *(each["said_at"] for each in verdicts)])),
        camera=known,
        hour=when,
        track=track,
        crops=[crop_address(session, track.partition, each) for each in track.crops] if track.partition in pictured else [],
        deleted=None if track.partition in pictured else Tombstones(viewer.reading.lake).get("crops", track.partition),
        rankings=ranked,
        matched=viewer.reading.has("matches", track.partition),
        bars={each.said["gallery_track_id"]: bars(each.evidence) for ranking in ranked for each in ranking.candidates},
        went=went,
        legs=legs,
        strip=journey_lines(road, [legs], clock_of(request)) if len(legs) > 1 else None,
        thumbs={
            each.id: crop_address(session, each.partition, each.row["best_detection_id"])
            for each in every
            if each.partition in pictured
        },
        map=_map(road, legs) if len(legs) > 1 else None,
        calibration=calibration(viewer.reading),
        verdicts=verdicts,
        said=bool(said),
    )


@router.post("/vehicles/{camera}/{hour}/{name}/verdicts")
def say(
    request: Request, camera: str, hour: str, name: str, verdict: str = Form(), candidate: str = Form(""), why: str = Form("")
) -> Response:
    """candidate: a candidate's pseudonym, empty for none of these."""
    viewer, names, known, when = viewer_of(request), names_of(request), camera_named(request, camera), hour_named(hour)
    session = ask(request, f"vehicle {name} at {known.id} in {format_hour(when)}, its candidates and its journey", TABLES)
    track = _track(request, known, when, name)
    offered = {
        each.track.name: each.track.id
        for ranking in rankings(viewer.reading, names, track)
        for each in ranking.candidates
        if each.track and each.track.name
    }
    if verdict != "none" and candidate not in offered:
        raise NotThere("Pick one of the candidates first, or say that none of these is it.")
    try:
        said = Verdict(
            query=track.id,
            gallery=None if verdict == "none" else offered[candidate],
            verdict=verdict,
            said_by=session.user,
            said_at=datetime.now(UTC),
            why=" ".join(why.split()),
        )
    except CctviewError as error:
        raise NotThere(str(error)) from error
    viewer.law.log.append(
        "verdict", f"viewer: {verdict} of {name}", user=session.user, purpose=session.purpose, lake=viewer.reading.lake.uri
    )
    record(viewer.reading.lake, track.partition, said)
    return RedirectResponse(f"/vehicles/{known.id}/{format_hour(when)}/{name}?said=1#said", 303)


def _map(road: Road, legs: list[Leg]) -> Drawing:
    """The journey on the road from its first camera to its last, and one beyond."""
    passed = [leg.camera for leg in legs if leg.camera in road.ids]
    places = sorted(road.ids.index(each) for each in passed)
    return corridor_map(road.part(max(0, places[0] - 1), places[-1] + 2), passed)


def _look_ahead(reading: Reading, campaign: Campaign, track: Track) -> None:
    """At what the page reads: tracks may have begun an hour before or after, and later ones were matched with this one."""
    cameras, hour = (
        [track.camera, *(each.id for each in RoadNetwork.of(campaign).neighbours(track.camera))],
        track.partition.begin,
    )
    before, now, after = ([Partition.camera_hour(each, hour + i * HOUR) for each in cameras] for i in (-1, 0, 1))
    own = [track.partition]
    reading.look_ahead(
        ("tracks", [*before, *now, *after]),
        ("matches", [*now, *after]),
        ("crops", now),
        ("match_evidence", own),
        ("verdicts", own),
    )


def _track(request: Request, camera: Camera, hour: datetime, name: str) -> Track:
    reading, names, partition = viewer_of(request).reading, names_of(request), Partition.camera_hour(camera.id, hour)
    identifier = track_named(reading, names, partition, name)
    track = find_track(reading, names, identifier, partition) if identifier else None
    if track is None:
        raise NotThere(FORGOTTEN)
    return track


def _verdicts(request: Request, track: Track) -> list[dict]:
    """The newest first; gallery: the candidate's pseudonym."""
    names = names_of(request)
    rows = viewer_of(request).reading.table("verdicts", track.partition).to_pylist()
    mine = [row for row in rows if row["query_track_id"] == track.id]
    mine.sort(key=lambda row: row["said_at"], reverse=True)
    return [row | {"name": row["gallery_track_id"] and names(row["gallery_track_id"])} for row in mine]
