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

from cctview_pipeline.embed import load_extractor
from cctview_pipeline.embed.tables import embedding_matrix
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.limits import PICTURE_BYTES, PICTURE_PIXELS
from cctview_pipeline.match.gate import edges_into
from cctview_pipeline.privacy.rotation import in_period, period_of
from cctview_pipeline.viewer.names import Names, track_named
from cctview_pipeline.viewer.pages.pictures import crop_address
from cctview_pipeline.viewer.reading import NotThere, Reading
from cctview_pipeline.viewer.sessions import Session
from cctview_pipeline.viewer.shared import ask, camera_named, hour_named, names_of, page, viewer_of
from cctview_pipeline.viewer.vehicle import Track, find_track

router = APIRouter()
TABLES = ("crops", "features", "tracks")
SHOWN = 24


class BadUpload(NotThere):
    """What was sent is no picture that can be searched with."""


@dataclass(frozen=True)
class Hit:
    """distance: between looks, 0 to 2; possible: whether the gate between the two cameras admits it, None where there is none."""

    track: Track
    distance: float
    src: str
    possible: bool | None


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
    hits = _ranked(request, session, names, place, vector, track)
    if within == "gate":
        hits = [hit for hit in hits if hit.possible]
    src = crop_address(session, track.partition, track.row["best_detection_id"])
    return _form(request, camera, hour, like, hits=hits[:SHOWN], src=src, within=within, searched=_size(reading, place))


@router.post("/search")
def upload(request: Request, picture: UploadFile, camera: str = Form(), hour: str = Form()) -> Response:
    """A picture of one's own. It is looked at in memory, and kept nowhere."""
    known, when = camera_named(request, camera), hour_named(hour)
    session = ask(request, f"search for an uploaded picture at {known.id} in {format_hour(when)}", TABLES)
    return _search_upload(request, session, picture.file.read(int(PICTURE_BYTES.most) + 1), known.id, when)


def _search_upload(request: Request, session: Session, data: bytes, camera: str, hour: datetime) -> Response:
    reading, place, names = viewer_of(request).reading, Partition.camera_hour(camera, hour), names_of(request)
    image = read_upload(data)
    extractor = load_extractor(reading.require().model("extractor"))
    features = reading.table("features", place)
    if features.num_rows and features["model"][0].as_py() != extractor.version:
        raise BadUpload("This hour's embeddings are of another model than the one in use: make its features again first.")
    if not features.num_rows:
        return _form(request, camera, format_hour(hour), "", hits=[], uploaded=True)
    columns = {"detection_id": ["upload"], "embedding": _list(extractor.embed([image])[0], features)}
    mine = pa.table(columns | {"model": [extractor.version], "period": [""]})
    moved = in_period(mine, period_of(features), viewer_of(request).keys)
    if not moved.num_rows:
        raise BadUpload("The key of this day was destroyed: nothing can be compared with its vehicles any more.")
    hits = _ranked(request, session, names, place, embedding_matrix(moved)[0], None)
    return _form(request, camera, format_hour(hour), "", hits=hits[:SHOWN], uploaded=True, searched=_size(reading, place))


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


def _list(vector: np.ndarray, features: pa.Table) -> pa.Array:
    kind = features.schema.field("embedding").type
    return pa.FixedSizeListArray.from_arrays(pa.array(vector.astype(np.float16), pa.float16()), type=kind)


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
    """The mean embedding of a track, turned into the period of the hour that is searched."""
    reading = viewer_of(request).reading
    features, there = reading.table("features", track.partition), reading.table("features", place)
    wanted = pa.array(track.row["detection_ids"])
    mine = features.filter(pc.is_in(features["detection_id"], wanted)) if features.num_rows else features
    moved = in_period(mine, period_of(there), viewer_of(request).keys) if mine.num_rows and there.num_rows else mine
    if not moved.num_rows or not there.num_rows:
        raise NotThere("There are no embeddings to compare: their lifetime is over, or the key of one of the days was destroyed.")
    return embedding_matrix(moved).mean(0)


def _ranked(
    request: Request, session: Session, names: Names, place: Partition, vector: np.ndarray, track: Track | None
) -> list[Hit]:
    """The tracks of an hour by how far their mean embedding is from a vector, nearest first."""
    reading = viewer_of(request).reading
    ids, looks = reading.derived("looks", "features", place, lambda: _track_looks(reading, place))
    if not len(ids):
        return []
    distances = np.linalg.norm(looks - vector, axis=1)
    hits = []
    for row in np.argsort(distances, kind="stable")[: 3 * SHOWN]:
        found = find_track(reading, names, ids[row], place)
        if found and (track is None or found.id != track.id):
            src = crop_address(session, place, found.row["best_detection_id"])
            hits.append(Hit(found, float(distances[row]), src, _possible(reading, track, found)))
    return hits


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


def _possible(reading: Reading, one: Track | None, other: Track) -> bool | None:
    """Whether a vehicle can have got from the earlier of two tracks to the later, by the gate of their cameras."""
    if one is None:
        return None
    earlier, later = sorted((one, other), key=lambda track: track.at)
    edges = edges_into(reading.require(), later.camera)
    edge = next((each for each in edges if each.source.id == earlier.camera), None)
    if edge is None:
        return None
    gap = (later.row["first_seen"] - earlier.row["last_seen"]).total_seconds()
    passing = (later.at - earlier.at).total_seconds()
    same_way = later.row["carriageway"] == earlier.row["carriageway"] == edge.carriageway
    return bool(same_way and edge.admits(np.array([gap]), np.array([passing]))[0])


def _size(reading: Reading, place: Partition) -> int:
    return reading.table("tracks", place, ["track_id"]).num_rows


def _form(request: Request, camera: str, hour: str, like: str, **found) -> Response:
    reading = viewer_of(request).reading
    campaign = reading.require()
    usual = {"hits": None, "src": "", "within": "", "uploaded": False, "searched": 0}
    hours = sorted({format_hour(each) for c in campaign.cameras[:40] for each in reading.hours("features", c.id)})
    return page(
        request, "search.html", cameras=campaign.cameras, hours=hours, chosen=camera, hour=hour, like=like, **(usual | found)
    )
