"""The spool: what was collected and is not in the lake yet, in append-only segments on the local disk.

A segment is a file of records, each with its length and checksum, so that after a kill everything up to the first record
that is not whole can be read. Records are gathered for up to FLUSH_S and then written and synced together: a killed
process loses at most what it gathered, a power cut no more than that, and only what is synced counts as acknowledged.

::

    spool/SHARD/20261122T17-00000017.segment   full, or of an hour that is over, or left behind by a writer that has gone
    spool/SHARD/20261122T18-00000018.open      being written, begun at 18:00 UTC or later

What does not fit into the byte budget is refused, not overwritten: an acknowledged frame stays until the lake has it.
"""

import fcntl
import os
import struct
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies: its segment, the offset of its head, and what it is, without the payload."""

    segment: Path
    offset: int
    kind: Kind
    camera_id: str
    captured_us: int
    fetched_us: int


def utc(microseconds: int) -> datetime:
    """Since 1970 -> a time, to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


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
        self._next, self._file = max(numbers, default=-1) + 1, None
        self._gathered: list[bytes] = []
        self._gathered_bytes, self._written, self._used = 0, 0, used_bytes(directory)
        self._guard = threading.Lock()
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
        path = self.directory / f"{fetched_at:{HOUR_FORMAT}}-{self._next:08d}.open"
        self._next += 1
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
    """Of all segments of one shard."""
    total = 0
    for path in directory.iterdir():
        if path.suffix in (".open", ".segment"):
            try:
                total += path.stat().st_size
            except FileNotFoundError:  # just sealed and deleted
                continue
    return total


def index(segment: Path) -> list[Place]:
    """What a segment holds, up to the first record that is not whole. Payloads are checked, not kept."""
    return [Place(segment, offset, r.kind, r.camera_id, r.captured_us, r.fetched_us) for offset, r in _records(segment)]


def read(segment: Path) -> Iterator[Record]:
    """The records of a segment, up to the first that is not whole."""
    for _, record in _records(segment):
        yield record


def read_at(places: list[Place]) -> Iterator[Record]:
    """The records at these places, which may lie in several segments, in the order given."""
    open_files: dict[Path, int] = {}
    try:
        for place in places:
            if place.segment not in open_files:
                open_files[place.segment] = os.open(place.segment, os.O_RDONLY)
            descriptor = open_files[place.segment]
            head = os.pread(descriptor, _HEAD.size, place.offset)
            length, _, _, name, *_ = _HEAD.unpack(head)
            body = os.pread(descriptor, name + length, place.offset + _HEAD.size)
            yield _decode(head, body)
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
