"""People and private places painted over before a picture is stored for the first time, and what it then says of that.

Where nothing is painted the picture keeps its bytes. Where something is, it is encoded anew with its own quantisation tables,
which leaves the rest as good as unchanged. Either way a comment is added that tells by what the picture was masked: it goes
wherever the picture goes. What cannot be masked, or not where it should be, is refused.
"""

import contextlib
import io
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Protocol

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from cctview_pipeline.cameras.jpeg import COM, DamagedJpeg, segments, strip_metadata
from cctview_pipeline.cameras.network import CameraHour, Rejected
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.detect.zones import Zones
from cctview_pipeline.frame_size import Size
from cctview_pipeline.privacy.policy import Policy

GREY = 114
AT_ONCE = 64
"""Pictures that are decoded at a time."""
_TAG = b"cctview "


class Finder(Protocol):
    """What finds people. version: name and weights, as pictures record it."""

    version: str

    def find(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """RGB uint8 (H, W, 3) -> one (N, 4) array an image: x1, y1, x2, y2 in px of what is to be filled."""


class Nobody:
    """Looks for no people: where a purpose lets them stay visible."""

    def __init__(self, purpose: str) -> None:
        self.version = f"nobody: {purpose};"

    def find(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.zeros((0, 4), np.float32)] * len(images)


@dataclass(frozen=True)
class Masked:
    """A picture that may be stored. width, height: px; by: what masked it, and how; filled: rectangles and polygons in it."""

    jpeg: bytes
    width: int
    height: int
    by: str
    filled: int


@dataclass(frozen=True)
class Refused:
    """A picture that may not be stored. reason, detail: as rejected_frames has them; sha256: of its bytes as they came."""

    reason: str
    detail: str
    sha256: str

    @classmethod
    def because(cls, reason: str, detail: str, jpeg: bytes) -> "Refused":
        return cls(reason, detail, sha256(jpeg).hexdigest())

    def to_json(self) -> bytes:
        """What a collector keeps in the picture's place."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Refused | None":
        """None for anything else, such as a picture."""
        with contextlib.suppress(ValueError, TypeError):
            return cls(**json.loads(data))
        return None


class Masker:
    """largest_side: px of a stored frame; zones: camera -> those whose privacy zones are painted over."""

    def __init__(self, finder: Finder, largest_side: int, zones: Mapping[str, Zones] | None = None) -> None:
        self.finder, self.largest_side, self.zones = finder, largest_side, dict(zones or {})

    @classmethod
    def of(cls, policy: Policy, campaign: Campaign | None = None) -> "Masker":
        """What a campaign's policy asks for. Raises CctviewError when the model is not there: then nothing may be stored."""
        if campaign and campaign.network == "city" and not campaign.settings.get("people"):
            finder: Finder = Nobody("nobody walks in this city")
        elif policy.masks_people:
            from cctview_pipeline.privacy.people import PeopleFinder  # not at the top: the code server needs no model

            finder = PeopleFinder.load()
        else:
            finder = Nobody(policy.unmasked_for)
        zones = {camera.id: Zones.of(camera) for camera in campaign.cameras if camera.privacy_zones} if campaign else {}
        return cls(finder, policy.largest_side, zones)

    def by(self, camera_id: str) -> str:
        """What a stored picture of a camera says it was masked by."""
        zones = self.zones.get(camera_id)
        told = f" zones {sha256(repr((zones.size, zones.privacy_zones)).encode()).hexdigest()[:8]}" if zones else ""
        return f"{self.finder.version} side {self.largest_side}{told}"

    def unsized(self, camera_id: str) -> str:
        """A sentence, with the mend, where no picture of the camera can be masked; else empty."""
        return self.zones[camera_id].unsized if camera_id in self.zones else ""

    def mask(self, camera_ids: Sequence[str], jpegs: Sequence[bytes]) -> list[Masked | Refused]:
        """Pictures of cameras -> pictures that may be stored, or why one may not."""
        looked = [self._look(camera, jpeg) for camera, jpeg in zip(camera_ids, jpegs, strict=True)]
        there = [i for i, image in enumerate(looked) if isinstance(image, _Decoded)]
        found = dict(zip(there, self.finder.find([looked[i].pixels for i in there]), strict=True)) if there else {}
        return [self._filled(camera, looked[i], found[i]) if i in found else looked[i] for i, camera in enumerate(camera_ids)]

    def _look(self, camera_id: str, jpeg: bytes) -> "_Decoded | Refused":
        image = _decode(jpeg, self.largest_side)
        if image is None:
            return Refused.because("undecodable", "It cannot be decoded, and so not masked.", jpeg)
        if camera_id in self.zones and (sentence := self.zones[camera_id].unplaceable(*image.size)):
            return Refused.because("zones", sentence, jpeg)
        return image

    def _filled(self, camera_id: str, image: "_Decoded", boxes: np.ndarray) -> Masked:
        width, height = image.size
        zones = self.zones.get(camera_id)
        jpeg, filled = image.jpeg, len(boxes) + (len(zones.privacy_zones) if zones else 0)
        if filled or image.scaled:
            pixels = _painted_over(image.pixels, boxes)
            if zones:
                pixels[zones.private(width, height)] = GREY
            jpeg = _encode(pixels, image)
        by = self.by(camera_id)
        record = json.dumps({"mask": by, "filled": filled}).encode()
        return Masked(_with_comment(jpeg, _TAG + record), width, height, by, filled)


def fill(jpeg: bytes, boxes: np.ndarray) -> bytes:
    """A stored picture with more of it painted over: (N, 4) boxes, px. What it says of its mask stays."""
    image = _decode(jpeg, 1 << 15)
    kept = [piece for marker, piece in segments(jpeg) if marker == COM]
    return _with_comment(_encode(_painted_over(image.pixels, boxes), image), *(piece[4:] for piece in kept))


def mask_of(jpeg: bytes) -> tuple[str, int] | None:
    """By what a stored picture was masked, and how many places of it are filled; None for one that never was."""
    with contextlib.suppress(DamagedJpeg):
        for marker, piece in segments(jpeg):
            if marker == COM and piece[4:].startswith(_TAG):
                record = json.loads(piece[4 + len(_TAG) :])
                return record["mask"], record["filled"]
    return None


def mask_hour(hour: CameraHour, masker: Masker) -> CameraHour:
    """A network's frames -> frames that may be stored. One that a collector masked stays as it is, unless it let people through
    who are not meant to be seen any more."""
    searching = not isinstance(masker.finder, Nobody)
    frames, rejected = [], list(hour.rejected)
    for begin in range(0, len(hour.frames), AT_ONCE):
        chunk = [(frame, mask_of(frame.jpeg)) for frame in hour.frames[begin : begin + AT_ONCE]]
        chunk = [(frame, None if known and searching and known[0].startswith("nobody: ") else known) for frame, known in chunk]
        todo = [frame for frame, known in chunk if known is None]
        masked = iter(masker.mask([frame.camera_id for frame in todo], [frame.jpeg for frame in todo]))
        for frame, known in chunk:
            found = Masked(frame.jpeg, frame.width, frame.height, *known) if known else next(masked)
            if isinstance(found, Refused):
                rejected.append(Rejected(frame.frame_id, found.reason, found.detail, found.sha256, frame.fetched_at))
            else:
                size = {"width": found.width, "height": found.height}
                frames.append(replace(frame, jpeg=found.jpeg, masked_by=found.by, filled=found.filled, **size))
    return CameraHour(frames, rejected)


@dataclass(frozen=True)
class _Decoded:
    """A picture without its metadata. scaled: whether pixels are fewer than the JPEG's."""

    jpeg: bytes
    pixels: np.ndarray
    scaled: bool
    quantization: Mapping
    sampling: int

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return width, height


def _decode(jpeg: bytes, largest_side: int) -> _Decoded | None:
    try:
        stripped = strip_metadata(jpeg)
        with Image.open(io.BytesIO(stripped)) as opened:
            tables, sampling = opened.quantization, get_sampling(opened)
            picture = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, AttributeError, Image.DecompressionBombError):
        return None
    scale = largest_side / max(picture.size)
    if scale < 1:
        picture = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)
    return _Decoded(stripped, np.asarray(picture), scale < 1, tables, sampling)


def _encode(pixels: np.ndarray, like: _Decoded) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", qtables=like.quantization, subsampling=like.sampling)
    return buffer.getvalue()


def _painted_over(pixels: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    pixels = pixels.copy()
    for x1, y1, x2, y2 in np.column_stack([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])]).astype(int).tolist():
        pixels[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = GREY
    return pixels


def _with_comment(jpeg: bytes, *texts: bytes) -> bytes:
    """Behind the JFIF header, where comments belong."""
    begin, header, *rest = (piece for _, piece in segments(jpeg))
    comments = [struct.pack(">BBH", 0xFF, COM, 2 + len(text)) + text for text in texts]
    return b"".join([begin, header, *comments, *rest] if header[1] == 0xE0 else [begin, *comments, header, *rest])
