"""What live cameras sent, read from the collectors' spool as any other network is read from its source."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cctview_pipeline.cameras.live import LiveCamera
from cctview_pipeline.cameras.network import CameraHour, Frame, Rejected
from cctview_pipeline.cameras.snapshots import read_list, write_list
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.collect.spool import Kind, Place, Record, index, read_at, segments, utc
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images import decode

CAMERAS = "cameras.json"
"""In a spool's directory: what the network said of the cameras that were collected into it."""
NEAR = timedelta(seconds=10)
"""Before an hour, within which a frame may be that of which one in the hour is a copy: a collector that begins anew fetches the
picture that it fetched last once more."""


class SpoolNetwork:
    """Frames of live cameras that are on this machine's disk. name: the live network's; spool: all shards' directory."""

    def __init__(self, name: str, spool: Path) -> None:
        self.name, self.spool = name, spool

    def cameras(self) -> list[str]:
        return sorted({place.camera_id for place in self._frames(segments(self.spool))})

    def described(self) -> dict[str, LiveCamera]:
        """Camera id -> what the network said of it when it was collected."""
        path = self.spool / CAMERAS
        return {camera.id: camera for camera in read_list(path)} if path.exists() else {}

    def hours(self, camera_id: str) -> list[datetime]:
        times = {utc(place.captured_us) for place in self._frames(segments(self.spool)) if place.camera_id == camera_id}
        return sorted({floor_hour(time) for time in times})

    def read_hour(self, camera_id: str, hour: datetime) -> CameraHour:
        """Only segments that nobody writes to any more are read: what comes later is added by the next run."""
        begin, first = hour - NEAR, hour
        # A camera's clock may be off by minutes, so an hour's frames may have been fetched in its neighbours.
        near = segments(self.spool, (hour - HOUR, hour, hour + HOUR))
        places = [p for p in self._frames(near) if p.camera_id == camera_id and begin <= utc(p.captured_us) < hour + HOUR]
        frames, rejected, seen = [], [], {}
        for record in read_at(sorted(places, key=lambda p: (p.captured_us, p.fetched_us))):
            found = _examine(record, seen)
            time = found.captured_at if isinstance(found, Frame) else utc(record.captured_us)
            if time >= first:
                (frames if isinstance(found, Frame) else rejected).append(found)
        return CameraHour(frames, rejected)

    def _frames(self, among: list[Path]) -> Iterator[Place]:
        return (place for segment in among for place in places_in(segment) if place.kind == Kind.FRAME)


def describe(spool: Path, cameras: Sequence[LiveCamera]) -> None:
    """Note in a spool's directory what the network says of cameras that are about to be collected into it."""
    write_list(spool / CAMERAS, list((SpoolNetwork("", spool).described() | {camera.id: camera for camera in cameras}).values()))


@lru_cache(maxsize=2048)
def places_in(segment: Path) -> list[Place]:
    """What a closed segment holds; read once a process."""
    return index(segment)


def frame_id(camera_id: str, captured_us: int) -> str:
    return str(FrameId(camera_id, utc(captured_us)))


def _examine(record: Record, seen: dict[str, str]) -> Frame | Rejected:
    name, digest = frame_id(record.camera_id, record.captured_us), hashlib.sha256(record.payload).hexdigest()
    fetched = utc(record.fetched_us)
    for key in (name, digest):
        if key in seen:
            return Rejected(name, "duplicate", f"It is the same as {seen[key]}.", digest, fetched)
    try:
        height, width = decode(record.payload).shape[:2]
    except CctviewError as error:
        return Rejected(name, "truncated" if "truncated" in str(error) else "undecodable", str(error), digest, fetched)
    seen[name] = seen[digest] = name
    return Frame(name, record.camera_id, utc(record.captured_us), fetched, record.payload, width, height)
