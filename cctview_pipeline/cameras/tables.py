"""From a network's camera-hour to the lake's tables, so that a run adds frames and never takes one away."""

import hashlib

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.frames import CameraHour
from cctview_pipeline.lake.schemas import schema_of


def frames_table(hour: CameraHour, network: str) -> pa.Table:
    """raw_frames of one camera-hour, in order of capture."""
    frames = hour.frames
    columns = {
        name: [getattr(frame, name) for frame in frames] for name in ("frame_id", "camera_id", "captured_at", "fetched_at")
    }
    columns |= {name: [getattr(frame, name) for frame in frames] for name in ("jpeg", "width", "height", "masked_by", "filled")}
    columns["sha256"] = [hashlib.sha256(frame.jpeg).hexdigest() for frame in frames]
    columns["network"] = [network] * len(frames)
    return pa.table(columns, schema_of("raw_frames"))


def rejected_table(hour: CameraHour) -> pa.Table:
    """rejected_frames of one camera-hour, by name."""
    names = schema_of("rejected_frames").names
    return pa.Table.from_pylist(
        [{name: getattr(row, name) for name in names} for row in hour.rejected], schema_of("rejected_frames")
    )


def merge_frames(stored: pa.Table, found: pa.Table) -> pa.Table:
    """What is found now, and what was stored before and is not found any more."""
    gone = stored.filter(pc.invert(pc.is_in(stored["frame_id"], found["frame_id"].combine_chunks())))
    if not gone.num_rows:
        return found
    return pa.concat_tables([gone, found]).sort_by([("captured_at", "ascending"), ("frame_id", "ascending")])


def merge_rejected(stored: pa.Table, found: pa.Table, frames: pa.Table) -> pa.Table:
    """The same for rejected frames, less those that have since come whole."""
    whole = pc.is_in(_frame_ids(stored["name"]), frames["frame_id"].combine_chunks())
    again = pc.is_in(stored["name"], found["name"].combine_chunks())
    gone = stored.filter(pc.invert(pc.or_(whole, again)))
    return pa.concat_tables([gone, found]).sort_by("name")


def _frame_ids(names: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(names, r"--original\.(?i:jpe?g)$", "")
