"""camera_status and gaps of one camera-hour, as the lake's tables."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import HOUR
from cctview_pipeline.collect.accounts import NOT_COLLECTED, Interval, Note, gaps, states
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.spool.segments import Kind, contents, microseconds, read_rows, segments, utc


def status_table(spool: Path, camera_id: str, hour: datetime, stored: pa.Table) -> pa.Table:
    """What the spool tells of a camera's hour. stored: what it told before: kept where its segments have gone since."""
    begin, end = microseconds(hour), microseconds(hour + HOUR)
    found = states(camera_id, _notes(spool, camera_id, hour), begin, end)
    if stored.num_rows and all(stretch.what == NOT_COLLECTED for stretch in found):
        return stored
    rows = [_row(camera_id, "state", stretch) for stretch in found]
    return pa.Table.from_pylist(rows, schema_of("camera_status"))


def gaps_table(
    status: pa.Table, frames: pa.Table, before: pa.Table, camera_id: str, hour: datetime, rejected: pa.Table | None = None
) -> pa.Table:
    """status: camera_status of the hour; frames, before: raw_frames of it and of the hour before, with captured_at; rejected:
    rejected_frames of the hour."""
    told = [
        Interval(row["state"], microseconds(row["began_at"]), microseconds(row["ended_at"]), row["detail"])
        for row in status.sort_by("began_at").to_pylist()
    ]
    taken = sorted(frames["captured_at"].cast(pa.int64()).to_pylist())
    last = pc.max(before["captured_at"].cast(pa.int64())).as_py() if before.num_rows else None
    rows = rejected.select(["fetched_at", "reason"]).to_pylist() if rejected is not None else []
    aside = {microseconds(row["fetched_at"]): row["reason"] for row in rows if row["fetched_at"]}
    found = gaps(taken, told, microseconds(hour), microseconds(hour + HOUR), last, aside)
    return pa.Table.from_pylist([_row(camera_id, "reason", stretch) for stretch in found], schema_of("gaps"))


def _notes(spool: Path, camera_id: str, hour: datetime) -> Sequence[Sequence[Note]]:
    """What every shard's collectors noted of themselves and of a camera, in order of time."""
    near = segments(spool, (hour - HOUR, hour, hour + HOUR))
    notes: defaultdict[Path, list[Note]] = defaultdict(list)
    for shard, found in groupby(near, key=lambda segment: segment.parent):
        of_shard = list(found)
        rows = contents(of_shard)
        about = pc.is_in(rows["camera_id"], pa.array(["", camera_id]))
        events = rows.filter(pc.and_(pc.equal(rows["kind"], Kind.EVENT), about))
        notes[shard] += [Note.read(r.camera_id, r.captured_us, r.payload) for r in read_rows(of_shard, events)]
    return [sorted(of_shard, key=lambda note: note.at_us) for of_shard in notes.values()]


def _row(camera_id: str, name: str, stretch: Interval) -> dict:
    times = {"began_at": utc(stretch.began_us), "ended_at": utc(stretch.ended_us)}
    return {"camera_id": camera_id, name: stretch.what, "detail": stretch.detail} | times
