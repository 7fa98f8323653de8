"""JPEG segments: reading the capture time, and leaving out what tells about the camera rather than the road."""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

SOI, EOI, SOS, COM = 0xD8, 0xD9, 0xDA, 0xFE
_BARE = {0x01, *range(0xD0, 0xD8)}
"""Markers without a length: TEM and the restarts."""


class DamagedJpeg(ValueError):
    """The bytes are no JPEG, or end too early. ``truncated`` tells the two apart."""

    def __init__(self, message: str, truncated: bool) -> None:
        super().__init__(message)
        self.truncated = truncated

    @property
    def reason(self) -> str:
        """As rejected_frames names it."""
        return "truncated" if self.truncated else "undecodable"


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, bytes with the marker) of every segment, a scan's coded data with its SOS, up to EOI."""
    if data[:2] != b"\xff\xd8":
        raise DamagedJpeg("It does not begin as a JPEG does.", truncated=b"\xff\xd8".startswith(data))
    yield SOI, data[:2]
    position = 2
    while True:
        if position + 2 > len(data):
            raise DamagedJpeg(f"It ends after {len(data)} bytes without an end marker.", truncated=True)
        if data[position] != 0xFF:
            raise DamagedJpeg(f"There is no marker at byte {position}.", truncated=False)
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == EOI:
            yield EOI, data[position : position + 2]
            return
        if marker in _BARE:
            end = position + 2
        elif position + 4 > len(data):
            raise DamagedJpeg(f"It ends inside a segment after {len(data)} bytes.", truncated=True)
        else:
            end = position + 2 + struct.unpack_from(">H", data, position + 2)[0]
            if marker == SOS:
                end = _end_of_scan(data, end)
        if end > len(data):
            raise DamagedJpeg(f"It ends inside a segment after {len(data)} bytes.", truncated=True)
        yield marker, data[position:end]
        position = end


def _end_of_scan(data: bytes, position: int) -> int:
    """The next marker that is neither a stuffed zero nor a restart."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            return len(data) + 1
        if data[position + 1] != 0 and data[position + 1] not in _BARE and data[position + 1] != 0xFF:
            return position
        position += 1 if data[position + 1] == 0xFF else 2


def damage(data: bytes) -> str:
    """Why a decoder refuses these bytes, as rejected_frames names it: ``truncated`` when they end too early, whatever the decoder
    says of them, else ``undecodable``."""
    try:
        for _ in segments(data):
            pass
    except DamagedJpeg as error:
        return error.reason
    return "undecodable"


def strip_metadata(data: bytes) -> bytes:
    """The same picture without comments and application segments, and without anything after its end.

    Comments hold the camera's hardware address, application segments EXIF. Two segments are kept because decoders
    need them for the colours: JFIF's header (APP0) and Adobe's (APP14).
    """
    return b"".join(piece for marker, piece in segments(data) if not is_metadata(marker, piece))


def with_camera_comments(data: bytes, address: bytes, captured_at: datetime) -> bytes:
    """The picture as an Axis camera sends it: behind the JFIF header a comment with its hardware address and one with the time
    of capture, cut to the centisecond. For servers that stand in for cameras."""
    clock = b"\x0a\x01" + struct.pack(">IB", int(captured_at.timestamp()), captured_at.microsecond // 10_000)
    begin, header, *rest = (piece for _, piece in segments(data))
    comments = [struct.pack(">BBH", 0xFF, COM, 2 + len(payload)) + payload for payload in (address, clock)]
    return b"".join([begin, header, *comments, *rest])


def is_metadata(marker: int, piece: bytes) -> bool:
    """Whether a segment, its bytes with the marker, is one that :func:`strip_metadata` leaves out."""
    if marker == 0xE0:
        return not piece[4:].startswith(b"JFIF\0")
    if marker == 0xEE:
        return not piece[4:].startswith(b"Adobe")
    return marker == COM or 0xE1 <= marker <= 0xEF


def capture_time(data: bytes) -> datetime | None:
    """When an Axis camera took the picture: a comment ``0A 01``, big-endian Unix seconds, then centiseconds."""
    for marker, piece in segments(data):
        if marker == COM and piece[4:6] == b"\x0a\x01" and len(piece) >= 11:
            seconds, centiseconds = struct.unpack_from(">IB", piece, 6)
            if centiseconds < 100:
                return datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=10 * centiseconds)
    return None
