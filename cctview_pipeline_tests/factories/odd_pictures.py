"""Pictures as the world sends them, made by code: good ones in odd clothes, damaged ones, and what is none.

Of each in ``odd_pictures()``, ``data`` is what comes from a camera, ``reason`` why it is refused, and where it is not, ``pixels``
what every viewer shows.
"""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import simplejpeg
from PIL import Image

from cctview_pipeline_tests.factories.archive import HOUR_17, MAC_COMMENT, add_comments, clock_comment, draw_frame, traffic

SOI, EOI = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True)
class OddPicture:
    """data: as it comes; reason: why it is refused, nothing where it is a picture; pixels: (H, W, 3) that it then shows."""

    data: bytes
    reason: str = ""
    pixels: np.ndarray | None = None


def segment(marker: int, payload: bytes, length: int | None = None) -> bytes:
    """A segment of a JPEG. length: what it says of itself, where that is a lie."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2 if length is None else length) + payload


def exif_segment(orientation: int = 1, taken: str = "2020:05:05 17:03:04", thumbnail: bytes = b"") -> bytes:
    """An APP1 with orientation and time of capture. thumbnail: bytes behind it, such as a small JPEG of its own."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8769)[0x9003] = taken
    return segment(0xE1, b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0") + thumbnail)


def behind_header(jpeg: bytes, *pieces: bytes) -> bytes:
    """A plain JPEG with bytes put in behind its JFIF header."""
    end = 4 + struct.unpack_from(">H", jpeg, 4)[0]
    return jpeg[:end] + b"".join(pieces) + jpeg[end:]


def place_of(jpeg: bytes, marker: int, number: int = 0) -> tuple[int, int]:
    """Where a segment of a plain JPEG begins and ends, its marker with it; of several the one with the number."""
    position = 2
    while True:
        end = position + 2 + struct.unpack_from(">H", jpeg, position + 2)[0]
        if jpeg[position + 1] == marker and not number:
            return position, end
        number -= jpeg[position + 1] == marker
        position = end


def without(jpeg: bytes, *markers: int) -> bytes:
    """A plain JPEG without all segments of some kinds."""
    for marker in markers:
        while jpeg.find(bytes([0xFF, marker]), 0, place_of(jpeg, 0xDA)[0]) >= 0:
            begin, end = place_of(jpeg, marker)
            jpeg = jpeg[:begin] + jpeg[end:]
    return jpeg


def half_a_scan(jpeg: bytes, share: float = 0.5, end: bytes = EOI) -> bytes:
    """A JPEG of one scan that ends after a share of it, with an end marker all the same."""
    begin = place_of(jpeg, 0xDA)[1]
    cut = begin + int((len(jpeg) - 2 - begin) * share)
    return jpeg[: cut - (jpeg[cut - 1] == 0xFF)] + end


def says_size(jpeg: bytes, width: int, height: int, marker: int = 0xC0) -> bytes:
    """A JPEG that lies about its size."""
    begin, _ = place_of(jpeg, marker)
    return jpeg[: begin + 5] + struct.pack(">HH", height, width) + jpeg[begin + 9 :]


def encoded(pixels: np.ndarray, kind: str = "JPEG", mode: str = "RGB", **options) -> bytes:
    """Pixels (H, W, 3) in any format that Pillow writes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def shown(jpeg: bytes) -> np.ndarray:
    """The pixels of a picture that nothing is wrong with, (H, W, 3), by Pillow."""
    with Image.open(io.BytesIO(jpeg)) as opened:
        return np.asarray(opened.convert("RGB"))


@lru_cache(1)
def plain() -> bytes:
    """A plain baseline JPEG of 352 x 240 pixels."""
    return draw_frame(3.0, traffic(60))


@lru_cache(1)
def odd_pictures() -> dict[str, OddPicture]:
    """All of them, by name."""
    return {**_good(), **_turned(), **_damaged(), **_of_no_camera(), **_lies(), **_no_pictures()}


def _good() -> dict[str, OddPicture]:
    """What every viewer shows, and a camera may send."""
    jpeg = plain()
    small = Image.fromarray(shown(jpeg)).resize((48, 32))
    little = encoded(np.asarray(small))
    restarts = encoded(shown(jpeg), restart_marker_blocks=4)
    progressive = encoded(shown(jpeg), progressive=True)
    like_itself = {
        "plain": jpeg,
        "axis comments": add_comments(jpeg, clock_comment(HOUR_17), MAC_COMMENT),
        "progressive": progressive,
        "restart markers": restarts,
        "grey": encoded(shown(jpeg), mode="L"),
        "cmyk": encoded(shown(jpeg), mode="CMYK"),
        "flat, and so nothing but zero bits": encoded(np.full((240, 352, 3), 128, np.uint8), optimize=True),
        "optimized tables": encoded(shown(jpeg), optimize=True),
        "odd sides": encoded(shown(jpeg)[:-7, :-5]),
        "sixteen pixels": encoded(shown(jpeg)[100:116, 100:116]),
        "sampled as has no name": _sampled_like_no_other(jpeg),
        **{f"sampled {how}": _sampled(shown(jpeg), how) for how in ("444", "422", "440", "411")},
    }
    as_plain = {
        "no jfif header": jpeg[:2] + jpeg[place_of(jpeg, 0xE0)[1] :],
        "comment says 0": behind_header(jpeg, segment(0xFE, b"", 0)),
        "comment says 1": behind_header(jpeg, segment(0xFE, b"", 1)),
        "comment too short": behind_header(jpeg, segment(0xFE, b"Dahua IPC-HFW, 2.800.0000", 8)),
        "comment says 0 and is long": behind_header(jpeg, segment(0xFE, b"Dahua IPC-HFW, 2.800.0000", 0)),
        "app1 too short": behind_header(jpeg, segment(0xE1, b"Exif\0\0MM and more that nobody reads", 10)),
        "garbage between segments": behind_header(jpeg, b"\0\1\2garbage"),
        "garbage with a stuffed byte": behind_header(jpeg, b"\1\xff\0\2"),
        "fill bytes": behind_header(jpeg, b"\xff" * 7),
        "a restart in the header": behind_header(jpeg, b"\xff\xd3\xff\x01"),
        "many comments": behind_header(jpeg, *[segment(0xFE, b"line") for _ in range(500)]),
        "the longest comment": behind_header(jpeg, segment(0xFE, b"x" * 65533)),
        "a comment with markers": behind_header(jpeg, segment(0xFE, b"\xff\xd9\xff\xda\xff\xd8")),
        "thumbnail in exif": behind_header(jpeg, exif_segment(thumbnail=little)),
        "exif that is broken": behind_header(jpeg, segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")),
        "exif with a year that is none": behind_header(jpeg, exif_segment(taken="0000:00:00 00:00:00")),
        "colour profile": behind_header(jpeg, segment(0xE2, b"ICC_PROFILE\0\1\1" + b"p" * 400)),
        "bytes behind the end": jpeg + b"\r\n--boundary\r\nContent-Type: image/jpeg\r\n\r\n",
        "zeros behind the end": jpeg + bytes(5000),
        "another picture behind the end": jpeg + little,
        "zeros before the end": jpeg[:-2] + bytes(9) + EOI,
        "many zeros before the end": jpeg[:-2] + bytes(5000) + EOI,
        "fill bytes before the end": jpeg[:-2] + b"\xff\xff\xff" + EOI,
        "comment behind the scan": jpeg[:-2] + segment(0xFE, b"late") + EOI,
        "no end marker": jpeg[:-2],
        "half an end marker": jpeg[:-1],
        "no huffman tables": without(jpeg, 0xC4),
        "avi1 without huffman tables": _avi1(jpeg),
        "a future jfif": behind_header(jpeg[:2] + segment(0xE0, b"JFIF\0\x07\x00\0\0\1\0\1\0\0") + jpeg[20:]),
    }
    found = {name: OddPicture(data, "", shown(data)) for name, data in like_itself.items()}
    found["progressive, no end marker"] = OddPicture(progressive[:-2], "", shown(progressive))
    return found | {name: OddPicture(data, "", shown(jpeg)) for name, data in as_plain.items()}


def _turned() -> dict[str, OddPicture]:
    """By EXIF, which viewers obey: the pixels are those of an upright picture, but for coding them once more."""
    pixels, jpeg = shown(plain()), plain()
    upright = {
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(pixels, 1),
    }
    found = {f"turned {how}": OddPicture(behind_header(jpeg, exif_segment(how)), "", to) for how, to in upright.items()}
    for how in (0, 1, 9, 65535):
        found[f"turned {how}, which is not"] = OddPicture(behind_header(jpeg, exif_segment(how)), "", pixels)
    return found


def _damaged() -> dict[str, OddPicture]:
    """Part of the pixels is missing, whatever stands at the end."""
    jpeg = plain()
    progressive, restarts = (encoded(shown(jpeg), **how) for how in ({"progressive": True}, {"restart_marker_blocks": 4}))
    scans = [i for i in range(len(progressive) - 1) if progressive[i : i + 2] == b"\xff\xda"]
    third_restart = restarts.index(b"\xff\xd3")
    cut = {
        "half a scan": half_a_scan(jpeg),
        "nearly a whole scan": half_a_scan(jpeg, 0.995),
        "hardly a scan": half_a_scan(jpeg, 0.01),
        "no scan": half_a_scan(jpeg, 0.0),
        "half a scan without an end": half_a_scan(jpeg, end=b""),
        "half a scan and zeros": half_a_scan(jpeg, end=bytes(40) + EOI),
        "half a scan, sampled as has no name": half_a_scan(_sampled_like_no_other(jpeg)),
        "half a scan and many zeros": half_a_scan(jpeg, end=bytes(30_000) + EOI),
        "half a grey scan": half_a_scan(encoded(shown(jpeg), mode="L")),
        "half a cmyk scan": half_a_scan(encoded(shown(jpeg), mode="CMYK")),
        "half a scan of restarts": half_a_scan(restarts),
        "progressive, half": progressive[: len(progressive) // 2] + EOI,
        "progressive, first scan only": progressive[: progressive.index(b"\xff\xc4", scans[0])] + EOI,
        "progressive, last scan missing": progressive[: progressive.rindex(b"\xff\xc4")] + EOI,
        "cut in its header": jpeg[:100],
        "cut before its scan": jpeg[: place_of(jpeg, 0xDA)[0]],
        "only a beginning": SOI,
        "half a beginning": b"\xff",
        "comment beyond the end": behind_header(jpeg, segment(0xFE, b"", 65535))[:9000],
        "a higher picture than its scan": says_size(jpeg, 352, 480),
    }
    bad = {
        "a marker in the scan": _in_scan(jpeg, b"\xff\x5a"),
        "nonsense in the scan": _in_scan(jpeg, b"\xff\0" * 40),
        "a restart lost": restarts[:third_restart] + restarts[restarts.index(b"\xff\xd5") :],
        "the last restart lost": restarts[: restarts.rindex(b"\xff\xd6")] + restarts[restarts.rindex(b"\xff\xd6") + 2 :],
        "a lower picture than its scan": says_size(jpeg, 352, 120),
        "a narrower picture than its scan": says_size(jpeg, 176, 240),
        "zeros as quantization table": _in_segment(jpeg, 0xDB, bytes(64)),
        "a zero in a quantization table": _in_segment(jpeg, 0xDB, b"\0"),
        "zeros in the scan": _in_scan(jpeg, bytes(100)),
        "many zeros in the scan": _in_scan(jpeg, bytes(2000)),
        "zeros in a progressive scan": progressive[: scans[1] + 40] + bytes(500) + progressive[scans[1] + 540 :],
        "two beginnings": SOI + jpeg,
        "no quantization tables": without(jpeg, 0xDB),
        "comment too long": behind_header(jpeg, segment(0xFE, b"Dahua", 200)),
        "no frame header": without(jpeg, 0xC0),
        "two frame headers": behind_header(jpeg, jpeg[slice(*place_of(jpeg, 0xC0))]),
        "no components": _frame_header(jpeg, 5, b"\0"),
        "nine components": _frame_header(jpeg, 5, b"\x09"),
        "sampled wildly": _frame_header(jpeg, 7, b"\xff"),
        "a reserved marker": behind_header(jpeg, segment(0xF5, b"what")),
        "a table that is none": behind_header(jpeg, segment(0xC4, b"\0" + b"\xff" * 16 + b"x" * 40)),
    }
    found = {name: OddPicture(data, "truncated") for name, data in cut.items()}
    return found | {name: OddPicture(data, "undecodable") for name, data in bad.items()}


def _of_no_camera() -> dict[str, OddPicture]:
    """Sound JPEGs of kinds that common viewers do not show: 12 bits a sample, arithmetic coding, lossless, hierarchical."""
    jpeg = plain()
    kinds = {"arithmetic": 0xC9, "lossless": 0xC3, "hierarchical": 0xC5}
    found = {f"{name} coding": _marked(jpeg, kind) for name, kind in kinds.items()} | {"12 bits": _frame_header(jpeg, 0, b"\x0c")}
    return {name: OddPicture(data, "undecodable") for name, data in found.items()}


def _lies() -> dict[str, OddPicture]:
    """Sizes that no camera's picture has."""
    jpeg, pixels = plain(), shown(plain())
    small = {f"{side} x {side}": encoded(pixels[:side, :side]) for side in (1, 2, 8, 15)} | {"a line": encoded(pixels[:1])}
    large = {
        "bomb": says_size(jpeg, 65500, 65500),
        "hundred megapixels": says_size(jpeg, 10_000, 10_000),
        "a side too long": says_size(jpeg, 40_000, 16),
        "too many bytes": jpeg[:-2] + bytes(9 << 20) + EOI,
    }
    none = {"no width": says_size(jpeg, 0, 240), "no height": says_size(jpeg, 352, 0)}
    return {
        **{name: OddPicture(data, "too_small") for name, data in small.items()},
        **{name: OddPicture(data, "too_large") for name, data in large.items()},
        **{name: OddPicture(data, "undecodable") for name, data in none.items()},
    }


def _no_pictures() -> dict[str, OddPicture]:
    pixels = shown(plain())
    others = {name: encoded(pixels, kind) for name, kind in (("png", "PNG"), ("gif", "GIF"), ("webp", "WEBP"), ("bmp", "BMP"))}
    answers = {
        "html": b"<!DOCTYPE html><html><body>No image</body></html>",
        "json": b'{"error": "camera is not there"}',
        "text": "Kamera gerade nicht verfügbar".encode("latin-1"),
        "zeros": bytes(4000),
        "line breaks before it": b"\r\n" + plain(),
        "video": b"\0\0\0\x20ftypisom" + bytes(400),
        "no beginning": plain()[1:],
    }
    return {
        "nothing": OddPicture(b"", "empty"),
        **{name: OddPicture(data, "placeholder") for name, data in others.items()},
        **{name: OddPicture(data, "no_picture") for name, data in answers.items()},
        "beginning and end": OddPicture(SOI + EOI, "undecodable"),
    }


def _sampled(pixels: np.ndarray, how: str) -> bytes:
    return simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), colorsubsampling=how)


def _sampled_like_no_other(jpeg: bytes) -> bytes:
    """A picture sampled 4:2:0 whose blocks are told to lie four above each other: another picture, of 8 x 32 pixels a unit."""
    return _frame_header(says_size(jpeg, 176, 480), 7, b"\x14")


def _avi1(jpeg: bytes) -> bytes:
    """A frame of a Motion JPEG as an AVI holds it."""
    end = place_of(jpeg, 0xE0)[1]
    return without(SOI + segment(0xE0, b"AVI1\0\0" + bytes(8)) + jpeg[end:], 0xC4)


def _in_scan(jpeg: bytes, nonsense: bytes) -> bytes:
    """A JPEG with bytes of its scan's middle replaced."""
    middle = (place_of(jpeg, 0xDA)[1] + len(jpeg)) // 2
    return jpeg[:middle] + nonsense + jpeg[middle + len(nonsense) :]


def _in_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    """A JPEG with the first bytes of a table replaced."""
    begin = place_of(jpeg, marker)[0] + 5
    return jpeg[:begin] + payload + jpeg[begin + len(payload) :]


def _frame_header(jpeg: bytes, offset: int, replacement: bytes) -> bytes:
    """offset: from the precision on."""
    position = place_of(jpeg, 0xC0)[0] + 4 + offset
    return jpeg[:position] + replacement + jpeg[position + len(replacement) :]


def _marked(jpeg: bytes, marker: int) -> bytes:
    position = place_of(jpeg, 0xC0)[0] + 1
    return jpeg[:position] + bytes([marker]) + jpeg[position + 1 :]


def mutated(data: bytes, changes: Sequence[tuple[str, int, bytes]]) -> bytes:
    """Bytes after changes in turn: (flip, put, cut or drop; where, modulo the length; what)."""
    for how, where, what in changes:
        place = where % (len(data) + 1)
        behind = place + len(what)
        if how == "flip":
            data = data[:place] + bytes(a ^ b for a, b in zip(data[place:behind], what, strict=False)) + data[behind:]
        elif how == "put":
            data = data[:place] + what + data[place:]
        elif how == "drop":
            data = data[:place] + data[behind:]
        elif how == "cut":
            data = data[:place]
    return data
