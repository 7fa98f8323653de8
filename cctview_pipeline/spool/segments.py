"""A segment of the spool, wherever it lies, and what is read of several together."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.spool.index import INDEX, index_of, read_index, spans, unread_in, written_index
from cctview_pipeline.spool.records import HEAD, MAGIC, Kind, Record, decode, encode, is_whole, records

if TYPE_CHECKING:
    from cctview_pipeline.spool.store import SegmentStore

HOUR_FORMAT = "%Y%m%dT%H"
SEGMENT, OPEN, DAMAGED, INDEX_FILE = ".segment", ".open", ".damaged", ".index"
_NAME = re.compile(r"(\d{8}T\d{2})-(\d{16,20})\.(?:segment|open|damaged)")
_AT_ONCE = 64
"""Records that are fetched together: enough for a store that answers after some milliseconds, and little memory."""


def utc(microseconds: int) -> datetime:
    """Since 1970 -> a time, to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def microseconds(time: datetime) -> int:
    """The other way round."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@lru_cache(maxsize=65536)
def hour_of(name: str) -> datetime | None:
    """In which a segment was begun, by its file's name; None for another file's."""
    match = _NAME.fullmatch(name)
    try:
        return datetime.strptime(match[1], HOUR_FORMAT).replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def number_of(name: str) -> int:
    """When a segment was begun, in microseconds. Raises ValueError for another file's name."""
    if match := _NAME.fullmatch(name):
        return int(match[2])
    raise ValueError(f"{name} is no segment of the spool.")


@dataclass(frozen=True)
class Segment:
    """store: where it lies; key: ``SHARD/NAME.segment`` there. A name is never used again, so what is known of one stays true."""

    store: "SegmentStore"
    key: str

    def __str__(self) -> str:
        return f"{self.store.place}/{self.key}"

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def shard(self) -> str:
        return self.key.rpartition("/")[0]

    @property
    def hour(self) -> datetime | None:
        """In which it was begun."""
        return hour_of(self.name)

    @property
    def path(self) -> Path:
        """Of one in a folder."""
        return Path(self.store.place) / self.key

    @property
    def is_set_aside(self) -> bool:
        return self.key.endswith(DAMAGED)

    def index(self) -> pa.Table:
        """What it holds, as INDEX. Empty for one that is gone: what deleted it had found all of it in the lake.

        It lies beside the segment from the first time on: a thousand cameras fill 50 GB an hour, too much to read for one.
        """
        try:
            return _index(self)
        except FileNotFoundError:
            return INDEX.empty_table()

    def unread_bytes(self) -> int:
        """Between whole records: what was lost there is not in the index."""
        return unread_in(self.index())

    def read(self) -> Iterator[Record]:
        """The records that are whole."""
        for _, record in records(self.store.read(self.key)):
            if record is not None:
                yield record

    def delete(self) -> None:
        """One whose records are in the lake. The index goes last: one that is alone tells nobody of a segment."""
        self.store.delete(self.key)
        self.store.delete(self._beside(INDEX_FILE))

    def set_aside(self) -> "Segment":
        """One whose readable records are in the lake, and that holds others: out of the way, for a person to look at."""
        target = self._beside(DAMAGED)
        self.store.move(self.key, target)
        self.store.delete(self._beside(INDEX_FILE))
        return Segment(self.store, target)

    def rewrite(self, change: Callable[[Record], Record | None]) -> int:
        """Put the records into another segment as far as change keeps them; returns how many it changed or left out.

        The new one has a name of its own, since others remember what lies where in the old one, which goes last: who is killed
        in between leaves both, and the next call ends the work.
        """
        before = list(self.read())
        after = [change(record) for record in before]
        touched = sum(new is not old for new, old in zip(after, before, strict=True))
        if not touched:
            return 0
        target = self.free_name()
        content = MAGIC + b"".join(encode(record) for record in after if record is not None)
        self.store.write(target, content)
        self.store.write(_index_key(target), written_index(index_of(content)))
        self.delete()
        return touched

    def free_name(self) -> str:
        """A key of the same hour that no segment has."""
        hour, number = self.name.split("-")[0], number_of(self.name) + 1
        while self.store.has(key := f"{self.shard}/{hour}-{number:016d}{SEGMENT}"):
            number += 1
        return key

    def _beside(self, suffix: str) -> str:
        return self.key.removesuffix(SEGMENT) + suffix


def _index_key(key: str) -> str:
    return key.removesuffix(SEGMENT) + INDEX_FILE


@lru_cache(maxsize=4096)
def _index(segment: Segment) -> pa.Table:
    store, key = segment.store, _index_key(segment.key)
    try:
        found = read_index(store.read(key))
    except FileNotFoundError:
        found = None
    if found is None:  # none yet, or one that is damaged or of another version: it is made anew
        found = index_of(store.read(segment.key))
        store.remember(key, written_index(found))
    return found


def contents(of: Sequence[Segment]) -> pa.Table:
    """The indexes of several segments, with columns ``segment``, the number in the sequence, and ``length``, bytes to read."""
    return _contents(tuple(of))


@lru_cache(maxsize=8)  # one camera's hour after the other is looked for in the same segments
def _contents(of: tuple[Segment, ...]) -> pa.Table:
    if not of:
        return INDEX.append(pa.field("segment", pa.int32())).append(pa.field("length", pa.int64())).empty_table()
    parts = []
    for number, rows in enumerate(of[0].store.indexes(of)):
        rows = rows.append_column("segment", pa.repeat(pa.scalar(number, pa.int32()), len(rows)))
        parts.append(rows.append_column("length", spans(rows)).replace_schema_metadata())
    return pa.concat_tables(parts)


def read_rows(of: Sequence[Segment], rows: pa.Table) -> Iterator[Record]:
    """The records of rows of ``contents(of)``, in the order of the rows, less those of segments that have gone to the lake.

    Nothing else of the segments is read. One that was damaged since comes without its payload.
    """
    for begin in range(0, len(rows), _AT_ONCE):
        some = rows.slice(begin, _AT_ONCE).to_pylist()
        pieces = of[0].store.pieces([(of[row["segment"]].key, row["offset"], row["length"]) for row in some])
        yield from (_record(row, piece) for row, piece in zip(some, pieces, strict=True) if piece is not None)


def _record(row: dict, piece: bytes) -> Record:
    head = piece[: HEAD.size]
    if len(head) == HEAD.size:
        length, _, _, name, *_ = HEAD.unpack(head)
        body = piece[HEAD.size : HEAD.size + name + length]
        if is_whole(head, body) and (record := decode(head, body)):
            return record
    times = {name: row[name] for name in ("captured_us", "fetched_us")}
    return Record(kind=Kind(row["kind"]), camera_id=row["camera_id"], payload=b"", **times)


def frame_rows(rows: pa.Table) -> pa.Table:
    """Of an index, or of the contents of several segments: the rows that are pictures."""
    return rows.filter(pc.equal(rows["kind"], Kind.FRAME))
