"""What came back from a camera: is it a picture, when was it taken, and does it show anything new?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from zoneinfo import ZoneInfo

import numpy as np
from PIL import Image

from cctview_pipeline.cameras.protocol import LiveNetwork
from cctview_pipeline.images import BadPicture, as_jpeg, decode, decode_small, kind_of
from cctview_pipeline.images.exif import taken_at
from cctview_pipeline.images.jpeg import read

BANNER = 0.12
"""Of the height, at the top and at the bottom, where cameras write the time."""
MAX_SKEW_US = 300 * 1_000_000
"""Between a camera's clock and ours, beyond which the camera's is not believed."""
ONE_SIZE = 44, 22
"""Columns and rows of thumbnails that tell one view from another."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How a network's pictures are read. formats: kinds besides JPEG that are pictures; bar_px: rows at the bottom that may
    change when the picture does not; zone: of cameras' clocks that name none; believed_us: between a clock and ours, beyond
    which it is not believed; notice: one sentence for what stands for no picture, else nothing."""

    formats: frozenset[str] = frozenset()
    bar_px: int = 0
    zone: ZoneInfo | None = None
    believed_us: int = MAX_SKEW_US
    notice: Callable[[bytes], str] = lambda content: ""

    @classmethod
    def of(cls, network: LiveNetwork) -> "Rules":
        believed = max(MAX_SKEW_US, round(network.believed_s * 1e6))
        return cls(formats=network.formats, bar_px=network.bar_px, zone=network.zone, believed_us=believed, notice=network.notice)


@dataclass(frozen=True, slots=True)
class Picture:
    """jpeg: without comments and application segments; captured_us: since 1970, by the camera's comment or by EXIF, or None;
    or_us: the same where its clock names no zone and shows the network's."""

    jpeg: bytes
    captured_us: int | None
    or_us: int | None = None

    def taken_us(self, near_us: int) -> int | None:
        """When it was taken: of the two that it may mean, the one nearer to this time."""
        found = [each for each in (self.captured_us, self.or_us) if each is not None]
        return min(found, key=lambda each: abs(near_us - each), default=None)


def examine(content: bytes, rules: Rules = Rules()) -> Picture:
    """A JPEG without what tells about the camera, and when it was taken. Some 40 us: the coded data is not decoded.

    Raises BadPicture, also for what is known to stand for no picture. A PNG is a placeholder however it is labelled, unless the
    network's cameras send such: then it becomes a JPEG.
    """
    if said := rules.notice(content):
        raise BadPicture("placeholder", said)
    picture = read(as_jpeg(content) if kind_of(content) in rules.formats else content)
    taken = picture.captured_at or (taken_at(picture.exif) if picture.exif else None)
    local = taken_at(picture.exif, rules.zone) if picture.exif and rules.zone and not picture.captured_at else None
    return Picture(picture.data, *(round(each.timestamp() * 1e6) if each else None for each in (taken, local)))


def digest_above(jpeg: bytes, bar_px: int) -> str:
    """Of a picture's pixels without a bar at the bottom, and without the two blocks of coding that a bar reaches into. Raises
    BadPicture."""
    pixels = decode(jpeg)
    return blake2b(pixels[: max(1, len(pixels) - bar_px - 32)].tobytes(), digest_size=16).hexdigest()


def thumbnail(jpeg: bytes) -> np.ndarray | None:
    """(rows, columns) float32 grey, an eighth of the picture without its banners; None for what cannot be decoded or is tiny."""
    try:
        small = decode_small(jpeg).astype(np.float32)
    except BadPicture:
        return None
    edge = int(np.ceil(small.shape[0] * BANNER))
    inside = small[edge : small.shape[0] - edge]
    return inside if min(inside.shape) > 1 else None


def is_same(first: np.ndarray, second: np.ndarray, tolerance: float = 0.4) -> bool:
    """Whether two thumbnails show the very same picture, encoded anew perhaps: no live camera's noise is that small."""
    return first.shape == second.shape and float(np.abs(first - second).mean()) < tolerance


def of_one_size(small: np.ndarray) -> np.ndarray:
    """A thumbnail as others of any size can be held against: (22, 44), what a frame of 352 x 240 has."""
    if small.shape == ONE_SIZE[::-1]:
        return small
    return np.asarray(Image.fromarray(small).resize(ONE_SIZE, Image.Resampling.BOX))


def background(thumbnails: Sequence[np.ndarray]) -> np.ndarray:
    """What stands still in several thumbnails of one size: seven, some seconds apart, see past dense traffic."""
    return np.median(thumbnails, axis=0)


def is_elsewhere(first: np.ndarray, second: np.ndarray, least: float = 0.5) -> bool:
    """Whether two backgrounds are of different views: their edges do not lie in the same places.

    Light changes the grey values, but hardly where the edges of road, walls and poles are. Measured: of one view 0.94 and more
    by day, 0.6 and more by night; of two views 0.15 in the middle, and for one pair in a hundred above 0.6.
    """
    return first.shape != second.shape or likeness(first, second) < least


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """How far the edges of two thumbnails of one size lie in the same places, -1..1; 1 where either has none."""
    edges = [np.hypot(*np.gradient(picture)).ravel() for picture in (first, second)]
    edges = [e - e.mean() for e in edges]
    lengths = float(np.linalg.norm(edges[0]) * np.linalg.norm(edges[1]))
    return float(edges[0] @ edges[1]) / lengths if lengths > 0 else 1.0
