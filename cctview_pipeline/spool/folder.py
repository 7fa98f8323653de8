"""A spool's folder on this machine's disk."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cctview_pipeline.files import sync_directory, write_whole
from cctview_pipeline.spool.records import MAGIC
from cctview_pipeline.spool.segments import INDEX_FILE, OPEN, SEGMENT, hour_of
from cctview_pipeline.spool.store import Answer, Item, Piece, SegmentStore

PARTIAL = ".partial"
LOCK = "lock"


class SpoolFolder(SegmentStore):
    """directory: that of all shards."""

    def __init__(self, directory: Path | str) -> None:
        super().__init__(str(directory))
        self.directory = Path(directory)

    def keys(self, ending: str) -> list[str]:
        return [str(path.relative_to(self.directory)) for path in self.directory.rglob(f"*{ending}")]

    def whole(self) -> list[str]:
        return [key for key in self.keys(SEGMENT) if _is_segment(self.directory / key)]

    def odd(self) -> list[str]:
        return [key for key in self.keys(SEGMENT) if not _is_segment(self.directory / key)]

    def left_behind(self) -> list[str]:
        return [key for key in self.keys(PARTIAL) if (self.directory / key).is_file()]

    def written_hours(self, shard: str = "") -> list[datetime]:
        """shard: of one; of all when left out."""
        names = (Path(key) for key in self.keys(OPEN) if not shard or str(Path(key).parent) == shard)
        return sorted({hour for path in names if (hour := hour_of(path.name))})

    def close_left_behind(self) -> None:
        self.abandoned({path.parent for path in self.directory.rglob(f"*{OPEN}") if hour_of(path.name)})

    def abandoned(self, shards: set[Path] | None = None) -> list[str]:
        """Those of the shards' directories, or of all that hold something, to which nobody writes; what was open is closed."""
        if shards is None:
            shards = {path.parent for ending in (OPEN, SEGMENT) for path in self.directory.rglob(f"*{ending}")}
        found = []
        for shard in shards:
            with (shard / LOCK).open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue  # it lives
                close_all(shard)
                found.append(str(shard.relative_to(self.directory)))
        return found

    def has(self, key: str) -> bool:
        return (self.directory / key).exists()

    def modified(self, key: str) -> datetime:
        return datetime.fromtimestamp((self.directory / key).stat().st_mtime, UTC)

    def read(self, key: str) -> bytes:
        return (self.directory / key).read_bytes()

    def pieces(self, wanted: Sequence[Piece]) -> list[bytes | None]:
        opened: dict[str, int | None] = {}
        try:
            found: list[bytes | None] = []
            for key, offset, length in wanted:
                if key not in opened:
                    opened[key] = _opened(self.directory / key)
                descriptor = opened[key]
                found.append(None if descriptor is None else os.pread(descriptor, length, offset))
            return found
        finally:
            for descriptor in opened.values():
                if descriptor is not None:
                    os.close(descriptor)

    def write(self, key: str, content: bytes) -> None:
        write_whole(self.directory / key, content)

    def remember(self, key: str, index: bytes) -> None:
        """On a full disk the segment is read once more next time."""
        with contextlib.suppress(OSError):
            self.write(key, index)

    def for_each(self, do: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        return [do(item) for item in items]

    def move(self, key: str, target: str) -> None:
        (self.directory / key).rename(self.directory / target)

    def delete(self, key: str) -> None:
        (self.directory / key).unlink(missing_ok=True)


def used_bytes(shard: Path) -> int:
    """Of all segments of one shard's directory, and their indexes."""
    total = 0
    for path in shard.iterdir():
        if path.suffix in (OPEN, SEGMENT, INDEX_FILE):
            try:
                total += path.stat().st_size
            except FileNotFoundError:  # just sealed, or uploaded, and deleted
                continue
    return total


def close_all(shard: Path) -> None:
    """End the segments of a shard's directory that nobody writes to any more; nothing is lost but an end that is not whole."""
    for left_behind in shard.glob(f"*{OPEN}"):
        if hour_of(left_behind.name) and left_behind.is_file():
            left_behind.rename(left_behind.with_suffix(SEGMENT))
            sync_directory(shard)


def _is_segment(path: Path) -> bool:
    try:
        return hour_of(path.name) is not None and _begins_as_one(path)
    except OSError:  # gone meanwhile, a directory, or not ours to read
        return False


@lru_cache(maxsize=65536)
def _begins_as_one(path: Path) -> bool:
    """By its first bytes; what a killed writer had not even begun is an empty one."""
    with path.open("rb") as file:
        return MAGIC.startswith(file.read(len(MAGIC)))


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
