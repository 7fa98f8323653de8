"""A collector's end of the spool: append-only segments on the local disk.

A segment is a file of records, each with its length and checksum, so that after a kill everything up to the first record
that is not whole can be read. Records are gathered for up to FLUSH_S and then written and synced together: a killed
process loses at most what it gathered, a power cut no more than that, and only what is synced counts as acknowledged.

What does not fit into the byte budget is refused, not overwritten: an acknowledged frame stays until the lake, or the store that
segments are uploaded to, has it.
"""

import contextlib
import fcntl
import io
import os
import threading
import time
from datetime import datetime
from pathlib import Path

from cctview_pipeline.errors import StorageError
from cctview_pipeline.files import sync_directory
from cctview_pipeline.spool.folder import LOCK, close_all, used_bytes
from cctview_pipeline.spool.records import HEAD, MAGIC, Record, encode
from cctview_pipeline.spool.segments import HOUR_FORMAT, OPEN, SEGMENT, hour_of, number_of, utc

FLUSH_S = 0.5
SEGMENT_BYTES = 64 << 20


class SpoolFull(StorageError):
    """The byte budget or the disk is exhausted: nothing was taken."""


class SpoolWriter:
    """One process's end of the spool. One thread may flush while another appends; two may do neither.

    directory: of one shard; budget: bytes that all its segments together may take.
    """

    def __init__(self, directory: Path, budget: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.directory, self.budget, self.segment_bytes = directory, budget, segment_bytes
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = (directory / LOCK).open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise StorageError(f"Another collector writes to {directory}: stop it, or give this one another shard.") from None
        close_all(directory)
        self._number = _last_number(directory)
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
                raise SpoolFull(f"The spool {self.directory} is full: {self.budget >> 20} MiB wait there.")
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
            close_all(self.directory)
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
        path = self.directory / f"{fetched_at:{HOUR_FORMAT}}-{self._number:016d}{OPEN}"
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


def _last_number(directory: Path) -> int:
    names = (path.name for path in directory.glob(f"*{SEGMENT}"))
    return max((number_of(name) for name in names if hour_of(name)), default=0)
