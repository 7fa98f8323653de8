"""JPEGs as they come from outside, read as libjpeg reads them (jdmarker.c): nonsense between segments is skipped, lengths are
taken as they are told, and what tells about the camera rather than the road is left out.

What is kept is the same picture in the plainest form: upright, with standard Huffman tables where it relies on them, and with
an end.
"""

import contextlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from cctview_pipeline.images import BadPicture, check_limit, check_size, decode, encode_jpeg, encode_like
from cctview_pipeline.images.exif import orientation
from cctview_pipeline.images.exif import told_time as exif_time
from cctview_pipeline.images.jpeg_zeros import are_flat, without_padding, zero_codes
from cctview_pipeline.limits import PICTURE_BYTES, PICTURE_LEAST_SIDE, PICTURE_SCANS

SOI, EOI, SOS, COM = 0xD8, 0xD9, 0xDA, 0xFE
DHT, DQT, DRI = 0xC4, 0xDB, 0xDD
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
JFIF, EXIF, ADOBE = 0xE0, 0xE1, 0xEE
_FRAMES = {*range(0xC0, 0xD0)} - {DHT, 0xC8, 0xCC}
_BARE = {0x01, *range(0xD0, 0xD8)}
"""Markers without a length: TEM and the restarts."""
_KNOWN = {*_BARE, *_FRAMES, 0xCC, *range(0xD8, 0xDE), *range(0xE0, 0xF0), DHT, COM}
_MARKER = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
"""The next marker that is neither a stuffed zero nor a restart."""
_OTHERS = {
    b"\x89PNG": "a PNG",
    b"GIF8": "a GIF",
    b"RIFF": "a WebP",
    b"BM": "a BMP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"\0\0\0\x0cjP": "a JPEG 2000",
}
_FTYP = {b"avif": "an AVIF", b"avis": "an AVIF", b"heic": "a HEIC", b"heix": "a HEIC", b"mif1": "a HEIF"}
"""Brands of ISO base media files (ISO/IEC 14496-12, 4.3), which stand behind ``ftyp``."""
_UPRIGHT = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}
"""EXIF's orientation -> how the picture is turned to stand upright."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jpeg:
    """A picture without what tells about the camera. data: the JPEG; width, height: px; captured_at: UTC, by an Axis camera's
    comment, or None; exif: the bytes of its EXIF as they came, or nothing."""

    data: bytes
    width: int
    height: int
    captured_at: datetime | None
    exif: bytes = b""


def read(data: bytes) -> Jpeg:
    """A picture from outside, its coded data not looked at, in some 40 us: whether all of it is there, only a decoder can tell.

    One without an end marker and one that EXIF turns are decoded. Raises BadPicture, and nothing else.
    """
    check_limit(PICTURE_BYTES, len(data))
    outline, ended = _Outline(), True
    try:
        for marker, piece in segments(data):
            outline.take(marker, piece)
    except BadPicture as error:
        if error.reason != "truncated" or not outline.scans:
            raise
        ended = False
        outline.kept.append(b"\xff\xd9")
    outline.check()
    kept, width, height = b"".join(outline.kept), outline.width, outline.height
    turned = orientation(outline.exif) if outline.exif else 1
    if turned in _UPRIGHT:
        upright = np.ascontiguousarray(_UPRIGHT[turned](decode(kept, whole=True)))
        kept, (height, width) = encode_like(upright, kept), upright.shape[:2]
    elif not ended:
        decode(kept, whole=True)
    return Jpeg(data=kept, width=width, height=height, captured_at=outline.captured_at, exif=outline.exif)


def read_whole(data: bytes) -> Jpeg:
    """A picture from outside of which every pixel is there. Raises BadPicture, and nothing else."""
    picture = read(data)
    decode(picture.data, whole=True)
    return picture


def strip_metadata(data: bytes) -> bytes:
    """The same picture without comments and application segments, and without anything after its end. Raises BadPicture.

    Comments hold the camera's hardware address, application segments EXIF. Two segments are kept because decoders
    need them for the colours: JFIF's header (APP0) and Adobe's (APP14).
    """
    return read(data).data


def capture_time(data: bytes) -> datetime | None:
    """When an Axis camera took the picture, by its comment. Raises BadPicture."""
    return next((time for marker, piece in segments(data) if marker == COM and (time := _axis_time(piece))), None)


def told_time(head: bytes) -> datetime | None:
    """When a JPEG says that it was taken: by an Axis camera's comment, or by EXIF, and then naive where that names no zone. head:
    as much of it as stands before its coded data. None also for what is no JPEG."""
    exif: datetime | None = None
    with contextlib.suppress(BadPicture):
        for marker, piece in segments(head):
            if marker == SOS:
                break
            if marker == COM and (axis := _axis_time(piece)):
                return axis
            if marker == EXIF and exif is None and piece.startswith(b"Exif\0\0", 4):
                exif = exif_time(piece[4:])
    return exif


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, bytes with the marker) of every segment, a scan's coded data with its SOS, up to EOI. Raises BadPicture where
    libjpeg gives up, and where there is no end."""
    if not data.startswith(b"\xff\xd8"):
        raise _no_jpeg(data)
    yield SOI, data[:2]
    position = 2
    while found := _MARKER.search(data, position):
        position, marker = found.start(), found[1][0]
        if marker == EOI:
            yield EOI, b"\xff\xd9"
            return
        if marker == SOI or marker not in _KNOWN:
            raise BadPicture("undecodable", f"It has a marker that no picture has: FF {marker:02X}.")
        if marker in _BARE:
            position += 2
            continue
        if position + 4 > len(data):
            break
        length = struct.unpack_from(">H", data, position + 2)[0]
        # libjpeg takes a length of less than its own two bytes for no content.
        end = position + 2 + max(length, 2)
        if end > len(data):
            break
        piece = data[position : position + 2] + struct.pack(">H", max(length, 2)) + data[position + 4 : end]
        if marker == SOS:
            coded = _END_OF_SCAN.search(data, end)
            begin, end = end, coded.start() if coded else len(data)
            piece += data[begin:end].rstrip(b"\xff")  # fill bytes before the marker
        yield marker, piece
        position = end
    raise BadPicture("truncated", f"It ends after {len(data):,} bytes without an end marker.")


def with_camera_comments(data: bytes, address: bytes, captured_at: datetime) -> bytes:
    """The picture as an Axis camera sends it: behind the JFIF header a comment with its hardware address and one with the time
    of capture, cut to the centisecond. For servers that stand in for cameras."""
    clock = b"\x0a\x01" + struct.pack(">IB", int(captured_at.timestamp()), captured_at.microsecond // 10_000)
    return with_comments(data, address, clock)


def with_comments(data: bytes, *texts: bytes) -> bytes:
    """The picture with comments behind the JFIF header, where they belong, or where that would be."""
    begin, header, *rest = (piece for _, piece in segments(data))
    comments = [struct.pack(">BBH", 0xFF, COM, 2 + len(text)) + text for text in texts]
    return b"".join([begin, header, *comments, *rest] if header[1] == JFIF else [begin, *comments, header, *rest])


@dataclass(kw_only=True)
class _Outline:
    """What is gathered of a picture, segment by segment. kept: pieces of the plain form; coded: component -> which of its 64
    coefficients scans gave to the last bit, a bit each; zeros: Huffman table -> what its code of zero bits means."""

    kept: list[bytes] = field(default_factory=list)
    width: int = 0
    height: int = 0
    captured_at: datetime | None = None
    exif: bytes = b""
    frame: int | None = None
    components: bytes = b""
    scans: int = 0
    coded: dict[int, int] = field(default_factory=dict)
    zeros: dict[int, int] = field(default_factory=dict)
    colours: set[int] = field(default_factory=set)

    def take(self, marker: int, piece: bytes) -> None:
        if marker == DHT:
            self.zeros |= zero_codes(piece)
        elif marker == DQT:
            _check_divisors(piece)
        elif marker in (SOI, EOI, DRI):
            pass
        elif marker in _FRAMES:
            self._frame(marker, piece)
        elif marker == SOS:
            piece = self._scan(piece)
        elif marker in (JFIF, ADOBE) and marker not in self.colours:
            piece = _colour_header(marker, piece)
            self.colours |= {marker} if piece else set()
        else:
            if marker == COM and self.captured_at is None:
                self.captured_at = _axis_time(piece)
            elif marker == EXIF and not self.exif and piece.startswith(b"Exif\0\0", 4):
                self.exif = piece[4:]
            return
        self.kept.append(piece)

    def _frame(self, marker: int, piece: bytes) -> None:
        if self.frame is not None:
            raise BadPicture("undecodable", "It has two frame headers.")
        if marker not in (BASELINE, EXTENDED, PROGRESSIVE):
            raise BadPicture("undecodable", "It is coded in a way that common viewers do not show: arithmetic, lossless or such.")
        if len(piece) < 10 or len(piece) != 10 + 3 * piece[9]:
            raise BadPicture("undecodable", "Its frame header is damaged.")
        bits, self.height, self.width, count = struct.unpack_from(">BHHB", piece, 4)
        self.frame, self.components = marker, piece[10::3]
        if bits != 8:
            raise BadPicture("undecodable", f"It has {bits} bits a sample; cameras send 8.")
        if count not in (1, 3, 4) or not self.width * self.height:
            raise BadPicture("undecodable", f"It has {count} colours and {self.width} x {self.height} pixels.")
        check_size(self.width, self.height)
        if min(self.width, self.height) < PICTURE_LEAST_SIDE:
            raise BadPicture(
                "too_small", f"It has {self.width} x {self.height} pixels; a camera's has {PICTURE_LEAST_SIDE} a side or more."
            )

    def _scan(self, piece: bytes) -> bytes:
        """A scan as it is kept. Raises BadPicture."""
        count = piece[4] if len(piece) > 4 else 0
        header = 4 + 1 + 2 * count + 3
        if self.frame is None or not 1 <= count <= 4 or struct.unpack_from(">H", piece, 2)[0] + 2 != header:
            raise BadPicture("undecodable", "Its scan header is damaged.")
        self.scans += 1
        check_limit(PICTURE_SCANS, self.scans)
        first, last, bits = piece[header - 3 : header]
        if self.frame != PROGRESSIVE:
            first, last, bits = 0, 63, 0  # whatever it says: libjpeg does not look
            if not self.zeros:
                for table in _standard_tables():
                    self.take(DHT, table)
        if not bits & 15 and first <= last <= 63:
            for component in piece[5 : header - 3 : 2]:
                self.coded[component] = self.coded.get(component, 0) | (2 << last) - (1 << first)
        refines = bits >> 4
        return piece if refines or are_flat(piece[6 : header - 3 : 2], self.zeros, first, last) else without_padding(piece)

    def check(self) -> None:
        """Raises BadPicture unless there was a scan of every coefficient of every component."""
        if self.frame is None or not self.scans:
            raise BadPicture("undecodable", "It has no picture in it.")
        if any(self.coded.get(component) != (1 << 64) - 1 for component in self.components):
            raise BadPicture("truncated", "It ends before its last scan.")


def _no_jpeg(data: bytes) -> BadPicture:
    if not data:
        return BadPicture("empty", "Nothing came.")
    if data == b"\xff":
        return BadPicture("truncated", "It ends after 1 byte.")
    other = next((name for beginning, name in _OTHERS.items() if data.startswith(beginning)), None)
    if name := other or (_FTYP.get(data[8:12]) if data[4:8] == b"ftyp" else None):
        return BadPicture("placeholder", f"It is {name}; cameras send JPEG.")
    begin = data[:12].decode("ascii", "replace").strip()
    shown = f"'{begin}'" if begin.isprintable() and begin.isascii() else data[:12].hex(" ")
    return BadPicture("no_picture", f"It does not begin as a JPEG does, but with {shown}.")


def _check_divisors(tables: bytes) -> None:
    """Raises BadPicture for a quantisation table with a zero (ITU T.81, B.2.4.1): all would be grey."""
    position = 4
    while position < len(tables):
        width = 2 if tables[position] >> 4 else 1
        table = tables[position + 1 : position + 1 + 64 * width]
        if 0 in (table if width == 1 else (high | low for high, low in zip(table[::2], table[1::2], strict=False))):
            raise BadPicture("undecodable", "Its quantisation table has a zero.")
        position += 1 + 64 * width


def _axis_time(comment: bytes) -> datetime | None:
    """A comment ``0A 01``, big-endian Unix seconds, then centiseconds."""
    if comment[4:6] == b"\x0a\x01" and len(comment) >= 11:
        seconds, centiseconds = struct.unpack_from(">IB", comment, 6)
        if centiseconds < 100:
            return datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=10 * centiseconds)
    return None


def _colour_header(marker: int, piece: bytes) -> bytes:
    """JFIF's or Adobe's header without a thumbnail or anything else behind it; nothing for another application's."""
    if marker == JFIF and piece.startswith(b"JFIF\0", 4) and len(piece) >= 18:
        return piece if len(piece) == 18 and piece[16:] == b"\0\0" else b"\xff\xe0\0\x10" + piece[4:16] + b"\0\0"
    if marker == ADOBE and piece.startswith(b"Adobe", 4) and len(piece) >= 16:
        return b"\xff\xee\0\x0e" + piece[4:16]
    return b""


@cache
def _standard_tables() -> tuple[bytes, ...]:
    """The Huffman tables (ITU T.81, annex K) that the frames of a Motion JPEG leave out."""
    any_picture = encode_jpeg(np.zeros((16, 16, 3), np.uint8))
    return tuple(piece for marker, piece in segments(any_picture) if marker == DHT)
