"""What live cameras sent, read from the collectors' spool as any other network is read from its source."""

import hashlib
import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import pyarrow.compute as pc

from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.cameras.networks.generic import Source
from cctview_pipeline.cameras.snapshots import list_of, write_list
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.documents import parse_json
from cctview_pipeline.errors import CctviewError, ConfigurationError, printable
from cctview_pipeline.files import write_whole
from cctview_pipeline.frames import CameraHour, Frame, Rejected
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images import BadPicture
from cctview_pipeline.images.jpeg import read_whole
from cctview_pipeline.redaction.masking import Refused
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Record
from cctview_pipeline.spool.segments import contents, frame_rows, microseconds, read_rows, utc
from cctview_pipeline.spool.store import SegmentStore

CAMERAS = "cameras.json"
"""In a spool: what the network said of the cameras that were collected into it."""
SOURCE = "source.json"
"""Beside it: what describes a generic network."""
_log = logging.getLogger(__name__)
NEAR = timedelta(seconds=10)
"""Before an hour, within which a frame may be that of which one in the hour is a copy: a collector that begins anew fetches the
picture that it fetched last once more."""


class SpoolNetwork:
    """Frames of live cameras that the lake may not have yet. name: the live network's; spool: of all shards."""

    def __init__(self, name: str, spool: SegmentStore) -> None:
        self.name, self.spool = name, spool

    def cameras(self) -> list[str]:
        return sorted(frame_rows(contents(self.spool.segments()))["camera_id"].unique().to_pylist())

    def described(self) -> dict[str, LiveCamera]:
        """Camera id -> what the network said of it when it was collected. A file that is damaged says nothing."""
        found: dict[str, LiveCamera] = {}
        for where, content in self.spool.notes(CAMERAS):
            try:
                found |= {camera.id: camera for camera in list_of(content, where)}
            except CctviewError:
                _log.warning("%s does not say where cameras are: it is written anew when they are collected again.", where)
        return found

    def hours(self, camera_id: str) -> list[datetime]:
        found = frame_rows(contents(self.spool.segments()))
        times = found.filter(pc.equal(found["camera_id"], camera_id))["captured_us"]
        return sorted({floor_hour(utc(time)) for time in times.to_pylist()})

    def read_hour(self, camera_id: str, hour: datetime) -> CameraHour:
        """Only segments that nobody writes to any more are read: what comes later is added by the next run."""
        # A camera's clock may be off by minutes, so an hour's frames may have been fetched in its neighbours.
        near = self.spool.segments((hour - HOUR, hour, hour + HOUR))
        rows = contents(near)
        rows = frame_rows(rows.filter(pc.equal(rows["camera_id"], camera_id)))
        first, last = microseconds(hour - NEAR), microseconds(hour + HOUR)
        rows = rows.filter(pc.and_(pc.greater_equal(rows["captured_us"], first), pc.less(rows["captured_us"], last)))
        rows = rows.sort_by([("captured_us", "ascending"), ("fetched_us", "ascending")])
        frames: list[Frame] = []
        rejected: list[Rejected] = []
        seen: dict[str, str] = {}
        for record in read_rows(near, rows):
            found = _examine(record, seen)
            if utc(record.captured_us) < hour:
                continue
            if isinstance(found, Frame):
                frames.append(found)
            else:
                rejected.append(found)
        return CameraHour(frames, rejected)


def describe(spool: SpoolFolder, cameras: Sequence[LiveCamera]) -> None:
    """Note in a spool's folder what the network says of cameras that are about to be collected into it.

    Raises OSError where the disk does not take it, unless there is an older note of each of them, which will do.
    """
    known = SpoolNetwork("", spool).described()
    now = known | {camera.id: camera for camera in cameras}
    try:
        if now != known:
            write_list(spool.directory / CAMERAS, list(now.values()))
    except OSError:
        if now.keys() != known.keys():
            raise


def keep_source(spool: SpoolFolder, source: Source) -> None:
    """Note what describes a generic network beside what is collected from it. Raises ConfigurationError where another's is."""
    known = kept_source(spool)
    if known and known.list != source.list:
        raise ConfigurationError(
            f"{spool} holds what was collected by the list {printable(known.list)}: give this one another with --spool."
        )
    if known != source:
        spool.directory.mkdir(parents=True, exist_ok=True)
        write_whole(spool.directory / SOURCE, (json.dumps(source.as_dict(), indent=1) + "\n").encode())


def kept_source(spool: SegmentStore) -> Source | None:
    """What keep_source noted. Raises ConfigurationError for a note that is none."""
    for where, content in spool.notes(SOURCE):
        return Source.read(parse_json(content, where), where, "its head")
    return None


_NOTHING_KEPT = "Nothing of it was kept: it could not be masked, or the spool was damaged since."


def frame_id(camera_id: str, captured_us: int) -> str:
    """Of a frame that a collector took, by its camera and UTC microseconds since 1970."""
    return str(FrameId(camera_id, utc(captured_us)))


def _examine(record: Record, seen: dict[str, str]) -> Frame | Rejected:
    name, digest = frame_id(record.camera_id, record.captured_us), hashlib.sha256(record.payload).hexdigest()
    fetched = utc(record.fetched_us)
    if not record.payload:
        return Rejected(name=name, reason="undecodable", detail=_NOTHING_KEPT, sha256=digest, fetched_at=fetched)
    if refused := Refused.from_json(record.payload):
        return Rejected(name=name, reason=refused.reason, detail=refused.detail, sha256=refused.sha256, fetched_at=fetched)
    if digest in seen:
        return Rejected(
            name=name, reason="duplicate", detail=f"It is the same as {seen[digest]}.", sha256=digest, fetched_at=fetched
        )
    if name in seen:
        what = "It has the time of another picture, to the millisecond, and other bytes."
        return Rejected(name=name, reason="duplicate", detail=what, sha256=digest, fetched_at=fetched)
    try:
        picture = read_whole(record.payload)
    except BadPicture as error:
        return Rejected(name=name, reason=error.reason, detail=str(error), sha256=digest, fetched_at=fetched)
    except Exception as error:  # other people's bytes meet a decoder
        what = f"A decoder stumbled over it unexpectedly ({type(error).__name__})."
        return Rejected(name=name, reason="undecodable", detail=what, sha256=digest, fetched_at=fetched)
    seen[name] = seen[digest] = name
    return Frame(
        frame_id=name,
        camera_id=record.camera_id,
        captured_at=utc(record.captured_us),
        fetched_at=fetched,
        jpeg=record.payload,
        width=picture.width,
        height=picture.height,
    )
