"""People and private places painted over before a picture is stored for the first time, and what it then says of that.

Where nothing is painted the picture keeps its bytes. Where something is, it is encoded anew with its own quantisation tables,
which leaves the rest as good as unchanged. Either way a comment is added that tells by what the picture was masked: it goes
wherever the picture goes. What cannot be masked, or not where it should be, is refused.
"""

import contextlib
import itertools
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Protocol

import numpy as np
from PIL import Image

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import CameraHour, FrameStream, Rejected
from cctview_pipeline.images import BadPicture, decode, encode_like
from cctview_pipeline.images.jpeg import COM, segments, strip_metadata, with_comments
from cctview_pipeline.images.size import Size
from cctview_pipeline.limits import PICTURE_LEAST_SIDE
from cctview_pipeline.policy import Policy
from cctview_pipeline.zones import Zones

GREY = 114
AT_ONCE = 64
"""Pictures that are decoded at a time."""
_TAG = b"cctview "
_SIDE = " side "
"""Between what found people, whose name may have any words in it, and how the picture was masked."""
_NOT_MASKED = "It cannot be masked, and so not stored."
_log = logging.getLogger(__name__)


class Finder(Protocol):
    """What finds people. version: name and weights, as pictures record it."""

    version: str

    def find(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """RGB uint8 (H, W, 3) -> one (N, 4) array an image: x1, y1, x2, y2 in px of what is to be filled."""


class NoPeopleDetector:
    """Looks for no people: where a purpose lets them stay visible."""

    def __init__(self, purpose: str) -> None:
        self.version = f"nobody: {purpose};"

    def find(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.zeros((0, 4), np.float32)] * len(images)


@dataclass(frozen=True, kw_only=True)
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
            finder: Finder = NoPeopleDetector("nobody walks in this city")
        elif policy.masks_people:
            from cctview_pipeline.redaction.people import PeopleDetector  # not at the top: the code server needs no model

            finder = PeopleDetector.load()
        else:
            finder = NoPeopleDetector(policy.unmasked_for)
        zones = {camera.id: Zones.of(camera) for camera in campaign.cameras if camera.privacy_zones} if campaign else {}
        return cls(finder, policy.largest_side, zones)

    def by(self, camera_id: str) -> str:
        """What a stored picture of a camera says it was masked by."""
        return f"{self.finder.version}{_SIDE}{self.largest_side}{self._drawn(camera_id)}"

    def _drawn(self, camera_id: str) -> str:
        """Which zones: others have another text."""
        zones = self.zones.get(camera_id)
        return f" zones {sha256(repr((zones.size, zones.privacy_zones)).encode()).hexdigest()[:8]}" if zones else ""

    def unsized(self, camera_id: str) -> str:
        """A sentence, with the mend, where no picture of the camera can be masked; else empty."""
        return self.zones[camera_id].unsized if camera_id in self.zones else ""

    def mask(self, camera_ids: Sequence[str], jpegs: Sequence[bytes]) -> list[Masked | Refused]:
        """Pictures of cameras -> pictures that may be stored, or why one may not.

        Raises CctviewError when the finder finds nothing any more: then nothing may be stored.
        """
        looked = [_or_refused(jpeg, self._look, camera, jpeg) for camera, jpeg in zip(camera_ids, jpegs, strict=True)]
        there = [i for i, image in enumerate(looked) if isinstance(image, _Decoded)]
        found = dict(zip(there, self._find([looked[i].pixels for i in there]), strict=True))
        for i, boxes in found.items():
            looked[i] = _or_refused(jpegs[i], self._filled, camera_ids[i], looked[i], boxes)
        return looked

    def with_zones(self, camera_id: str, masked: Masked) -> Masked | Refused:
        """A picture that was masked before, with the zones that were drawn or changed since. What is grey stays grey."""
        if self._drawn(camera_id) in masked.by.rpartition(_SIDE)[2]:
            return masked
        return _or_refused(masked.jpeg, self._fill_zones, camera_id, masked)

    def _fill_zones(self, camera_id: str, masked: Masked) -> Masked | Refused:
        pixels, zones = decode(masked.jpeg, whole=True).copy(), self.zones[camera_id]
        height, width = pixels.shape[:2]
        if sentence := zones.unplaceable(width, height):
            return Refused.because("zones", sentence, masked.jpeg)
        pixels[zones.private(width, height)] = GREY
        by, filled = masked.by + self._drawn(camera_id), masked.filled + len(zones.privacy_zones)
        return Masked(
            jpeg=_tagged(encode_like(pixels, masked.jpeg), by, filled), width=width, height=height, by=by, filled=filled
        )

    def _look(self, camera_id: str, jpeg: bytes) -> "_Decoded | Refused":
        image = _decode(jpeg, self.largest_side)
        if camera_id in self.zones and (sentence := self.zones[camera_id].unplaceable(*image.size)):
            return Refused.because("zones", sentence, jpeg)
        return image

    def _find(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray | None]:
        """All at once; where that fails each by itself, None for one that the finder fails on."""
        if not pictures:
            return []
        try:
            return list(self.finder.find(pictures))
        except Exception as error:
            found = [self._find_in_one(picture) for picture in pictures]
            if any(boxes is not None for boxes in found) or self._still_works():
                return found
            raise CctviewError(
                f"What finds people ({self.finder.version}) fails on every picture ({type(error).__name__}), and nothing is "
                "stored unmasked: look at the memory and the model, and start again."
            ) from error

    def _still_works(self) -> bool:
        """What fails on an even grey as well fails on everything."""
        return self._find_in_one(np.full((240, 352, 3), GREY, np.uint8)) is not None

    def _find_in_one(self, picture: np.ndarray) -> np.ndarray | None:
        try:
            return self.finder.find([picture])[0]
        except Exception as error:
            _note(error)
            return None

    def _filled(self, camera_id: str, image: "_Decoded", boxes: np.ndarray | None) -> Masked:
        if boxes is None:
            raise BadPicture("not_masked", _NOT_MASKED)
        width, height = image.size
        zones = self.zones.get(camera_id)
        jpeg, filled = image.jpeg, len(boxes) + (len(zones.privacy_zones) if zones else 0)
        if filled or image.scaled:
            pixels = _painted_over(image.pixels, boxes)
            if zones:
                pixels[zones.private(width, height)] = GREY
            jpeg = encode_like(pixels, image.jpeg)
        by = self.by(camera_id)
        return Masked(jpeg=_tagged(jpeg, by, filled), width=width, height=height, by=by, filled=filled)


def _tagged(jpeg: bytes, by: str, filled: int) -> bytes:
    """With the comment that mask_of reads."""
    return with_comments(jpeg, _TAG + json.dumps({"mask": by, "filled": filled}).encode())


def fill(jpeg: bytes, boxes: np.ndarray) -> bytes:
    """A stored picture with more of it painted over: (N, 4) boxes, px. What it says of its mask stays."""
    pixels = _painted_over(decode(jpeg), boxes)
    return with_comments(encode_like(pixels, jpeg), *(piece[4:] for marker, piece in segments(jpeg) if marker == COM))


def mask_of(jpeg: bytes) -> tuple[str, int] | None:
    """By what a stored picture was masked, and how many places of it are filled; None for one that never was."""
    with contextlib.suppress(BadPicture, ValueError, KeyError, TypeError):
        for marker, piece in segments(jpeg):
            if marker == COM and piece[4:].startswith(_TAG):
                record = json.loads(piece[4 + len(_TAG) :])
                return str(record["mask"]), int(record["filled"])
    return None


def mask_hour(hour: CameraHour | FrameStream, masker: Masker) -> CameraHour:
    """A network's frames -> frames that may be stored. One that a collector masked stays as it is, unless it let people through
    who are not meant to be seen any more, or did not know the zones as they are now."""
    searching = not isinstance(masker.finder, NoPeopleDetector)
    frames, rejected = [], list[Rejected]()
    coming = iter(hour.frames)
    while taken := list(itertools.islice(coming, AT_ONCE)):
        chunk = [(frame, mask_of(frame.jpeg)) for frame in taken]
        chunk = [(frame, None if known and searching and known[0].startswith("nobody: ") else known) for frame, known in chunk]
        todo = [frame for frame, known in chunk if known is None]
        masked = iter(masker.mask([frame.camera_id for frame in todo], [frame.jpeg for frame in todo]))
        for frame, known in chunk:
            if known:
                by, filled = known
                before = Masked(jpeg=frame.jpeg, width=frame.width, height=frame.height, by=by, filled=filled)
                found = masker.with_zones(frame.camera_id, before)
            else:
                found = next(masked)
            if isinstance(found, Refused):
                rejected.append(
                    Rejected(
                        name=frame.frame_id,
                        reason=found.reason,
                        detail=found.detail,
                        sha256=found.sha256,
                        fetched_at=frame.fetched_at,
                    )
                )
            else:
                stored = replace(frame, jpeg=found.jpeg, width=found.width, height=found.height)
                frames.append(replace(stored, masked_by=found.by, filled=found.filled))
    return CameraHour(frames, [*hour.rejected, *rejected], hour.told)


def _or_refused(jpeg: bytes, function: Callable, *arguments):
    """Refused where it fails: one picture, which then is not stored, and no other."""
    try:
        return function(*arguments)
    except BadPicture as error:
        return Refused.because(error.reason, str(error), jpeg)
    except Exception as error:
        _note(error)
        return Refused.because("not_masked", _NOT_MASKED, jpeg)


def _note(error: Exception) -> None:
    _log.warning("A picture could not be masked, and is not kept (%s).", type(error).__name__)
    _log.debug("How it failed:", exc_info=error)


@dataclass(frozen=True)
class _Decoded:
    """A picture without its metadata. scaled: whether pixels are fewer than the JPEG's."""

    jpeg: bytes
    pixels: np.ndarray
    scaled: bool

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return width, height


def _decode(jpeg: bytes, largest_side: int) -> _Decoded:
    """Raises BadPicture."""
    stripped = strip_metadata(jpeg)
    pixels = decode(stripped, whole=True)
    height, width = pixels.shape[:2]
    scale = largest_side / max(height, width)
    if scale >= 1:
        return _Decoded(stripped, pixels, False)
    size = (round(width * scale), round(height * scale))
    if min(size) < PICTURE_LEAST_SIDE:
        raise BadPicture("too_small", f"It is a strip: at {largest_side} pixels the longer side, the shorter has {min(size)}.")
    return _Decoded(stripped, np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)), True)


def _painted_over(pixels: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    pixels = pixels.copy()
    for x1, y1, x2, y2 in np.column_stack([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])]).astype(int).tolist():
        pixels[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = GREY
    return pixels
