"""Records of the spool, byte by byte: each with its length and checksum, so that one that is damaged takes no other with it."""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain

from cctview_pipeline.ids import is_camera_id

MAGIC = b"CCTVSP01"
HEAD = struct.Struct("<IIBHqq")
"""Of a record: its payload's length, the checksum of everything behind the checksum, its kind, its camera's length, and two
times in microseconds since 1970."""
_LIKE_A_HEAD = re.compile(rb"(?s)(?=.{3}\x00.{4}[\x01\x02].\x00.{6}[\x00-\x0e]\x00.{6}[\x00-\x0e]\x00)")
"""Where a record may begin: of less than 16 MiB, a known kind, a name of less than 256 bytes, and two times before 2100."""
LATEST_US = 4_102_444_800_000_000
"""The beginning of 2100. No collector was right about a later time, and an hour that is never over would hold its segment for
ever."""


class Kind(IntEnum):
    """What a record's payload is: a JPEG without metadata, or JSON about a camera or the collector itself."""

    FRAME = 1
    EVENT = 2


_KINDS = frozenset(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """kind; camera_id; captured_us, fetched_us: UTC, since 1970; payload."""

    kind: Kind
    camera_id: str
    captured_us: int
    fetched_us: int
    payload: bytes


def records(data: bytes) -> Iterator[tuple[int, Record | None]]:
    """Of a segment: (offset, record), and (number of bytes, None) for what lies there and is no whole record of this version.

    An end that was not written whole is nothing: nobody was told that it was there.
    """
    if not data.startswith(MAGIC):
        if not MAGIC.startswith(data):
            yield len(data), None
        return
    position = len(MAGIC)
    while (end := _end_at(data, position)) is not None:
        if is_whole(data[position : position + HEAD.size], data[position + HEAD.size : end]):
            record = decode(data[position : position + HEAD.size], data[position + HEAD.size : end])
            yield (position, record) if record else (end - position, None)
            position = end
        elif (following := _next_whole(data, position, end)) is not None:
            yield following - position, None
            position = following
        else:
            if end == len(data):
                yield end - position, None
            return


def _end_at(data: bytes, position: int) -> int | None:
    """Where a record ends by its own word; None where not even a head is."""
    if position + HEAD.size > len(data):
        return None
    length, _, _, name, *_ = HEAD.unpack_from(data, position)
    return position + HEAD.size + name + length


def _next_whole(data: bytes, position: int, end: int) -> int | None:
    """Where reading can go on behind a record that is not whole: at its end, if its length is right, else wherever one begins."""
    candidates = (match.start() for match in _LIKE_A_HEAD.finditer(data, position + 1))
    for begin in chain([end], candidates):
        stop = _end_at(data, begin)
        if stop is not None and is_whole(data[begin : begin + HEAD.size], data[begin + HEAD.size : stop]):
            return begin
    return None


def is_whole(head: bytes, body: bytes) -> bool:
    """By its length and its checksum."""
    length, checksum, _, name, *_ = HEAD.unpack(head)
    return len(body) == name + length and zlib.crc32(body, zlib.crc32(head[8:])) == checksum


def encode(record: Record) -> bytes:
    """A record's bytes in a segment: head, camera's id, payload. :func:`decode` reads them."""
    camera = record.camera_id.encode()
    head = HEAD.pack(len(record.payload), 0, record.kind, len(camera), record.captured_us, record.fetched_us)
    body = camera + record.payload
    return head[:4] + struct.pack("<I", zlib.crc32(body, zlib.crc32(head[8:]))) + head[8:] + body


def decode(head: bytes, body: bytes) -> Record | None:
    """A record that is whole, or None for one of another version."""
    _, _, kind, name, captured, fetched = HEAD.unpack(head)
    camera, times = body[:name].decode("ascii", "replace"), (captured, fetched)
    known = kind in _KINDS and (not camera or is_camera_id(camera)) and all(0 <= time <= LATEST_US for time in times)
    return (
        Record(kind=Kind(kind), camera_id=camera, captured_us=captured, fetched_us=fetched, payload=body[name:])
        if known
        else None
    )
