"""What a segment holds and where, so that one camera's records are found without the others' being read."""

import time

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.spool.records import LATEST_US, MAGIC, Kind, records

INDEX = pa.schema(
    {"kind": pa.uint8(), "camera_id": pa.string(), "captured_us": pa.int64(), "fetched_us": pa.int64(), "offset": pa.int64()}
)
"""Of a segment: a row a record, in their order. offset: of its head."""
_UNREAD, _BYTES = b"unread bytes", b"bytes"
"""In an index: how many bytes of its segment are of no whole record, though records follow; and how many there are in all."""


BETWEEN_PAUSES, PAUSE_S = 4, 1e-5
"""Records that are looked at without a pause, some 0.1 ms, and how long it is at least."""


def index_of(segment: bytes, pauses: bool = False) -> pa.Table:
    """The index of a segment's bytes. pauses: beside a thread that answers others, which else waits 5 ms for every turn."""
    rows, unread = [], 0
    for number, (offset, record) in enumerate(records(segment)):
        if pauses and number % BETWEEN_PAUSES == 0:
            time.sleep(PAUSE_S)
        if record is None:
            unread += offset
        else:
            rows.append((record.kind, record.camera_id, record.captured_us, record.fetched_us, offset))
    columns = zip(*rows, strict=True) if rows else [[]] * len(INDEX)
    schema = INDEX.with_metadata({_UNREAD: str(unread), _BYTES: str(len(segment))})
    return pa.Table.from_arrays([pa.array(list(c), f.type) for c, f in zip(columns, INDEX, strict=True)], schema=schema)


def written_index(found: pa.Table) -> bytes:
    """The bytes of an index's file."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, found.schema) as writer:
        writer.write(found)
    return sink.getvalue().to_pybytes()


def read_index(data: bytes) -> pa.Table | None:
    """What an index's file says; None for one that is damaged or of another version."""
    try:
        found = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(data))).read_all()
        found.validate(full=True)
        told = found.schema.metadata or {}
        if found.schema.equals(INDEX) and {_UNREAD, _BYTES} <= told.keys() and _can_be(found):
            return found
    except (OSError, ValueError, pa.ArrowException):  # pyarrow's names of columns may be no UTF-8
        pass
    return None


def unread_in(found: pa.Table) -> int:
    """Bytes of a segment that are of no whole record, though records follow."""
    return int((found.schema.metadata or {}).get(_UNREAD, b"0"))


def spans(found: pa.Table) -> pa.Array:
    """Of every row the bytes up to the next one, or to the segment's end: its record, and what nobody can read behind it."""
    ends = pa.concat_arrays([*found["offset"].chunks, pa.array([_size(found)], pa.int64())]).slice(1)
    return pc.subtract(ends, found["offset"].combine_chunks()) if len(found) else pa.array([], pa.int64())


def _size(found: pa.Table) -> int:
    return int((found.schema.metadata or {}).get(_BYTES, b"0"))


def _can_be(rows: pa.Table) -> bool:
    """Whether an index's values are some that a segment's records can have."""

    def inside(name: str, least: int, most: int) -> bool:
        found = pc.min_max(rows[name]).as_py()
        return least <= found["min"] and found["max"] <= most

    if any(column.null_count for column in rows.columns):
        return False
    if not len(rows):
        return True
    ascending = pc.all(pc.greater(spans(rows), 0)).as_py()
    times = all(inside(name, 0, LATEST_US) for name in ("captured_us", "fetched_us"))
    return ascending and times and inside("kind", min(Kind), max(Kind)) and inside("offset", len(MAGIC), _size(rows))
