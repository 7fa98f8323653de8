"""From the spool to the lake: which hours can be sealed, and which segments the lake no longer needs.

Sealing is the lake's own raw_frames run, which adds frames and takes none away: run twice or cut short, it ends the same. A
segment is deleted only when each of its frames has been found in the lake, and each of its notes in an hour that is accounted
for. One that holds something that could not be read is set aside then, and not deleted.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import is_over
from cctview_pipeline.ids import FrameId
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.spool.segments import Segment, contents, frame_rows, microseconds, utc
from cctview_pipeline.spool.store import SegmentStore

_HOUR_US = timedelta(hours=1) // timedelta(microseconds=1)


def sealable(spool: SegmentStore, now: datetime) -> dict[datetime, list[str]]:
    """Hours that are over and written down, with the cameras that have frames or notes in the spool."""
    spool.close_left_behind()
    written = spool.written_hours()
    found: dict[datetime, list[str]] = defaultdict(list)
    rows = contents(spool.segments())
    pairs = pa.table({"hour": _hours(rows), "camera": rows["camera_id"]}).group_by(["hour", "camera"]).aggregate([]).to_pydict()
    for hour, camera in zip(pairs["hour"], pairs["camera"], strict=True):
        if camera:
            found[utc(hour * _HOUR_US)].append(camera)
    over = (hour for hour in found if is_over(hour, now) and not any(open_hour <= hour for open_hour in written))
    return {hour: sorted(found[hour]) for hour in sorted(over)}


def release(spool: SegmentStore, lake: Lake, cameras: set[str], now: datetime) -> list[Segment]:
    """Delete the segments whose frames and notes are all in the lake; returns what went, damaged ones by their new names.

    cameras: the campaign's. A segment that holds frames of others stays: they have no other place.
    """
    held = _Held(lake)
    found = spool.segments()
    spool.indexes(found)
    return spool.for_each(_gone, [segment for segment in found if _is_held(segment, held, cameras, now)])


def _is_held(segment: Segment, held: "_Held", cameras: set[str], now: datetime) -> bool:
    rows = segment.index()
    hours = [utc(hour * _HOUR_US) for hour in pc.unique(_hours(rows)).to_pylist()]
    if not all(is_over(hour, now) for hour in hours):
        return False
    # Of every camera: what the collector notes of itself tells of those that sent nothing, too.
    accounted = all(held.accounts(camera, hour) for hour in hours for camera in cameras)
    return accounted and all(held.frames(*place, frames) for place, frames in _frames(rows))


def _gone(segment: Segment) -> Segment:
    if segment.unread_bytes():
        return segment.set_aside()
    segment.delete()
    return segment


def strangers(spool: SegmentStore, cameras: set[str]) -> list[str]:
    """Cameras that have frames in the spool and are not among the campaign's: nothing brings them to the lake."""
    found = frame_rows(contents(spool.segments()))["camera_id"].unique().to_pylist()
    return sorted(set(found) - cameras)


class _Held:
    """What the lake has, read once a camera and hour."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._known: dict[Partition, np.ndarray] = {}
        self._accounts: dict[tuple[str, datetime], bool] = {}

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


def _frames(rows: pa.Table) -> Iterator[tuple[tuple[str, datetime], np.ndarray]]:
    """Camera and hour, and when the frames that a segment has of them were taken, in milliseconds since 1970."""
    rows = frame_rows(rows)
    table = pa.table({"camera": rows["camera_id"], "hour": _hours(rows), "at": pc.divide(rows["captured_us"], 1000)})
    grouped = table.group_by(["camera", "hour"]).aggregate([("at", "list")]).to_pydict()
    for camera, hour, at in zip(grouped["camera"], grouped["hour"], grouped["at_list"], strict=True):
        yield (camera, utc(hour * _HOUR_US)), np.array(at, np.int64)


def _hours(rows: pa.Table) -> pa.ChunkedArray:
    """Since 1970."""
    return pc.divide(rows["captured_us"], _HOUR_US)
