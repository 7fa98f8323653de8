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
"""

import fcntl
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from cctview_pipeline.errors import CctviewError

FLUSH_S = 0.5
SEGMENT_BYTES = 64 << 20
HOUR_FORMAT = "%Y%m%dT%H"
_MAGIC = b"CCTVSP01"
_HEAD = struct.Struct("<IIBHqq")
"""Of a record: its payload's length, the checksum of everything behind the checksum, its kind, its camera's length, and two
times in microseconds since 1970."""


class Kind(IntEnum):
    """What a record's payload is: a JPEG without metadata, or JSON about a camera or the collector itself."""

    FRAME = 1
    EVENT = 2


@dataclass(frozen=True, slots=True)
class Record:
    """kind; camera_id; captured_us, fetched_us: UTC, since 1970; payload."""

    kind: Kind
    camera_id: str
    captured_us: int
    fetched_us: int
    payload: bytes


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


class SpoolFull(CctviewError):
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
            raise CctviewError(f"Another collector writes to {directory}: stop it, or give this one another shard.") from None
        _close_all(directory)
        numbers = [int(path.stem.split("-")[1]) for path in directory.glob("*.segment")]
        self._number, self._file = max(numbers, default=0), None
        self._gathered: list[bytes] = []
        self._gathered_bytes, self._written, self._used = 0, 0, used_bytes(directory)
        self._guard = threading.Lock()
        self.slowest_s = 0.0
        """From fetched to synced, of the records since somebody set this to 0."""
        self._measured = time.monotonic()

    def append(self, record: Record) -> None:
        """Gather a record. It is on the disk after the next :meth:`flush`. Raises SpoolFull beyond the budget."""
        encoded = _encode(record)
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
        self._file = self._file or self._open(utc(_HEAD.unpack_from(gathered[0])[-1]))
        data, begin = b"".join(gathered), self._written
        try:
            self._write_all(data)
            os.fdatasync(self._file.fileno())
        except OSError as error:
            os.ftruncate(self._file.fileno(), begin)  # a half-written record would hide what comes behind it
            os.lseek(self._file.fileno(), begin, os.SEEK_SET)
            with self._guard:
                self._gathered = gathered + self._gathered
            raise SpoolFull(f"The spool {self.directory} cannot be written: {error.strerror}.") from error
        self._written = begin + len(data)
        oldest = _HEAD.unpack_from(gathered[0])[-1]
        self.slowest_s = max(self.slowest_s, time.time() - oldest / 1e6)
        with self._guard:
            self._used += len(data)
            self._gathered_bytes -= len(data)
        if self._written >= self.segment_bytes:
            self.roll()
        return len(gathered)

    def roll(self) -> None:
        """End the segment that is being written, so that it can be sealed."""
        if self._file:
            self._file.close()
            _close(Path(self._file.name))
            self._file, self._written = None, 0

    def close(self) -> None:
        self.flush()
        self.roll()
        self._lock.close()

    def _room(self) -> int:
        if time.monotonic() - self._measured > 1:  # segments go when the lake has them
            self._used, self._measured = used_bytes(self.directory), time.monotonic()
        return self.budget - self._used - self._gathered_bytes

    def _open(self, fetched_at: datetime):
        # The clock may have been set back: later segments still have higher numbers.
        self._number = max(self._number + 1, time.time_ns() // 1000)
        path = self.directory / f"{fetched_at:{HOUR_FORMAT}}-{self._number:016d}.open"
        file = path.open("wb", buffering=0)
        file.write(_MAGIC)
        self._written = len(_MAGIC)
        _sync_directory(self.directory)
        return file

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


def segments(directory: Path, hours: Iterable[datetime] | None = None) -> list[Path]:
    """Segments below a spool's directory, its shards' included, that nobody writes to any more, oldest first.

    hours: only those begun in one of them.
    """
    found = sorted(directory.rglob("*.segment"))
    if hours is None:
        return found
    names = {f"{hour:{HOUR_FORMAT}}" for hour in hours}
    return [path for path in found if path.name.split("-")[0] in names]


def written_hours(directory: Path) -> list[datetime]:
    """The hours that writers have open segments of: they may still get frames."""
    names = {path.name.split("-")[0] for path in directory.rglob("*.open")}
    return sorted(datetime.strptime(name, HOUR_FORMAT).replace(tzinfo=UTC) for name in names)


def close_left_behind(directory: Path) -> None:
    """Close the segments of writers that were killed, so that what they wrote can be sealed without a new writer."""
    for shard in {path.parent for path in directory.rglob("*.open")}:
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


@lru_cache(maxsize=4096)
def index(segment: Path) -> pa.Table:
    """What a closed segment holds, up to the first record that is not whole, as INDEX.

    It lies beside the segment from the first time on: a thousand cameras fill 50 GB an hour, too much to read for one of them.
    """
    path = segment.with_suffix(".index")
    if not path.exists():
        rows = [(r.kind, r.camera_id, r.captured_us, r.fetched_us, offset) for offset, r in _records(segment)]
        columns = zip(*rows, strict=True) if rows else [[]] * len(INDEX)
        partial = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.partial")
        with partial.open("wb") as file:
            with pa.ipc.new_file(file, INDEX) as writer:
                writer.write(pa.record_batch([list(column) for column in columns], schema=INDEX))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


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
    segment.unlink()
    segment.with_suffix(".index").unlink(missing_ok=True)


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
    hour, number = segment.stem.split("-")
    target = segment.with_name(f"{hour}-{int(number) + 1:016d}.segment")
    while target.exists():
        target = target.with_name(f"{hour}-{int(target.stem.split('-')[1]) + 1:016d}.segment")
    partial = target.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(_MAGIC + b"".join(_encode(record) for record in after if record is not None))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(target)
    _sync_directory(target.parent)
    delete(segment)
    return touched


def read(segment: Path) -> Iterator[Record]:
    """The records of a segment, up to the first that is not whole."""
    for _, record in _records(segment):
        yield record


def read_rows(of: Sequence[Path], rows: pa.Table) -> Iterator[Record]:
    """The records of rows of ``contents(of)``, in the order of the rows."""
    open_files: dict[int, int] = {}
    try:
        for number, offset in zip(rows["segment"].to_pylist(), rows["offset"].to_pylist(), strict=True):
            if number not in open_files:
                open_files[number] = os.open(of[number], os.O_RDONLY)
            head = os.pread(open_files[number], _HEAD.size, offset)
            length, _, _, name, *_ = _HEAD.unpack(head)
            yield _decode(head, os.pread(open_files[number], name + length, offset + _HEAD.size))
    finally:
        for descriptor in open_files.values():
            os.close(descriptor)


def _records(segment: Path) -> Iterator[tuple[int, Record]]:
    with segment.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return
        while True:
            offset = file.tell()
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return
            length, _, _, name, *_ = _HEAD.unpack(head)
            body = file.read(name + length)
            if len(body) < name + length or not _is_whole(head, body):
                return
            yield offset, _decode(head, body)


def _encode(record: Record) -> bytes:
    camera = record.camera_id.encode()
    head = _HEAD.pack(len(record.payload), 0, record.kind, len(camera), record.captured_us, record.fetched_us)
    body = camera + record.payload
    return head[:4] + struct.pack("<I", zlib.crc32(body, zlib.crc32(head[8:]))) + head[8:] + body


def _is_whole(head: bytes, body: bytes) -> bool:
    return zlib.crc32(body, zlib.crc32(head[8:])) == struct.unpack_from("<I", head, 4)[0]


def _decode(head: bytes, body: bytes) -> Record:
    _, _, kind, name, captured, fetched = _HEAD.unpack(head)
    return Record(Kind(kind), body[:name].decode(), captured, fetched, body[name:])


def _close_all(directory: Path) -> None:
    for left_behind in directory.glob("*.open"):
        _close(left_behind)


def _close(path: Path) -> None:
    """A segment that nobody writes to any more; nothing of it is lost but an end that is not whole."""
    path.rename(path.with_suffix(".segment"))
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
