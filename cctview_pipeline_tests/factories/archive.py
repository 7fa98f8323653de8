"""Self-made frames in the published layout: a drawn road with drawn cars, and a clock in the JPEG like an Axis camera's.

No real frame is in this repository. These are plain enough to be made in a moment, and enough like a road that the
shipped detector finds the cars.
"""

import io
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from cctview_pipeline.ids import NEW_YORK, FrameId

WIDTH, HEIGHT = 352, 240
HOUR_17 = datetime(2020, 5, 5, 17, tzinfo=UTC)
MAC_COMMENT = b"\xff\xfe\x00\x0a\x0a\x00\x00\x40\x8c\x11\x22\x33"
"""What a camera writes about itself: a comment 0A 00 and six bytes of hardware address."""


@dataclass(frozen=True)
class Car:
    """lane: 0-3 from the left; colour: RGB; at: when it is nearest to the camera, s; away: which way it drives."""

    lane: int
    colour: tuple[int, int, int]
    at: float
    away: bool


def clock_comment(captured_at: datetime) -> bytes:
    """The comment 0A 01 that tells the time of capture to the centisecond."""
    payload = b"\x0a\x01" + struct.pack(">IB", int(captured_at.timestamp()), captured_at.microsecond // 10_000)
    return b"\xff\xfe" + struct.pack(">H", len(payload) + 2) + payload


def add_comments(jpeg: bytes, *comments: bytes) -> bytes:
    return jpeg[:2] + b"".join(comments) + jpeg[2:]


def draw_frame(second: float, cars: list[Car], seed: int = 0) -> bytes:
    """The road at a moment, as a plain JPEG. Two lanes lead away, two come towards the camera."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (146, 170, 196))
    pen = ImageDraw.Draw(image)
    pen.rectangle([0, 78, WIDTH, HEIGHT], fill=(96, 112, 82))
    pen.polygon([(166, 80), (186, 80), (372, 240), (-20, 240)], fill=(112, 112, 116))
    for lane in (1, 2, 3):
        pen.line([_road(lane - 0.5, 0.0)[:2], _road(lane - 0.5, 1.0)[:2]], fill=(205, 195, 120) if lane == 2 else (190, 190, 190))
    visible = [(depth, car) for car in cars if 0.04 < (depth := _depth(car, second)) < 1.02]
    for depth, car in sorted(visible, key=lambda pair: pair[0]):
        _draw_car(pen, *_road(car.lane, depth), car)
    rng = random.Random(seed * 100_003 + int(second * 100))
    noise = Image.effect_noise((WIDTH, HEIGHT), 8 + rng.random())
    image = Image.blend(image.filter(ImageFilter.GaussianBlur(0.6)), Image.merge("RGB", [noise] * 3), 0.06)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def traffic(seconds: float, seed: int = 0, every_s: float = 5.0) -> list[Car]:
    """Cars for so many seconds, at random, the same for the same seed."""
    rng = random.Random(seed)
    colours = [(200, 200, 205), (35, 35, 40), (150, 30, 35), (40, 60, 130), (120, 122, 126), (230, 190, 40), (240, 240, 240)]
    cars, at = [], 0.0
    while at < seconds:
        lane = rng.randrange(4)
        cars.append(Car(lane, rng.choice(colours), at, away=lane >= 2))
        at += rng.expovariate(1 / every_s)
    return cars


def write_frame(root: Path, camera_id: str, fetched_at: datetime, jpeg: bytes) -> Path:
    """Put a JPEG where the poller would have put it at that time. Returns its path."""
    name = FrameId(camera_id, fetched_at.astimezone(NEW_YORK), published=True)
    folder = root / camera_id / f"{fetched_at.astimezone(NEW_YORK):%Y/%m/%d/%H/%M/%S}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}--original.jpeg"
    path.write_bytes(jpeg)
    return path


def make_archive(
    root: Path, cameras: tuple[str, ...], begin: datetime = HOUR_17, frames: int = 30, step_s: float = 2.0, delay_s: float = 30.0
) -> list[Path]:
    """Write frames of a stretch of road that each camera sees ``delay_s`` after the one before. Returns the paths."""
    cars = traffic(frames * step_s + 120, seed=3)
    return [
        path
        for place, camera in enumerate(cameras)
        for path in _camera(root, camera, cars, begin, frames, step_s, place * delay_s)
    ]


def _camera(
    root: Path, camera: str, cars: list[Car], begin: datetime, frames: int, step_s: float, delay_s: float
) -> Iterator[Path]:
    for number in range(frames):
        second = number * step_s
        captured = begin + timedelta(seconds=second, milliseconds=340)
        # What drives away from a camera that faces north reaches the northern cameras, which come first, later.
        seen = [Car(car.lane, car.colour, car.at + (-delay_s if car.away else delay_s), car.away) for car in cars]
        jpeg = add_comments(draw_frame(second, seen, seed=len(camera) + number), clock_comment(captured), MAC_COMMENT)
        yield write_frame(root, camera, begin + timedelta(seconds=second), jpeg)


def _depth(car: Car, second: float) -> float:
    """0 at the horizon, 1 at the lower edge of the picture. A car takes about 10 s from one to the other."""
    passed = (second - car.at) / 10.0
    return (1 - passed if car.away else 1 + passed) ** 2 if -1 < (-passed if car.away else passed) <= 0.02 else 0.0


def _road(lane: float, depth: float) -> tuple[float, float, float]:
    """x, y of the road's surface in a lane, and the width of a lane there, in pixels."""
    y = 80 + depth * 160
    width = 5 + depth * 93
    return 176 + (lane - 1.5) * width, y, width


def _draw_car(pen: ImageDraw.ImageDraw, x: float, y: float, lane_width: float, car: Car) -> None:
    wide = lane_width * 0.62
    tall = wide * 0.78
    dark = tuple(int(c * 0.55) for c in car.colour)
    glass = (38, 46, 56)
    pen.ellipse([x - wide * 0.58, y - tall * 0.18, x + wide * 0.58, y + tall * 0.1], fill=(52, 52, 55))
    pen.rectangle([x - wide * 0.42, y - tall * 0.12, x - wide * 0.26, y + tall * 0.04], fill=(20, 20, 20))
    pen.rectangle([x + wide * 0.26, y - tall * 0.12, x + wide * 0.42, y + tall * 0.04], fill=(20, 20, 20))
    pen.rounded_rectangle([x - wide / 2, y - tall * 0.55, x + wide / 2, y - tall * 0.04], radius=wide * 0.1, fill=car.colour)
    roof = [
        (x - wide * 0.36, y - tall),
        (x + wide * 0.36, y - tall),
        (x + wide * 0.46, y - tall * 0.5),
        (x - wide * 0.46, y - tall * 0.5),
    ]
    pen.polygon(roof, fill=car.colour)
    window = [(x - wide * 0.3, y - tall * 0.92), (x + wide * 0.3, y - tall * 0.92), (x + wide * 0.38, y - tall * 0.54)]
    pen.polygon([*window, (x - wide * 0.38, y - tall * 0.54)], fill=glass)
    pen.rectangle([x - wide * 0.46, y - tall * 0.2, x + wide * 0.46, y - tall * 0.1], fill=dark)
    light = (190, 40, 35) if car.away else (245, 240, 215)
    for side in (-1, 1):
        pen.ellipse(
            [x + side * wide * 0.4 - wide * 0.07, y - tall * 0.42, x + side * wide * 0.4 + wide * 0.07, y - tall * 0.3],
            fill=light,
        )
    pen.rectangle([x - wide * 0.12, y - tall * 0.3, x + wide * 0.12, y - tall * 0.22], fill=(220, 220, 200))
