"""From the spool to the lake: which hours can be sealed, and which segments the lake no longer needs.

Sealing is the lake's own raw_frames run, which adds frames and takes none away: run twice or cut short, it ends the same. A
segment is deleted only when each of its frames has been found in the lake, and each of its notes in an hour that is accounted
for.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from cctview_pipeline.cameras.spooled import places_in
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.collect.spool import Kind, Place, close_left_behind, segments, utc, written_hours
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
        for place in places_in(segment):
            if place.camera_id:
                found[_hour(place)].add(place.camera_id)
    over = (hour for hour in found if hour + HOUR + GRACE <= now and not any(open_hour <= hour for open_hour in written))
    return {hour: sorted(found[hour]) for hour in sorted(over)}


def release(spool: Path, lake: Lake, cameras: set[str], now: datetime) -> list[Path]:
    """Delete the segments whose frames and notes are all in the lake; returns what went.

    cameras: the campaign's. Frames of others are nobody's, and their hour's turn to go is everybody's.
    """
    held = _Held(lake)
    gone = []
    for segment in segments(spool):
        hours = {_hour(place) for place in places_in(segment)}
        places = [place for place in places_in(segment) if place.camera_id in cameras or not place.camera_id]
        if any(hour + HOUR + GRACE > now for hour in hours):
            continue
        if all(held.frames(camera, hour, times) for (camera, hour), times in _times(places).items()) and all(
            # Of every camera: what the collector notes of itself tells of those that sent nothing, too.
            lake.has("gaps", Partition.camera_hour(camera, hour))
            for hour in hours
            for camera in cameras
        ):
            segment.unlink()
            places_in.cache_clear()
            gone.append(segment)
    return gone


class _Held:
    """Which frames the lake has, read once a camera and hour."""

    def __init__(self, lake: Lake) -> None:
        self._lake, self._known = lake, {}

    def frames(self, camera: str, hour: datetime, milliseconds: np.ndarray) -> bool:
        partition = Partition.camera_hour(camera, hour)
        if partition not in self._known:
            stored = self._lake.read("raw_frames", partition, ["frame_id"])["frame_id"]
            rejected = self._lake.read("rejected_frames", partition, ["name"])["name"]
            ids = pa.chunked_array([*stored.chunks, *rejected.chunks], pa.string())
            self._known[partition] = np.array([_milliseconds(FrameId.parse(i).time) for i in ids.to_pylist()], np.int64)
        return bool(np.isin(milliseconds, self._known[partition]).all())


def _times(places: list[Place]) -> dict[tuple[str, datetime], np.ndarray]:
    times: dict[tuple[str, datetime], list[int]] = defaultdict(list)
    for place in places:
        if place.kind == Kind.FRAME:
            times[place.camera_id, _hour(place)].append(place.captured_us // 1000)
    return {key: np.array(values) for key, values in times.items()}


def _hour(place: Place) -> datetime:
    return floor_hour(utc(place.captured_us))


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
