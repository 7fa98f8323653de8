"""The spool: what was collected and is not in the lake yet, in append-only segments on the local disk.

A segment is a file of records, each with its length and checksum, so that after a kill everything up to the first record
that is not whole can be read. Records are gathered for up to FLUSH_S and then written and synced together: a killed
process loses at most what it gathered, a power cut no more than that, and only what is synced counts as acknowledged.

::

    spool/SHARD/20261122T17-1795366800123456.segment   full, or of an hour that is over, or left by a writer that has gone
    spool/SHARD/20261122T17-1795366800123456.index     what that one holds, written when it is first asked for
    spool/SHARD/20261122T18-1795370400765432.open      being written, begun at 18:00 UTC or later

The number is the time of the beginning in microseconds: no name is ever used again. What does not fit into the byte budget
is refused, not overwritten: an acknowledged frame stays until the lake has it.

A damaged record takes no other with it: reading goes on at the next that is whole. What cannot be read is never deleted for
being in the lake: a file that is no segment of this version stays where it is, a segment with a hole in it becomes ``.damaged``.
"""

import contextlib
import fcntl
import io
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.errors import StorageError
from cctview_pipeline.files import sync_directory, write_whole
from cctview_pipeline.spool.records import HEAD, LATEST_US, MAGIC, Kind, Record, decode, encode, is_whole, records

FLUSH_S = 0.5
SEGMENT_BYTES = 64 << 20
HOUR_FORMAT = "%Y%m%dT%H"
_NAME = re.compile(r"(\d{8}T\d{2})-(\d{16,20})\.(?:segment|open|damaged)")
_UNREAD = b"unread bytes"
"""In an index: how many bytes of its segment are of no whole record, though records follow."""


INDEX = pa.schema(
    {"kind": pa.uint8(), "camera_id": pa.string(), "captured_us": pa.int64(), "fetched_us": pa.int64(), "offset": pa.int64()}
)
"""Of a segment: a row a record, in their order. offset: of its head."""


def utc(microseconds: int) -> datetime:
    """Since 1970 -> a time, to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def microseconds(time: datetime) -> int:
    """The other way round."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


class SpoolFull(StorageError):
    """The byte budget or the disk is exhausted: nothing was taken."""


class SpoolWriter:
    """One process's end of the spool. One thread may flush while another appends; two may do neither.

    directory: of one shard; budget: bytes that all its segments together may take.
    """

    def __init__(self, directory: Path, budget: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.directory, self.budget, self.segment_bytes = directory, budget, segment_bytes
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = (directory / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise StorageError(f"Another collector writes to {directory}: stop it, or give this one another shard.") from None
        _close_all(directory)
        self._number = max((number_of(path) for path in segments(directory)), default=0)
        self._file: io.FileIO | None = None
        self._gathered: list[bytes] = []
        self._gathered_bytes, self._written, self._used = 0, 0, used_bytes(directory)
        self._guard = threading.Lock()
        self.slowest_s = 0.0
        """From fetched to synced, of the records since somebody set this to 0."""
        self._measured = time.monotonic()

    def append(self, record: Record) -> None:
        """Gather a record. It is on the disk after the next :meth:`flush`. Raises SpoolFull beyond the budget."""
        encoded = encode(record)
        with self._guard:
            if self._room() < len(encoded):
                raise SpoolFull(f"The spool {self.directory} is full: {self.budget >> 20} MiB wait for the lake.")
            self._gathered.append(encoded)
            self._gathered_bytes += len(encoded)

    def flush(self) -> int:
        """Write and sync what was gathered; returns how many records. Raises SpoolFull, keeping them, when the disk is full."""
        with self._guard:
            gathered, self._gathered = self._gathered, []
        if not gathered:
            return 0
        data, begin = b"".join(gathered), 0
        try:
            file = self._file = self._file or self._open(utc(HEAD.unpack_from(gathered[0])[-1]))
            begin = self._written
            _write_all(file, data)
            os.fdatasync(file.fileno())
        except OSError as error:
            self._take_back(begin)
            with self._guard:
                self._gathered = gathered + self._gathered
            raise SpoolFull(f"The spool {self.directory} cannot be written: {error.strerror}.") from error
        self._written = begin + len(data)
        oldest = HEAD.unpack_from(gathered[0])[-1]
        self.slowest_s = max(self.slowest_s, time.time() - oldest / 1e6)
        with self._guard:
            self._used += len(data)
            self._gathered_bytes -= len(data)
        if self._written >= self.segment_bytes:
            with contextlib.suppress(SpoolFull):
                self.roll()
        return len(gathered)

    def roll(self) -> None:
        """End the segment that is being written, so that it can be sealed. Raises SpoolFull when the disk refuses; the next call
        tries again."""
        try:
            if self._file:
                self._file.close()
            self._file, self._written = None, 0
            _close_all(self.directory)
        except OSError as error:
            raise SpoolFull(f"A segment in {self.directory} cannot be ended: {error.strerror}.") from error

    def close(self) -> None:
        """Write, end the segment and let another collector in, as far as the disk allows."""
        try:
            self.flush()
        finally:
            try:
                self.roll()
            finally:
                self._lock.close()

    def _take_back(self, begin: int) -> None:
        """A half-written record is cut off; where that fails, it ends its segment."""
        if self._file:
            try:
                os.ftruncate(self._file.fileno(), begin)
                os.lseek(self._file.fileno(), begin, os.SEEK_SET)
            except OSError:
                with contextlib.suppress(OSError):
                    self._file.close()
                self._file = None

    def _room(self) -> int:
        if time.monotonic() - self._measured > 1:  # segments go when the lake has them
            with contextlib.suppress(OSError):
                self._used = used_bytes(self.directory)
            self._measured = time.monotonic()
        return self.budget - self._used - self._gathered_bytes

    def _open(self, fetched_at: datetime) -> io.FileIO:
        # The clock may have been set back: later segments still have higher numbers.
        self._number = max(self._number + 1, time.time_ns() // 1000)
        path = self.directory / f"{fetched_at:{HOUR_FORMAT}}-{self._number:016d}.open"
        file = path.open("wb", buffering=0)
        try:
            file.write(MAGIC)
            sync_directory(self.directory)
        except OSError:
            file.close()
            raise
        self._written = len(MAGIC)
        return file


def _write_all(file: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def segments(directory: Path, hours: Iterable[datetime] | None = None) -> list[Path]:
    """Segments below a spool's directory, its shards' included, that nobody writes to any more, oldest first.

    hours: only those begun in one of them.
    """
    found = sorted(path for path in directory.rglob("*.segment") if _is_segment(path))
    wanted = None if hours is None else set(hours)
    return found if wanted is None else [path for path in found if hour_of(path) in wanted]


def unreadable(directory: Path) -> list[Path]:
    """What is named like a segment and is none that this version reads: of another version, or damaged in its first bytes.

    It stays where it is, and nothing of it reaches the lake.
    """
    return sorted(path for path in directory.rglob("*.segment") if not _is_segment(path))


def damaged(directory: Path) -> list[Path]:
    """Segments with a hole, set aside after what could be read of them was in the lake."""
    return sorted(directory.rglob("*.damaged"))


@lru_cache(maxsize=65536)
def hour_of(segment: Path) -> datetime | None:
    """In which a segment was begun, by its name; None for another file's."""
    match = _NAME.fullmatch(segment.name)
    try:
        return datetime.strptime(match[1], HOUR_FORMAT).replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def number_of(segment: Path) -> int:
    """When a segment was begun, in microseconds. Raises ValueError for another file's name."""
    if match := _NAME.fullmatch(segment.name):
        return int(match[2])
    raise ValueError(f"{segment.name} is no segment of the spool.")


def written_hours(directory: Path) -> list[datetime]:
    """The hours that writers have open segments of: they may still get frames."""
    return sorted({hour for path in directory.rglob("*.open") if (hour := hour_of(path))})


def close_left_behind(directory: Path) -> None:
    """Close the segments of writers that were killed, so that what they wrote can be sealed without a new writer."""
    for shard in {path.parent for path in directory.rglob("*.open") if hour_of(path)}:
        with (shard / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # it lives
            _close_all(shard)


def used_bytes(directory: Path) -> int:
    """Of all segments of one shard, and their indexes."""
    total = 0
    for path in directory.iterdir():
        if path.suffix in (".open", ".segment", ".index"):
            try:
                total += path.stat().st_size
            except FileNotFoundError:  # just sealed and deleted
                continue
    return total


def index(segment: Path) -> pa.Table:
    """What a closed segment holds, as INDEX. Empty for one that is gone: what deleted it had found all of it in the lake.

    It lies beside the segment from the first time on: a thousand cameras fill 50 GB an hour, too much to read for one of them.
    """
    try:
        return _index(segment)
    except FileNotFoundError:
        return INDEX.empty_table()


@lru_cache(maxsize=4096)
def _index(segment: Path) -> pa.Table:
    path = segment.with_suffix(".index")
    try:
        with pa.memory_map(str(path)) as file:
            found = pa.ipc.open_file(file).read_all()
        found.validate(full=True)
        if found.schema.equals(INDEX) and _UNREAD in (found.schema.metadata or {}) and _can_be(found):
            return found
    except (OSError, ValueError, pa.ArrowException):  # pyarrow's names of columns may be no UTF-8
        pass  # none yet, or one that is damaged or of another version: it is made anew
    return _make_index(segment, path)


def _can_be(rows: pa.Table) -> bool:
    """Whether an index's values are some that a segment's records can have."""

    def inside(name: str, least: int, most: int) -> bool:
        found = pc.min_max(rows[name]).as_py()
        return least <= found["min"] and found["max"] <= most

    if not len(rows):
        return True
    times = all(inside(name, 0, LATEST_US) for name in ("captured_us", "fetched_us"))
    whole = all(column.null_count == 0 for column in rows.columns)
    return whole and times and inside("kind", min(Kind), max(Kind)) and inside("offset", len(MAGIC), 1 << 62)


def _make_index(segment: Path, path: Path) -> pa.Table:
    rows, unread = [], 0
    for offset, record in records(segment.read_bytes()):
        if record is None:
            unread += offset
        else:
            rows.append((record.kind, record.camera_id, record.captured_us, record.fetched_us, offset))
    columns = zip(*rows, strict=True) if rows else [[]] * len(INDEX)
    schema = INDEX.with_metadata({_UNREAD: str(unread)})
    found = pa.Table.from_arrays([pa.array(list(c), f.type) for c, f in zip(columns, INDEX, strict=True)], schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write(found)
    with contextlib.suppress(OSError):  # on a full disk it is read once more next time
        write_whole(path, sink.getvalue().to_pybytes())
    return found


def unread_bytes(segment: Path) -> int:
    """Of a segment, between whole records: what was lost there is not in its index."""
    return int((index(segment).schema.metadata or {}).get(_UNREAD, b"0"))


def contents(of: Sequence[Path]) -> pa.Table:
    """The indexes of several segments, with a column ``segment``, the number in the sequence."""
    return _contents(tuple(of))


@lru_cache(maxsize=8)  # one camera's hour after the other is looked for in the same segments
def _contents(of: tuple[Path, ...]) -> pa.Table:
    numbers = [pa.repeat(pa.scalar(number, pa.int32()), len(index(path))) for number, path in enumerate(of)]
    parts = [index(path).append_column("segment", column) for path, column in zip(of, numbers, strict=True)]
    return pa.concat_tables(parts) if parts else INDEX.append(pa.field("segment", pa.int32())).empty_table()


def delete(segment: Path) -> None:
    """A segment whose records are in the lake."""
    segment.unlink(missing_ok=True)
    segment.with_suffix(".index").unlink(missing_ok=True)


def set_aside(segment: Path) -> Path:
    """A segment whose readable records are in the lake, and that holds others: out of the way, for a person to look at."""
    target = segment.rename(segment.with_suffix(".damaged"))
    segment.with_suffix(".index").unlink(missing_ok=True)
    return target


def rewrite(segment: Path, change: Callable[[Record], Record | None]) -> int:
    """Put a closed segment's records into another one as far as change keeps them; returns how many it changed or left out.

    The new segment has a name of its own, since others remember what lies where in the old one, which goes last: who is killed
    in between leaves both, and the next call ends the work.
    """
    before = list(read(segment))
    after = [change(record) for record in before]
    touched = sum(new is not old for new, old in zip(after, before, strict=True))
    if not touched:
        return 0
    hour, number = segment.name.split("-")[0], number_of(segment) + 1
    while (target := segment.with_name(f"{hour}-{number:016d}.segment")).exists():
        number += 1
    write_whole(target, MAGIC + b"".join(encode(record) for record in after if record is not None))
    delete(segment)
    return touched


def read(segment: Path) -> Iterator[Record]:
    """The records of a segment that are whole."""
    for _, record in records(segment.read_bytes()):
        if record is not None:
            yield record


def read_rows(of: Sequence[Path], rows: pa.Table) -> Iterator[Record]:
    """The records of rows of ``contents(of)``, in the order of the rows, less those of segments that have gone to the lake.

    One that was damaged since comes without its payload.
    """
    open_files: dict[int, int | None] = {}
    try:
        for row in rows.to_pylist():
            if row["segment"] not in open_files:
                open_files[row["segment"]] = _opened(of[row["segment"]])
            if (descriptor := open_files[row["segment"]]) is not None:
                yield _record_at(descriptor, row)
    finally:
        for descriptor in open_files.values():
            if descriptor is not None:
                os.close(descriptor)


def _opened(segment: Path) -> int | None:
    try:
        return os.open(segment, os.O_RDONLY)
    except FileNotFoundError:
        return None


def _record_at(descriptor: int, row: dict) -> Record:
    head = os.pread(descriptor, HEAD.size, row["offset"])
    if len(head) == HEAD.size:
        length, _, _, name, *_ = HEAD.unpack(head)
        body = os.pread(descriptor, name + length, row["offset"] + HEAD.size)
        if is_whole(head, body) and (record := decode(head, body)):
            return record
    return Record(
        kind=Kind(row["kind"]),
        camera_id=row["camera_id"],
        captured_us=row["captured_us"],
        fetched_us=row["fetched_us"],
        payload=b"",
    )


def _is_segment(path: Path) -> bool:
    try:
        return hour_of(path) is not None and _begins_as_one(path)
    except OSError:  # gone meanwhile, a directory, or not ours to read
        return False


@lru_cache(maxsize=65536)
def _begins_as_one(path: Path) -> bool:
    """By its first bytes; what a killed writer had not even begun is an empty one."""
    with path.open("rb") as file:
        return MAGIC.startswith(file.read(len(MAGIC)))


def _close_all(directory: Path) -> None:
    for left_behind in directory.glob("*.open"):
        if hour_of(left_behind) and left_behind.is_file():
            _close(left_behind)


def _close(path: Path) -> None:
    """A segment that nobody writes to any more; nothing of it is lost but an end that is not whole."""
    path.rename(path.with_suffix(".segment"))
    sync_directory(path.parent)
