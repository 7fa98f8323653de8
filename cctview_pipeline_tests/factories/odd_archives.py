"""Archives as the world sends them: zips that are damaged in one place, and pictures too small to cost anything."""

import io
import zipfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from PIL import Image

from cctview_pipeline.ids import NEW_YORK, FrameId
from cctview_pipeline_tests.factories.archive import add_comments

SECOND = timedelta(seconds=1)


def small(number: int = 0) -> bytes:
    """A JPEG of 16 x 16 pixels, another for each number."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (number * 37 % 256, number // 7 % 256, 80)).save(buffer, "JPEG")
    return add_comments(buffer.getvalue(), b"\xff\xfe\x00\x06" + number.to_bytes(4, "big"))


def frame_name(camera: str, at: datetime) -> str:
    return f"{FrameId(camera, at.astimezone(NEW_YORK), published=True)}--original.jpeg"


def place(camera: str, at: datetime) -> str:
    """Where the published layout has a frame."""
    return f"{camera}/{at.astimezone(NEW_YORK):%Y/%m/%d/%H/%M/%S}/{frame_name(camera, at)}"


def frames(camera: str, begin: datetime, count: int, first: int = 0) -> dict[str, bytes]:
    """Place -> bytes of so many frames, one a second."""
    return {place(camera, begin + n * SECOND): small(first + n) for n in range(count)}


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def zip_up(path: Path, files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in files.items():
            file.writestr(zipfile.ZipInfo(name), data, compression)
    return path


def flip(path: Path, entry: str, offset: int = 60) -> None:
    """Damage one byte of an entry's data."""
    with zipfile.ZipFile(path) as file:
        at = file.getinfo(entry).header_offset + 30 + len(entry.encode()) + offset
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def patch_entry(path: Path, entry: str, **fields: int) -> None:
    """Overwrite what both headers of an entry say. flags, method, size: as the format names them (APPNOTE.TXT, 4.3.7, 4.3.12)."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        local = file.getinfo(entry).header_offset
    central = data.rindex(b"PK\x01\x02", 0, data.rindex(entry.encode()))
    places = {"flags": (6, 8, 2), "method": (8, 10, 2), "size": (22, 24, 4)}
    for name, value in fields.items():
        in_local, in_central, width = places[name]
        for at in (local + in_local, central + in_central):
            data[at : at + width] = value.to_bytes(width, "little")
    path.write_bytes(data)
