"""From the spool to the lake: which hours can be sealed, and which segments the lake no longer needs.

Sealing is the lake's own raw_frames run, which adds frames and takes none away: run twice or cut short, it ends the same. A
segment is deleted only when each of its frames has been found in the lake, and each of its notes in an hour that is accounted
for.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import HOUR
from cctview_pipeline.collect.spool import Kind, close_left_behind, delete, index, microseconds, segments, utc, written_hours
from cctview_pipeline.ids import FrameId
from cctview_pipeline.lake import Lake, Partition

GRACE = timedelta(minutes=1)
"""After an hour's end, until when its last frames may still be on their way."""


def sealable(spool: Path, now: datetime) -> dict[datetime, list[str]]:
    """Hours that are over and written down, with the cameras that have frames or notes in the spool."""
    close_left_behind(spool)
    written = written_hours(spool)
    found: dict[datetime, set[str]] = defaultdict(set)
    for segment in segments(spool):
        for (camera, hour), _ in _camera_hours(index(segment)):
            if camera:
                found[hour].add(camera)
    over = (hour for hour in found if hour + HOUR + GRACE <= now and not any(open_hour <= hour for open_hour in written))
    return {hour: sorted(found[hour]) for hour in sorted(over)}


def release(spool: Path, lake: Lake, cameras: set[str], now: datetime) -> list[Path]:
    """Delete the segments whose frames and notes are all in the lake; returns what went.

    cameras: the campaign's. A segment that holds frames of others stays: they have no other place.
    """
    held = _Held(lake)
    gone = []
    for segment in segments(spool):
        places = list(_camera_hours(index(segment)))
        hours = {hour for (_, hour), _ in places}
        if any(hour + HOUR + GRACE > now for hour in hours):
            continue
        # Of every camera: what the collector notes of itself tells of those that sent nothing, too.
        accounted = all(held.accounts(camera, hour) for hour in hours for camera in cameras)
        if accounted and all(held.frames(camera, hour, frames) for (camera, hour), frames in places if len(frames)):
            delete(segment)
            gone.append(segment)
    return gone


def strangers(spool: Path, cameras: set[str]) -> list[str]:
    """Cameras that have frames in the spool and are not among the campaign's: nothing brings them to the lake."""
    found = set()
    for segment in segments(spool):
        found |= {camera for (camera, _), frames in _camera_hours(index(segment)) if len(frames)}
    return sorted(found - cameras)


class _Held:
    """What the lake has, read once a camera and hour."""

    def __init__(self, lake: Lake) -> None:
        self._lake, self._known, self._accounts = lake, {}, {}

    def accounts(self, camera: str, hour: datetime) -> bool:
        if (camera, hour) not in self._accounts:
            self._accounts[camera, hour] = self._lake.has("gaps", Partition.camera_hour(camera, hour))
        return self._accounts[camera, hour]

    def frames(self, camera: str, hour: datetime, milliseconds: np.ndarray) -> bool:
        partition = Partition.camera_hour(camera, hour)
        if partition not in self._known:
            stored = self._lake.read("raw_frames", partition, ["frame_id"])["frame_id"]
            rejected = self._lake.read("rejected_frames", partition, ["name"])["name"]
            ids = pa.chunked_array([*stored.chunks, *rejected.chunks], pa.string())
            self._known[partition] = np.array([microseconds(FrameId.parse(i).time) // 1000 for i in ids.to_pylist()], np.int64)
        return bool(np.isin(milliseconds, self._known[partition]).all())


def _camera_hours(rows: pa.Table) -> Iterator[tuple[tuple[str, datetime], np.ndarray]]:
    """What a segment has: camera, empty for the collector's own notes, and hour, with the frames' milliseconds since 1970."""
    hours = pc.divide(rows["captured_us"], HOUR // timedelta(microseconds=1))
    frames = pc.if_else(pc.equal(rows["kind"], Kind.FRAME), pc.divide(rows["captured_us"], 1000), None)
    table = pa.table({"camera_id": rows["camera_id"], "hour": hours, "frame": frames})
    grouped = table.group_by(["camera_id", "hour"]).aggregate([("frame", "list")])
    for camera, hour, found in zip(*(grouped[n].to_pylist() for n in ("camera_id", "hour", "frame_list")), strict=True):
        milliseconds = np.array([each for each in found if each is not None], np.int64)
        yield (camera, utc(hour * (HOUR // timedelta(microseconds=1)))), milliseconds
