"""camera_status and gaps of one camera-hour, as the lake's tables."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import HOUR
from cctview_pipeline.collect.accounts import Interval, Note, filled, gaps, states
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.spool.records import Kind
from cctview_pipeline.spool.segments import contents, microseconds, read_rows, utc
from cctview_pipeline.spool.store import SegmentStore


def status_table(spool: SegmentStore, camera_id: str, hour: datetime, stored: pa.Table) -> pa.Table:
    """What the spool tells of a camera's hour. stored: what it told before: kept where its segments have gone since, as when a
    segment of the same hour comes later than the others."""
    begin, end = microseconds(hour), microseconds(hour + HOUR)
    found = filled(states(camera_id, _notes(spool, camera_id, hour), begin, end), _stretches(stored))
    rows = [_row(camera_id, "state", stretch) for stretch in found]
    return pa.Table.from_pylist(rows, schema_of("camera_status"))


def gaps_table(
    status: pa.Table, frames: pa.Table, before: pa.Table, camera_id: str, hour: datetime, rejected: pa.Table | None = None
) -> pa.Table:
    """status: camera_status of the hour; frames, before: raw_frames of it and of the hour before, with captured_at; rejected:
    rejected_frames of the hour."""
    told = _stretches(status)
    taken = sorted(frames["captured_at"].cast(pa.int64()).to_pylist())
    last = pc.max(before["captured_at"].cast(pa.int64())).as_py() if before.num_rows else None
    rows = rejected.select(["fetched_at", "reason"]).to_pylist() if rejected is not None else []
    aside = {microseconds(row["fetched_at"]): row["reason"] for row in rows if row["fetched_at"]}
    found = gaps(taken, told, microseconds(hour), microseconds(hour + HOUR), last, aside)
    return pa.Table.from_pylist([_row(camera_id, "reason", stretch) for stretch in found], schema_of("gaps"))


def _stretches(status: pa.Table) -> list[Interval]:
    """Of camera_status, in order of time."""
    return [
        Interval(row["state"], microseconds(row["began_at"]), microseconds(row["ended_at"]), row["detail"])
        for row in status.sort_by("began_at").to_pylist()
    ]


def _notes(spool: SegmentStore, camera_id: str, hour: datetime) -> Sequence[Sequence[Note]]:
    """What every shard's collectors noted of themselves and of a camera, in order of time."""
    near = spool.segments((hour - HOUR, hour, hour + HOUR))
    notes: defaultdict[str, list[Note]] = defaultdict(list)
    for shard, found in groupby(near, key=lambda segment: segment.shard):
        of_shard = list(found)
        rows = contents(of_shard)
        about = pc.is_in(rows["camera_id"], pa.array(["", camera_id]))
        events = rows.filter(pc.and_(pc.equal(rows["kind"], Kind.EVENT), about))
        notes[shard] += [Note.read(r.camera_id, r.captured_us, r.payload) for r in read_rows(of_shard, events)]
    return [sorted(of_shard, key=lambda note: note.at_us) for of_shard in notes.values()]


def _row(camera_id: str, name: str, stretch: Interval) -> dict:
    times = {"began_at": utc(stretch.began_us), "ended_at": utc(stretch.ended_us)}
    return {"camera_id": camera_id, name: stretch.what, "detail": stretch.detail} | times
