"""Where closed segments lie until the lake has them: a folder of this machine, or a bucket that all machines see.

::

    spool/SHARD/20261122T17-1795366800123456.segment   full, or of an hour that is over, or left by a writer that has gone
    spool/SHARD/20261122T17-1795366800123456.index     what that one holds: in a folder made when it is first asked for, in a
                                                       bucket what says that the segment is there as a whole
    spool/SHARD/20261122T18-1795370400765432.open      being written, begun at 18:00 UTC or later: in a folder only
    spool/SHARD/lease.json                             who collects the shard, and since when it has not uploaded: bucket only

The number is the time of the beginning in microseconds: no name is ever used again.

A damaged record takes no other with it: reading goes on at the next that is whole. What cannot be read is never deleted for
being in the lake: a file that is no segment of this version stays where it is, a segment with a hole in it becomes ``.damaged``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

import pyarrow as pa

from cctview_pipeline.spool.records import Record
from cctview_pipeline.spool.segments import DAMAGED, Segment, hour_of

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Piece = tuple[str, int, int]
"""A file's key, and of its bytes the first and how many."""


class SegmentStore(ABC):
    """place: the folder or the URI. Two stores of one place are the same."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SegmentStore) and self.place == other.place

    def __hash__(self) -> int:
        return hash(self.place)

    def __str__(self) -> str:
        return self.place

    def segments(self, hours: Iterable[datetime] | None = None) -> list[Segment]:
        """Those that nobody writes to any more, of all shards, sorted: told by their names, without being read. hours: only those
        begun in one of them."""
        wanted = None if hours is None else set(hours)
        found = (Segment(self, key) for key in sorted(self.whole()))
        return [segment for segment in found if wanted is None or segment.hour in wanted]

    def unreadable(self) -> list[Segment]:
        """What is named like a segment and is none that this version reads: of another version, or damaged in its first bytes.

        It stays where it is, and nothing of it reaches the lake.
        """
        return [Segment(self, key) for key in sorted(self.odd())]

    def damaged(self) -> list[Segment]:
        """Segments with a hole, set aside after what could be read of them was in the lake."""
        return [Segment(self, key) for key in sorted(self.keys(DAMAGED)) if hour_of(key.rpartition("/")[2])]

    def records(self) -> Iterator[Record]:
        """Of all segments."""
        for segment in self.segments():
            yield from segment.read()

    def indexes(self, of: Sequence[Segment]) -> list[pa.Table]:
        """Those of several segments."""
        return self.for_each(Segment.index, of)

    def notes(self, name: str) -> list[tuple[str, bytes]]:
        """What collectors noted beside the segments under a name, all of them for all shards or each for its own: (where,
        content)."""
        found = []
        for key in sorted(self.keys(name)):
            if key.rpartition("/")[2] == name:
                try:
                    found.append((f"{self.place}/{key}", self.read(key)))
                except FileNotFoundError:
                    continue
        return found

    def remember(self, key: str, index: bytes) -> None:
        """Keep an index that was made anew, where that is possible."""
        self.write(key, index)

    @abstractmethod
    def keys(self, ending: str) -> list[str]:
        """Of the files whose names end so."""

    @abstractmethod
    def whole(self) -> list[str]:
        """The keys of closed segments of this version."""

    @abstractmethod
    def odd(self) -> list[str]:
        """The keys of what is named ``.segment`` and is none."""

    @abstractmethod
    def left_behind(self) -> list[str]:
        """The keys of what nobody finished writing, nor will."""

    @abstractmethod
    def written_hours(self) -> list[datetime]:
        """The hours that writers may still add to, which are the first of all those that can't be sealed yet."""

    @abstractmethod
    def close_left_behind(self) -> None:
        """Close the segments of writers that were killed, so that what they wrote can be sealed without a new writer."""

    @abstractmethod
    def has(self, key: str) -> bool:
        """Whether there is such a file."""

    @abstractmethod
    def modified(self, key: str) -> datetime:
        """When the file was written. Raises FileNotFoundError."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """Raises FileNotFoundError where there is none."""

    @abstractmethod
    def pieces(self, wanted: Sequence[Piece]) -> list[bytes | None]:
        """Parts of files, without the rest; None of a file that has gone."""

    @abstractmethod
    def write(self, key: str, content: bytes) -> None:
        """Whole or not at all."""

    @abstractmethod
    def for_each(self, do: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        """Do something with each, in the way that is quickest here."""

    @abstractmethod
    def move(self, key: str, target: str) -> None:
        """Rename a file."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Nothing happens where there is none."""
