"""Pictures as bytes and as RGB arrays: the one place where a library decodes what somebody else has written.

JPEGs are read by libjpeg with its warnings taken seriously: where it has to make up pixels, a picture is not whole, whatever
stands at its end. No library's own words leave this module.
"""

import contextlib
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np
import simplejpeg
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images.size import Size
from cctview_pipeline.limits import PICTURE_BYTES, PICTURE_PIXELS, PICTURE_SCANS, PICTURE_SIDE, Limit

ImageLike: TypeAlias = bytes | np.ndarray
"""JPEG bytes, or an RGB array (H, W, 3) of uint8."""

REASONS = ("truncated", "undecodable", "empty", "no_picture", "placeholder", "too_small", "too_large", "not_masked")
"""Why bytes are no picture that is kept, as rejected_frames names it: part of it is missing; it is damaged, or of a kind that
common viewers do not show; nothing came; it is no picture at all; it is a PNG or another kind that cameras do not send; its
size is beyond the limits; people cannot be looked for in it."""

_INVENTS = {
    "premature end": "truncated",  # of the scan: libjpeg fills up with grey
    "Premature end": "truncated",  # of the file
    "runcated": "truncated",  # so Pillow says it
    "marker 0xd9 instead of RST": "truncated",  # the end, where a restart should be
    "bad Huffman code": "undecodable",
    "instead of RST": "undecodable",
    "extraneous bytes": "undecodable",  # before a restart that comes too late, or behind the last pixel
}
"""What libjpeg says (jerror.h, the same since 1991) where it has to make up pixels. Any other of its warnings is harmless."""
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
"""Of bytes between a picture's last pixel and its end."""
_MADE_UP = 128
"""The grey that it makes them up of."""
_ENDS_EARLY = "An image cannot be decoded: it ends early, and part of it is missing."
_DAMAGED = "An image cannot be decoded: it is damaged, or of a kind that is not known."
_OTHERS = ("PNG", "GIF", "WEBP", "BMP")
_KINDS = {b"\x89PNG\r\n\x1a\n": "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF"}
Image.MAX_IMAGE_PIXELS = None  # the limits are asked instead, before anything is decoded


class BadPicture(CctviewError):
    """Bytes that are no whole picture. reason: one of REASONS; as text one sentence, the same for the same bytes."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


def decode(image: ImageLike, whole: bool = False) -> np.ndarray:
    """An image as an RGB array (H, W, 3) of uint8. whole: not if part of it had to be made up, which is asked before anything is
    stored.

    Raises BadPicture for bytes that no viewer shows or that are beyond the limits, CctviewError for an array of another kind.
    """
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise CctviewError(f"An image must be RGB uint8 of shape (H, W, 3), not {image.dtype} of {image.shape}.")
        return image
    with _own_words():
        check_limit(PICTURE_BYTES, len(image))
        return _decode_jpeg(image, whole) if image.startswith(b"\xff\xd8") else _decode_by_pillow(image, *_OTHERS)


def kind_of(data: bytes) -> str:
    """PNG, GIF or WEBP, by a picture's first bytes; empty for anything else."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for begin, kind in _KINDS.items() if data.startswith(begin)), "")


def as_jpeg(data: bytes) -> bytes:
    """A PNG, a GIF or a WebP as JPEG, which is what frames are stored as. Raises BadPicture, also for one that moves: no camera's
    picture does."""
    with _own_words():
        check_limit(PICTURE_BYTES, len(data))
        with Image.open(io.BytesIO(data), formats=("PNG", "GIF", "WEBP")) as opened:
            check_size(*opened.size)
            if getattr(opened, "is_animated", False):
                raise BadPicture("placeholder", "It is a picture that moves; cameras send still ones.")
            return encode_jpeg(np.asarray(opened.convert("RGB")))


def decode_scaled(image: ImageLike, size: Size) -> np.ndarray:
    """An image scaled down to (or up to) a size, px, as an RGB array. A JPEG is first halved while it is decoded, which costs
    less than decoding it whole; for the rest every pixel is a mean of those it covers, or lies between those around it.

    Raises as :func:`decode`.
    """
    width, height = size
    pixels = _decode_halved(image, size) if isinstance(image, bytes) else decode(image)
    if pixels.shape[:2] == (height, width):
        return pixels
    smaller = width < pixels.shape[1] or height < pixels.shape[0]
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.HAMMING if smaller else Image.Resampling.BILINEAR))


def _decode_halved(jpeg: bytes, size: Size) -> np.ndarray:
    """No smaller than a size, and a half, a quarter or an eighth where that does."""
    with contextlib.suppress(Exception), _own_words():  # what cannot be read so is read, or refused, as all others
        check_limit(PICTURE_BYTES, len(jpeg))
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg)
        check_size(width, height)
        return simplejpeg.decode_jpeg(jpeg, "RGB", min_width=size[0], min_height=size[1])
    return decode(jpeg)


def decode_small(jpeg: bytes) -> np.ndarray:
    """An eighth of a JPEG, grey: (ceil(H / 8), ceil(W / 8)) uint8, for less of the cost. Raises BadPicture."""
    with _own_words(), Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as opened:
        check_size(*opened.size)
        opened.draft("L", (opened.width // 8, opened.height // 8))
        return np.asarray(opened.convert("L"))


def check_size(width: int, height: int) -> None:
    """Raises BadPicture for more pixels than are let in, before anything is decoded."""
    check_limit(PICTURE_SIDE, max(width, height))
    check_limit(PICTURE_PIXELS, width * height)


def check_limit(limit: Limit, found: float) -> None:
    """Raises BadPicture, with the limit's sentence, for more than it allows."""
    if not limit.allows(found):
        raise BadPicture("too_large", limit.says(found))


@contextmanager
def _own_words() -> Iterator[None]:
    """The barrier: whatever a library makes of other people's bytes, BadPicture comes of it."""
    try:
        yield
    except BadPicture:
        raise
    except Exception as error:
        raise _meaning_of(str(error)) from error


def _decode_jpeg(jpeg: bytes, whole: bool) -> np.ndarray:
    check_limit(PICTURE_SCANS, jpeg.count(b"\xff\xda"))
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(jpeg)
        check_size(width, height)
        inks = colours in ("CMYK", "YCCK")
        pixels = simplejpeg.decode_jpeg(jpeg, "CMYK" if inks else "RGB")
    except BadPicture:
        raise
    except Exception as error:
        padded = _is_padded(str(error), jpeg)
        if whole and not padded and any(words in str(error) for words in _INVENTS):
            raise
        pixels = _decode_by_pillow(jpeg, "JPEG")
        # Sampled in a way that has no name: libjpeg was not asked, and the last corner has to tell.
        if whole and not padded and (pixels[-4:, -4:] == _MADE_UP).all():
            raise BadPicture("truncated", _ENDS_EARLY) from error
        return pixels
    return np.asarray(Image.fromarray(255 - pixels, "CMYK").convert("RGB")) if inks else pixels


def _is_padded(told: str, jpeg: bytes) -> bool:
    """Whether libjpeg warns of zeros before the end, where nothing is missing. Others are pixels that it has not shown:
    the size is a lie, or codes were damaged."""
    left = _LEFT_OVER.search(told)
    end = jpeg.rfind(b"\xff\xd9")
    return left is not None and end >= 0 and not any(jpeg[max(0, end - int(left[1])) : end])


def _decode_by_pillow(data: bytes, *formats: str) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=formats) as opened:
        check_size(*opened.size)
        return np.asarray(opened.convert("RGB"))


def _meaning_of(told: str) -> BadPicture:
    """A library's words in ours."""
    reason = next((reason for words, reason in _INVENTS.items() if words in told), "undecodable")
    return BadPicture(reason, _ENDS_EARLY if reason == "truncated" else _DAMAGED)


def encode_jpeg(image: np.ndarray, quality: int = 95, subsampling: int = 0) -> bytes:
    """An RGB array as JPEG, chroma not subsampled unless asked: crops are too small to give half their colour away."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


def encode_like(image: np.ndarray, jpeg: bytes) -> bytes:
    """An RGB array as JPEG with the quantisation tables and the sampling of another, which it is a changed copy of: what did not
    change stays as good as it was."""
    buffer = io.BytesIO()
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as opened:
            assert isinstance(opened, JpegImageFile)
            tables, sampling = opened.quantization, get_sampling(opened)
        Image.fromarray(image).save(buffer, "JPEG", qtables=tables, subsampling=sampling)
    except Exception:  # tables that libjpeg reads but does not write
        return encode_jpeg(image)
    return buffer.getvalue()


def encode_png(image: np.ndarray) -> bytes:
    """An RGB array as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def by_size(images: Sequence[np.ndarray]) -> dict[tuple[int, int], list[int]]:
    """Positions of the images, grouped by (height, width), so that each group stacks into one batch."""
    groups: dict[tuple[int, int], list[int]] = {}
    for position, image in enumerate(images):
        groups.setdefault(image.shape[:2], []).append(position)
    return groups
