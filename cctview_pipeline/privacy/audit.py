"""The audit log: who asked about vehicles, exported, erased or purged, when, and what for.

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

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.paths import audit_path
from cctview_pipeline.privacy.entries import NOTHING, Entry, Head

_BLOCK = 1 << 16


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

        kind: query, export, erase, purge, ...; asked: the SQL, or what was chosen; user: who runs this process when left out.
        admit: is given the entries so far, newest first, while nobody else can write, and raises when there may be no other.
        Raises CctviewError when the entry can't be written; then nothing of it stays. A line that a killed writer left
        unfinished was never acknowledged: it gives way to an entry of kind repair.
        """
        user = user or operating_user()
        try:
            with self._locked() as log:
                end, torn = _whole_lines(log)
                last = self._last(log, end)
                if torn:
                    repair = Entry(last.number + 1, datetime.now(UTC), user, "", "repair", "", f"{torn} bytes", (), last.hash)
                    end, last = end + self._write(log, repair, end, torn), repair.head
                if admit:
                    admit(_backwards(log, end))
                entry = Entry(last.number + 1, datetime.now(UTC), user, purpose, kind, lake, asked, tables, last.hash)
                self._write(log, entry, end, 0)
        except OSError as error:
            raise CctviewError(f"Refused, because it can't be logged: {self.path}: {error.strerror}.") from error
        return entry

    def newest(self) -> Iterator[Entry]:
        """All entries, the newest first. Raises CctviewError when the log can't be read, or a line of it is no entry."""
        try:
            with self.reading() as log:
                yield from _backwards(log, _whole_lines(log)[0])
        except ValueError as error:
            raise CctviewError(f"A line of {self.path} is {error}: `cctview audit verify` says which.") from error

    @contextmanager
    def reading(self) -> Iterator[int]:
        """The log's descriptor, while nobody writes. Raises CctviewError when there is none, or it can't be read."""
        try:
            log = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            if (head := self.read_head()) != NOTHING:
                raise CctviewError(f"The audit log {self.path} is gone: its head file names line {head.number}.") from None
            raise CctviewError(f"There is no audit log at {self.path}: the first question about vehicles begins it.") from None
        except OSError as error:
            raise CctviewError(f"The audit log {self.path} cannot be read: {error.strerror}.") from error
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
            raise CctviewError(f"The head file {self.head_path} is damaged: put it and the log back from a copy.") from error

    @contextmanager
    def _locked(self) -> Iterator[int]:
        if not self.path.parent.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _sync(self.path.parent.parent)
        log = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(log, fcntl.LOCK_EX)
            yield log
        finally:
            os.close(log)

    def _last(self, log: int, end: int) -> Head:
        """What the next line follows. Refuses to go on from an end that is not the one the head file names: the lines that are
        missing there could never be missed again."""
        head, last = self.read_head(), NOTHING
        try:
            for entry in _backwards(log, end):
                last = entry.head
                # A writer may have died between line and head: the next one, and it alone, catches up.
                if last.number == head.number + 1 and entry.previous == head.hash:
                    self._prepare_head(log, last).replace(self.head_path)
                    head = last
                break
        except ValueError:
            last = Head(-1, "")
        if last != head:
            raise CctviewError(
                f"Refused, because it can't be logged: the end of {self.path} is not what its head file says, and "
                "`cctview audit verify` tells more. Put both files back from a copy, or move both away to begin a new log."
            )
        return last

    def _write(self, log: int, entry: Entry, start: int, torn: int) -> int:
        """Put a line at ``start``, over an unfinished line of ``torn`` bytes, then the head. Returns the line's bytes."""
        line, prepared = entry.line(), None
        try:
            # The head takes its room on the disk before the line does, so that nothing but a crash can part the two.
            prepared = self._prepare_head(log, entry.head)
            written = 0
            while written < len(line):
                written += os.pwrite(log, line[written:], start + written)
            os.ftruncate(log, start + len(line))
            os.fsync(log)
            prepared.replace(self.head_path)
        except OSError:
            with suppress(OSError):
                # What was unfinished stays so, for the next writer to tell of.
                os.ftruncate(log, start + min(torn, len(line) - 1))
            if prepared:
                with suppress(OSError):
                    prepared.unlink()
            raise
        with suppress(OSError):  # the line is safe, and a head that is one behind is caught up with
            _sync(self.path.parent)
        return len(line)

    def _prepare_head(self, log: int, head: Head) -> Path:
        """The head file's successor, synced. Only the holder of the lock makes one, so that one name is enough."""
        path = self.head_path.with_suffix(".head.new")
        try:
            with path.open("w") as file:
                os.fchmod(file.fileno(), stat.S_IMODE(os.fstat(log).st_mode))
                file.write(f"{head}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path


def operating_user() -> str:
    """Who runs this process, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        return f"uid {os.getuid()}"


def _whole_lines(log: int) -> tuple[int, int]:
    """Where the last finished line ends, and how many bytes follow it."""
    size = end = os.fstat(log).st_size
    while end:
        start = max(0, end - _BLOCK)
        if (found := os.pread(log, end - start, start).rfind(b"\n")) >= 0:
            return start + found + 1, size - start - found - 1
        end = start
    return 0, size


def _backwards(log: int, end: int) -> Iterator[Entry]:
    """The entries before ``end``, the newest first, a block at a time. Raises ValueError for a line that is none."""
    rest = b""
    while end:
        start = max(0, end - _BLOCK)
        lines = (os.pread(log, end - start, start) + rest).splitlines(keepends=True)
        rest = lines.pop(0) if start else b""
        for line in reversed(lines):
            entry = Entry.parse(line)
            if entry.line() != line:
                raise ValueError("a line with another hash than its own")
            yield entry
        end = start


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
