"""The two things that EXIF tells of a picture: which way it is turned, and when it was taken."""

import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from PIL import Image

ORIENTATION, PHOTO, TAKEN, OFFSET, FRACTION = 0x0112, 0x8769, 0x9003, 0x9011, 0x9291
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")  # nothing is what it then tells


def orientation(exif: bytes) -> int:
    """1 to 8, as EXIF numbers it; 1 is upright, and what is taken where it tells nothing. exif: from ``Exif`` on."""
    try:
        return int(_read(exif).get(ORIENTATION, 1))
    except Exception:  # whatever a library makes of other people's bytes
        return 1


def taken_at(exif: bytes, zone: tzinfo = UTC) -> datetime | None:
    """When the picture was taken. EXIF rarely names a zone: then this one is assumed and the skew tells."""
    try:
        time = _clock(_read(exif).get_ifd(PHOTO))
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except Exception:
        return None


def told_time(exif: bytes) -> datetime | None:
    """The same as it is told, with fractions of a second, and naive where no zone is."""
    try:
        photo = _read(exif).get_ifd(PHOTO)
        fraction = str(photo.get(FRACTION, "")).strip(" \0")
        micro = int(fraction.ljust(6, "0")[:6]) if fraction.isdecimal() else 0
        return _clock(photo).replace(microsecond=micro)
    except Exception:
        return None


def _clock(photo: Mapping) -> datetime:
    """Raises ValueError where there is none."""
    time = datetime.strptime(str(photo.get(TAKEN)).strip(" \0"), "%Y:%m:%d %H:%M:%S")
    offset = str(photo.get(OFFSET) or "").strip(" \0")
    return datetime.fromisoformat(f"{time.isoformat()}{offset}")


def _read(exif: bytes) -> Image.Exif:
    read = Image.Exif()
    read.load(exif)
    return read
