"""The audit log: who asked about vehicles, exported or erased them, trained on them or asked for an erasure, when, and what for.

One JSON object a line, each with the SHA-256 of the line before, so that a line which is changed, taken out or put elsewhere is
found (privacy/verification.py). The newest line's number and hash stand once more in a small head file beside the log, so that
lines missing at its end are found too.

What this cannot do: whoever may write both files can forge them whole, hash for hash. Then only what was noted elsewhere tells:
``cctview audit head`` prints number and hash for a mail, a commit or another machine, and ``cctview audit verify --expect`` looks
for them again. Nor does the log keep anyone from reading the lake's files without asking; that is for the file system's rights.
It is the log of one machine: of several that share a lake on S3 each has its own.
"""

import fcntl
import os
import pwd
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from cctview_pipeline.errors import CctviewError, NotFoundError, StorageError
from cctview_pipeline.files import sync_directory, write_whole
from cctview_pipeline.paths import audit_path
from cctview_pipeline.privacy.entries import NOTHING, Entry, Head

_BLOCK_BYTES = 1 << 16
_REFUSED = "Refused, because it can't be logged"


class AuditLog:
    """An append-only file that several processes may write at once. path: ``CCTVIEW_AUDIT``, or the project's own."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or audit_path()
        self.head_path = self.path.with_suffix(".head")

    def append(
        self,
        kind: str,
        asked: str,
        *,
        user: str | None = None,
        purpose: str = "",
        lake: str = "",
        tables: tuple[str, ...] = (),
        admit: Callable[[Iterator[Entry]], None] | None = None,
    ) -> Entry:
        """Write one entry; when this returns it is on the disk, and only then may an answer be given.

        kind, asked, ...: as in Entry; user: who runs this process when left out.
        admit: is given the entries so far, newest first, while nobody else can write, and raises when there may be no other.
        Raises CctviewError when the entry can't be written; then nothing of it stays. A line that a killed writer left
        unfinished was never answered, and the entry takes its place.
        """
        try:
            with self._locked() as log:
                end = _end(log)
                last = self._last(log, end)
                if admit:
                    admit(self._backwards(log, end))
                who = user or operating_user()
                entry = Entry(
                    number=last.number + 1,
                    time=datetime.now(UTC),
                    user=who,
                    purpose=purpose,
                    kind=kind,
                    lake=lake,
                    asked=asked,
                    tables=tables,
                    previous=last.hash,
                )
                self._write(log, entry, end)
        except OSError as error:
            raise StorageError(f"{_REFUSED}: {self.path}: {error.strerror}.") from error
        return entry

    def newest(self) -> Iterator[Entry]:
        """All entries, the newest first. Raises CctviewError when the log can't be read, or a line of it is no entry."""
        with self.reading() as log:
            yield from self._backwards(log, _end(log))

    @contextmanager
    def reading(self) -> Iterator[int]:
        """The log's descriptor, while nobody writes. Raises CctviewError when there is none, or it can't be read."""
        try:
            log = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            if (head := self.read_head()) != NOTHING:
                raise StorageError(f"The audit log {self.path} is gone: its head file names line {head.number}.") from None
            raise NotFoundError(f"There is no audit log at {self.path}: the first question about vehicles begins it.") from None
        except OSError as error:
            raise StorageError(f"The audit log {self.path} cannot be read: {error.strerror}.") from error
        try:
            fcntl.flock(log, fcntl.LOCK_SH)
            yield log
        finally:
            os.close(log)

    def read_head(self) -> Head:
        """NOTHING when there is no head file. Raises CctviewError when it is damaged."""
        try:
            return Head.parse(self.head_path.read_text(errors="replace"))
        except FileNotFoundError:
            return NOTHING
        except CctviewError as error:
            raise StorageError(f"The head file {self.head_path} is damaged: put it and the log back from a copy.") from error

    @contextmanager
    def _locked(self) -> Iterator[int]:
        if not self.path.parent.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            sync_directory(self.path.parent.parent)
        log = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(log, fcntl.LOCK_EX)
            yield log
        finally:
            os.close(log)

    def _last(self, log: int, end: int) -> Head:
        """What the next line follows. Refuses to go on from an end that is not the one the head file names: the lines that are
        missing there could never be missed again."""
        head, newest = self.read_head(), next(self._backwards(log, end), None)
        # A writer may have died between line and head: the next one, and it alone, catches up.
        if newest and newest.number == head.number + 1 and newest.previous == head.hash:
            self._write_head(log, newest.head)
            head = newest.head
        if head != (newest.head if newest else NOTHING):
            raise StorageError(
                f"{_REFUSED}: the end of {self.path} is not what its head file says, and `cctview audit verify` tells more. Put "
                "both files back from a copy, or move both away to begin a new log."
            )
        return head

    def _write(self, log: int, entry: Entry, end: int) -> None:
        """A line at the end, over whatever is unfinished there, and its head; or neither."""
        line, written = entry.line(), 0
        try:
            while written < len(line):
                written += os.pwrite(log, line[written:], end + written)
            os.ftruncate(log, end + len(line))
            os.fsync(log)
            self._write_head(log, entry.head)
        except OSError:
            with suppress(OSError):  # where even that fails, the next writer goes on from what is there
                if self.read_head() != entry.head:
                    os.ftruncate(log, end)
            raise

    def _write_head(self, log: int, head: Head) -> None:
        """Who may read the log may read its head."""
        write_whole(self.head_path, f"{head}\n".encode(), mode=stat.S_IMODE(os.fstat(log).st_mode))

    def _backwards(self, log: int, end: int) -> Iterator[Entry]:
        """The entries before ``end``, the newest first, a block at a time. Raises CctviewError for a line that is none."""
        rest = b""
        while end:
            start = max(0, end - _BLOCK_BYTES)
            lines = (os.pread(log, end - start, start) + rest).splitlines(keepends=True)
            rest = lines.pop(0) if start else b""
            for line in reversed(lines):
                entry = Entry.parse(line)
                if entry is None or entry.line() != line:
                    told = f"The audit log {self.path} has a line that is no entry or was changed"
                    raise StorageError(f"{told}: `cctview audit verify` says which.")
                yield entry
            end = start


def operating_user() -> str:
    """Who runs this process, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        return f"uid {os.getuid()}"


def _end(log: int) -> int:
    """Where the last finished line ends."""
    end = os.fstat(log).st_size
    while end:
        start = max(0, end - _BLOCK_BYTES)
        if (found := os.pread(log, end - start, start).rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0
