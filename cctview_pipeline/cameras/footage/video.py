"""Video files as FFmpeg's libraries read them, by PyAV: what they say of themselves, and their frames with their times.

Only files are opened, of containers that are listed here: a playlist under a video's name leads nowhere. Nothing is made up: a
damaged packet costs the frames up to the next key frame, because decoders go on with what they guess.
"""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.frame import VideoFrame

from cctview_pipeline.cameras.unreadable import Unreadable
from cctview_pipeline.images import BadPicture, check_size
from cctview_pipeline.limits import PICTURE_LEAST_SIDE, VIDEO_FAULTS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

CONTAINERS = ("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "mxf")
_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}
_TAGS = ("com.apple.quicktime.creationdate", "creation_time")
"""Metadata that tell when a file begins. The first has its offset and fractions of seconds."""
_SEEK_US = 20_000_000
"""Less is decoded, and thrown away, rather than looked for."""
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a file says of its video. created: by its metadata, UTC; length: of what is shown, to the end of the last frame."""

    created: datetime | None
    length: timedelta


@dataclass(kw_only=True)
class Damage:
    """What of a file was not taken: damaged packets, frames left out until the next key frame, frames without a time, and frames
    that are not later than the one before."""

    packets: int = 0
    left_out: int = 0
    untimed: int = 0
    backwards: int = 0
    decoded: int = 0
    end: str = ""

    @property
    def sentence(self) -> str:
        """Empty where nothing was amiss."""
        parts = [
            f"{self.packets:,} damaged packets" if self.packets else "",
            f"{self.left_out:,} frames left out until the next key frame" if self.left_out else "",
            f"{self.untimed:,} frames without a time" if self.untimed else "",
            f"{self.backwards:,} frames that go back in time" if self.backwards else "",
            self.end,
        ]
        said = "; ".join(each for each in parts if each)
        return f"{said}; {self.decoded:,} frames are good." if said else ""


@dataclass(frozen=True, kw_only=True)
class Span:
    """What is wanted of a file that begins at ``begin``: frames of [first, last); all in microseconds of Unix time. times: of
    every frame, where a sidecar knows them."""

    begin: int
    first: int
    last: int
    times: tuple[int, ...] = field(default=(), repr=False)


@lru_cache(maxsize=200_000)
def probe(path: Path, size: int, modified: int) -> Probe | Unreadable:
    """size, modified: of the file, by which a changed one is looked at anew. What is no video is told, not raised."""
    if not size:
        return Unreadable("empty", "It has no bytes.")
    try:
        with _opened(path) as (container, stream):
            return Probe(created=_created(container, stream), length=_length(container, stream))
    except Unreadable as error:
        return error
    except OverflowError:
        return Unreadable("no_times", "It says that it lasts for longer than any calendar.")


def frames_of(path: Path, span: Span, damage: Damage) -> Iterator[tuple[int, VideoFrame]]:
    """(microseconds of Unix time, frame) in order; a file that is not begun with is looked into from the key frame before.

    Where not one packet is without fault, as from cameras that break a rule of their codec in each, faults are let pass that a
    decoder thinks nothing of. Raises Unreadable for what can't be opened.
    """
    yield from _frames_of(path, span, damage, strict=True)
    if damage.packets and not damage.decoded:
        lenient = Damage()
        yield from _frames_of(path, span, lenient, strict=False)
        if lenient.decoded:
            vars(damage).update(vars(lenient) | {"end": "every packet of it breaks a rule of its codec"})


def _frames_of(path: Path, span: Span, damage: Damage, *, strict: bool) -> Iterator[tuple[int, VideoFrame]]:
    with _opened(path, strict=strict) as (container, stream):
        shown = _order(path) if span.times else []
        if shown and len(shown) != len(span.times):
            raise Unreadable(
                "sidecar", f"Its sidecar has {len(span.times):,} times, and the file {len(shown):,} frames: write one for each."
            )
        zero = stream.start_time
        if span.first - span.begin > _SEEK_US and zero is not None and not span.times:
            _seek(container, stream, zero, span)
        latest = span.begin - 1_000_000  # where a key frame is found before
        for frame in _decoded(container, stream, damage):
            if zero is None:
                zero = frame.pts
            assert frame.pts is not None
            assert zero is not None
            assert stream.time_base is not None
            if shown:
                at = span.times[min(bisect_left(shown, frame.pts), len(shown) - 1)]
            else:
                at = span.begin + round((frame.pts - zero) * stream.time_base * 1_000_000)
            if at >= span.last:
                return
            if at <= latest:
                damage.backwards += 1
                continue
            latest = at
            damage.decoded += 1
            if at >= span.first:
                yield at, frame


def pixels(frame: VideoFrame) -> np.ndarray:
    """RGB uint8 (H, W, 3), upright. Raises BadPicture for sizes that no picture may have."""
    check_size(frame.width, frame.height)
    if min(frame.width, frame.height) < PICTURE_LEAST_SIDE:
        raise BadPicture(
            "too_small", f"It has {frame.width} x {frame.height} pixels; a camera's has {PICTURE_LEAST_SIDE} a side."
        )
    image = frame.to_ndarray(format="rgb24")
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


@contextmanager
def _opened(path: Path, *, strict: bool = True) -> "Iterator[tuple[InputContainer, VideoStream]]":
    """strict: whether a decoder refuses what it would otherwise make something up for. Raises Unreadable for what has no video
    that can be decoded."""
    try:
        container = av.open(str(path), options=_OPTIONS, metadata_errors="replace")
    except FileNotFoundError as error:
        raise Unreadable.of(error) from error
    except PermissionError as error:
        raise Unreadable.of(error) from error
    except Exception as error:  # other people's bytes meet a library
        raise Unreadable(
            "undecodable", "It is no video file of a known kind, or its beginning or its index is missing."
        ) from error
    with container:
        videos = [stream for stream in container.streams.video if not _is_cover(stream)]
        if not videos:
            raise Unreadable("no_video", "It has no pictures that move: sound alone, or a cover.")
        stream = videos[0]
        try:
            context = stream.codec_context
        except Exception as error:
            raise Unreadable("undecodable", "Its pictures are coded in a way that is not known.") from error
        if context is None:
            raise Unreadable("undecodable", "Its pictures are coded in a way that is not known.")
        context.thread_type = "SLICE"  # frames in several threads tell of damage too late
        context.options = {"err_detect": "explode"} if strict else {}
        yield container, stream


def _is_cover(stream: "VideoStream") -> bool:
    return "attached_pic" in str(stream.disposition).lower()


def _created(container: "InputContainer", stream: "VideoStream") -> datetime | None:
    for tags in (container.metadata, stream.metadata):
        for name in _TAGS:
            with suppress(ValueError, OverflowError):  # no time, or one that no calendar has in UTC
                time = datetime.fromisoformat(tags.get(name, ""))
                return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    return None


def _length(container: "InputContainer", stream: "VideoStream") -> timedelta:
    """As the file says; by its packets where it does not, or guesses."""
    base, guessed = stream.time_base, container.format.name == "mpeg"
    if stream.duration and base and not guessed:
        return round(stream.duration * base * 1_000_000) * MICROSECOND
    if container.duration and not guessed:
        return container.duration * MICROSECOND
    packets = _packets(container, stream, Damage())
    times = [packet.pts + (packet.duration or 0) for packet in packets if packet.pts is not None]
    if not times or base is None:
        raise Unreadable("no_times", "Its frames have no times.")
    return round((max(times) - (stream.start_time or 0)) * base * 1_000_000) * MICROSECOND


def _order(path: Path) -> list[int]:
    """Presentation times of all packets, in order: which frame of the sidecar's list a frame is."""
    with _opened(path) as (container, stream):
        return sorted({packet.pts for packet in _packets(container, stream, Damage()) if packet.pts is not None})


def _seek(container: "InputContainer", stream: "VideoStream", zero: int, span: Span) -> None:
    assert stream.time_base is not None
    offset = zero + int((span.first - span.begin) / 1_000_000 / stream.time_base)
    try:
        container.seek(offset, stream=stream, backward=True, any_frame=False)
    except Exception:  # without an index all is decoded
        container.seek(zero, stream=stream, backward=True)


def _packets(container: "InputContainer", stream: "VideoStream", damage: Damage) -> "Iterator[Packet]":
    """Goes on behind what a demuxer stumbles over, as long as it gets on."""
    faults = 0
    while VIDEO_FAULTS.allows(faults):
        try:
            yield from container.demux(stream)
            return
        except Exception:
            damage.packets += 1
            faults += 1
    damage.end = VIDEO_FAULTS.says(faults)[:-1]


def _decoded(container: "InputContainer", stream: "VideoStream", damage: Damage) -> "Iterator[VideoFrame]":
    """Whole frames that have a time."""
    waits = False
    for packet in _packets(container, stream, damage):
        try:
            found = packet.decode()
        except Exception:
            damage.packets += 1
            waits = True
            continue
        if packet.is_corrupt:
            damage.packets += 1
            waits = True
        for frame in found:
            assert isinstance(frame, VideoFrame)
            waits = (waits or frame.is_corrupt) and not (frame.key_frame and not frame.is_corrupt)
            if waits:
                damage.left_out += 1
            elif frame.pts is None:
                damage.untimed += 1
            else:
                yield frame
