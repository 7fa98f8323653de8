"""Small video files in which every frame says its number by its brightness."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from cctview_pipeline.frames import Frame
from cctview_pipeline.images import decode

NOON = datetime(2025, 6, 3, 16, tzinfo=UTC)
STEP = 9
"""Of brightness between two frames."""
FIRST = 20
MOST = 25
"""Numbers that can be told apart; they begin again then."""


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How a file is coded. turned: degrees, as the file's metadata say; options: of the encoder; container: of
    the file."""

    codec: str = "mpeg4"
    pixels: str = "yuv420p"
    size: tuple[int, int] = (64, 48)
    turned: int = 0
    options: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    container: dict[str, str] = field(default_factory=dict)


def every(seconds: float, count: int, first: float = 0.0) -> list[int]:
    """Milliseconds of frames at an even rate."""
    return [round(1000 * (first + i * seconds)) for i in range(count)]


def picture(number: int, size: tuple[int, int]) -> np.ndarray:
    """Even, but for a white corner at the upper left."""
    width, height = size
    image = np.full((height, width, 3), FIRST + STEP * (number % MOST), np.uint8)
    image[: height // 4, : width // 4] = 255
    return image


def number_of(frame: Frame) -> int:
    """Which picture it is, modulo MOST."""
    image = decode(frame.jpeg)
    middle = image[image.shape[0] // 2 :, image.shape[1] // 2 :]
    return round((float(np.median(middle)) - FIRST) / STEP)


def write_video(path: Path, at_ms: Sequence[int], coding: Coding = Coding()) -> Path:
    """A file whose frames are shown at these milliseconds."""
    return write_pictures(path, [picture(number, coding.size) for number in range(len(at_ms))], at_ms, coding)


def write_pictures(path: Path, images: Sequence[np.ndarray], at_ms: Sequence[int] = (), coding: Coding = Coding()) -> Path:
    """The same of pictures of one's own, a second apart where nothing is said."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=coding.container) as container:
        container.metadata.update(coding.metadata)
        fine = {"qmax": "2"} if coding.codec == "mpeg4" else {}
        stream = container.add_stream(coding.codec, rate=10, options=fine | coding.options)
        stream.width, stream.height, stream.pix_fmt = images[0].shape[1], images[0].shape[0], coding.pixels
        stream.codec_context.time_base = Fraction(1, 1000)
        if coding.turned:
            stream.set_display_rotation(coding.turned)
        for image, at in zip(images, at_ms or every(1, len(images)), strict=True):
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=coding.pixels)
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_faulty(path: Path, at_ms: Sequence[int], fault: bytes) -> Path:
    """H.264 in a transport stream with some bytes more before every packet's own, as some cameras send it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, at in enumerate([*at_ms, None]):
            frame = None
            if at is not None:
                frame = av.VideoFrame.from_ndarray(picture(number, (64, 48)), "rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = at, Fraction(1, 1000)
            for packet in stream.encode(frame):
                other = av.Packet(fault + bytes(packet))
                other.pts, other.dts, other.time_base = packet.pts, packet.dts, packet.time_base
                other.stream, other.is_keyframe = stream, packet.is_keyframe
                container.mux(other)
    return path


def write_sound(path: Path) -> Path:
    """A second of silence in an mp4."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        for number in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.rate, frame.pts = 8000, 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def after(begin: datetime, at_ms: Sequence[int]) -> list[datetime]:
    return [begin + timedelta(milliseconds=at) for at in at_ms]
