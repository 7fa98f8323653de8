"""Pictures in folders of any layout: a small drawn one for every number, as its bytes."""

from pathlib import Path

import numpy as np
from PIL import Image

from cctview_pipeline_tests.factories.odd_pictures import behind_header, encoded, segment


def picture(number: int = 0, kind: str = "JPEG", **options) -> bytes:
    """32 x 24 pixels of noise, another for every number."""
    pixels = np.random.default_rng(number).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    return encoded(pixels, kind, **options)


def with_exif(jpeg: bytes, taken: str, offset: str = "", fraction: str = "") -> bytes:
    """taken: as EXIF writes it, ``2026:11:29 10:15:30``."""
    exif = Image.Exif()
    photo = exif.get_ifd(0x8769)
    photo[0x9003] = taken
    if offset:
        photo[0x9011] = offset
    if fraction:
        photo[0x9291] = fraction
    return behind_header(jpeg, segment(0xE1, b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")))


def put(folder: Path, place: str, data: bytes | str) -> Path:
    """A file below a folder."""
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path
