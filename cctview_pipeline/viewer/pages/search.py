"""Search by a picture: the tracks of a camera's hour that look most alike, and whether they could have got there."""

import io
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Form, Request, UploadFile
from PIL import Image
from starlette.responses import Response

from cctview_pipeline.campaign import parse_time
from cctview_pipeline.embed import load_extractor
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.columns import embedding_matrix
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.limits import PICTURE_BYTES, PICTURE_PIXELS
from cctview_pipeline.match.gate import admits
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.viewer.names import Names, track_named
from cctview_pipeline.viewer.pages.pictures import crop_address
from cctview_pipeline.viewer.reading import NotThere, Reading
from cctview_pipeline.viewer.sessions import Session
from cctview_pipeline.viewer.shared import ask, camera_named, clock_of, hour_named, names_of, page, viewer_of
from cctview_pipeline.viewer.vehicle import TRACK, Track, find_track

router = APIRouter()
TABLES = ("crops", "features", "tracks")
SHOWN = 24
UNKNOWN = "?"


class BadUpload(NotThere):
    """What was sent is no picture that can be searched with."""


@dataclass(frozen=True)
class Hit:
    """distance: between looks, 0 to 2; possible: whether the gate between the two cameras admits it, None where there is none."""

    track: Track
    distance: float
    src: str
    possible: bool | None


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """Where and when a vehicle was. way: its carriageway, None where it did not move, UNKNOWN where nobody says."""

    camera: str
    first: datetime
    last: datetime
    at: datetime
    way: str | None

    @classmethod
    def of(cls, track: Track) -> "Sighting":
        return cls(
            camera=track.camera,
            first=track.row["first_seen"],
            last=track.row["last_seen"],
            at=track.at,
            way=track.row["carriageway"],
        )


@router.get("/search")
def search(request: Request, camera: str = "", hour: str = "", like: str = "", within: str = "") -> Response:
    """like: a vehicle, as ``camera/hour/pseudonym``; camera, hour: where it is looked for; within: gate, or nothing."""
    if not (camera and hour and like):
        return _form(request, camera, hour, like)
    known, when, names = camera_named(request, camera), hour_named(hour), names_of(request)
    session = ask(request, f"search for {like} at {known.id} in {format_hour(when)}", TABLES)
    reading, track = viewer_of(request).reading, _named(request, names, like)
    place = Partition.camera_hour(known.id, when)
    vector = _looks(request, track, place)
    hits = _ranked(request, session, place, vector, Sighting.of(track), within == "gate", track.id)
    src = crop_address(session, track.partition, track.row["best_detection_id"])
    return _form(request, camera, hour, like, hits=hits, src=src, within=within, searched=_size(reading, place))


@router.post("/search")
def upload(
    request: Request,
    picture: UploadFile,
    camera: str = Form(),
    hour: str = Form(),
    seen_camera: str = Form(""),
    seen_at: str = Form(""),
) -> Response:
    """A picture of one's own. It is looked at in memory, and kept nowhere. seen_camera, seen_at: where and when that was, if only
    what can be the same vehicle is wanted."""
    known, when, seen = camera_named(request, camera), hour_named(hour), _seen(request, seen_camera, seen_at)
    gate = f", seen at {seen.camera} at {seen.at:%Y-%m-%dT%H:%M:%SZ}" if seen else ""
    session = ask(request, f"search for an uploaded picture at {known.id} in {format_hour(when)}{gate}", TABLES)
    return _search_upload(request, session, picture.file.read(int(PICTURE_BYTES.most) + 1), known.id, when, seen)


def _seen(request: Request, camera: str, at: str) -> Sighting | None:
    """What somebody says of where a picture is from; None where nothing was said. Raises NotThere."""
    if not camera and not at.strip():
        return None
    try:
        when = parse_time(at.strip())
    except CctviewError as error:
        raise NotThere(str(error)) from error
    if not camera or when is None:
        raise NotThere("Say both where and when the vehicle was seen, or neither.")
    return Sighting(camera=camera_named(request, camera).id, first=when, last=when, at=when, way=UNKNOWN)


def _search_upload(
    request: Request, session: Session, data: bytes, camera: str, hour: datetime, seen: Sighting | None
) -> Response:
    reading, place = viewer_of(request).reading, Partition.camera_hour(camera, hour)
    image = read_upload(data)
    extractor = load_extractor(reading.require().model("extractor"))
    features = reading.table("features", place)
    if features.num_rows and features["model"][0].as_py() != extractor.version:
        raise BadUpload("This hour's embeddings are of another model than the one in use: make its features again first.")
    if not features.num_rows:
        return _form(request, camera, format_hour(hour), "", hits=[], uploaded=True)
    hits = _ranked(request, session, place, extractor.embed([image])[0], seen, seen is not None)
    return _form(
        request,
        camera,
        format_hour(hour),
        "",
        hits=hits,
        uploaded=True,
        within="gate" if seen else "",
        searched=_size(reading, place),
    )


def read_upload(data: bytes) -> np.ndarray:
    """An uploaded picture as an array. Its size is looked at before it is decoded. Raises BadUpload."""
    PICTURE_BYTES.check(len(data), BadUpload)
    try:
        with Image.open(io.BytesIO(data)) as opened:
            PICTURE_PIXELS.check(opened.width * opened.height, BadUpload)
        return decode(data)
    except BadUpload:
        raise
    except (CctviewError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadUpload("What was sent is no picture that can be read: send a JPEG or PNG of one vehicle.") from error


def _named(request: Request, names: Names, like: str) -> Track:
    parts = like.split("/")
    if len(parts) != 3:
        raise NotThere("A vehicle is named by its camera, hour and pseudonym: open it, and search from there.")
    place = Partition.camera_hour(camera_named(request, parts[0]).id, hour_named(parts[1]))
    reading = viewer_of(request).reading
    identifier = track_named(reading, names, place, parts[2])
    track = find_track(reading, names, identifier, place) if identifier else None
    if track is None:
        raise NotThere("There is no vehicle of that name any more.")
    return track


def _looks(request: Request, track: Track, place: Partition) -> np.ndarray:
    """The mean embedding of a track, to be compared with those of a place."""
    reading = viewer_of(request).reading
    features, there = reading.table("features", track.partition), reading.table("features", place)
    wanted = pa.array(track.row["detection_ids"])
    mine = features.filter(pc.is_in(features["detection_id"], wanted)) if features.num_rows else features
    if not mine.num_rows or not there.num_rows:
        raise NotThere("There are no embeddings to compare: their lifetime is over.")
    return embedding_matrix(mine).mean(0)


def _ranked(
    request: Request,
    session: Session,
    place: Partition,
    vector: np.ndarray,
    seen: Sighting | None,
    gated: bool,
    besides: str = "",
) -> list[Hit]:
    """The tracks of an hour by how far their mean embedding is from a vector, nearest first. seen: where and when the vehicle was
    that is searched for; gated: only what it can be; besides: its own track's id."""
    reading, names = viewer_of(request).reading, names_of(request)
    ids, looks = reading.derived("looks", "features", place, lambda: _track_looks(reading, place))
    if not len(ids):
        return []
    rows = reading.derived("rows", "tracks", place, lambda: _rows(reading, place))
    distances, hits = np.linalg.norm(looks - vector, axis=1), []
    for number in np.argsort(distances, kind="stable"):
        row = rows.get(ids[number])
        if row is None or ids[number] == besides:
            continue
        track = Track(row, place, names(ids[number]))
        possible = _possible(reading, seen, Sighting.of(track))
        if not gated or possible:
            src = crop_address(session, place, row["best_detection_id"])
            hits.append(Hit(track, float(distances[number]), src, possible))
        if len(hits) == SHOWN:
            break
    return hits


def _rows(reading: Reading, place: Partition) -> dict[str, dict]:
    """track_id -> its row."""
    return {row["track_id"]: row for row in reading.table("tracks", place, TRACK).to_pylist()}


def _track_looks(reading: Reading, place: Partition) -> tuple[list[str], np.ndarray]:
    features, tracks = reading.table("features", place), reading.table("tracks", place, ["track_id", "detection_ids"])
    if not features.num_rows or not tracks.num_rows:
        return [], np.zeros((0, 1), np.float32)
    row = {each: i for i, each in enumerate(features["detection_id"].to_pylist())}
    vectors, ids, means = embedding_matrix(features), [], []
    for track, members in zip(tracks["track_id"].to_pylist(), tracks["detection_ids"].to_pylist(), strict=True):
        rows = [row[each] for each in members if each in row]
        if rows:
            ids.append(track)
            means.append(vectors[rows].mean(0))
    return ids, np.array(means)


def _possible(reading: Reading, one: Sighting | None, other: Sighting) -> bool | None:
    """Whether a vehicle can have got from the earlier of two sightings to the later, by the gate of their cameras."""
    if one is None:
        return None
    earlier, later = sorted((one, other), key=lambda seen: seen.at)
    edge = RoadNetwork.of(reading.require()).edge(earlier.camera, later.camera)
    if edge is None:
        return None
    gap = (later.first - earlier.last).total_seconds()
    passing = (later.at - earlier.at).total_seconds()
    this_way = earlier.way in (UNKNOWN, edge.leaves) and later.way in (UNKNOWN, edge.enters)
    return bool(this_way and admits(edge, np.array([gap]), np.array([passing]))[0])


def _size(reading: Reading, place: Partition) -> int:
    return reading.table("tracks", place, ["track_id"]).num_rows


def _form(request: Request, camera: str, hour: str, like: str, **found) -> Response:
    reading = viewer_of(request).reading
    campaign = reading.require()
    usual = {"hits": None, "src": "", "within": "", "uploaded": False, "searched": 0}
    hours = sorted({each for c in campaign.cameras[:40] for each in reading.hours("features", c.id)}, reverse=True)
    return page(
        request,
        "search.html",
        example=clock_of(request).written(campaign.start),
        cameras=campaign.cameras,
        hours=hours,
        chosen=camera,
        hour=hour,
        like=like,
        **(usual | found),
    )
