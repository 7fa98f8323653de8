"""The published archive as a camera network.

Frames lie in ``<camera>/YYYY/MM/DD/HH/MM/SS/<camera>--YYYY-MM-DD--HH.MM.SS--original.jpeg``, New York time, below a
folder or inside zip files. The name tells when the poller wrote the file; the capture time is in the JPEG, and when it
is there it decides which hour a frame belongs to.
"""

import hashlib
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from itertools import islice
from pathlib import Path

from cctview_pipeline.cameras.jpeg import read_whole
from cctview_pipeline.cameras.network import CameraHour, Frame, Rejected
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import NEW_YORK, FrameId, is_camera_id
from cctview_pipeline.images import BadPicture

SUFFIX = "--original.jpeg"
TOLERANCE = timedelta(seconds=5)
"""How far a capture time may be from the file's name before one of the two must be wrong."""

_PLACE = re.compile(r"(?:.*/)?(?P<camera>[^/]+)/(?P<hour>\d{4}/\d{2}/\d{2}/\d{2})/\d{2}/\d{2}/(?P<name>[^/]+)")
_PICTURES = (".jpeg", ".jpg", ".png")


@dataclass(frozen=True)
class _File:
    """A picture, the hour's folder that it lies in (``2020/05/05/13``), and how to get its bytes."""

    name: str
    folder: str
    read: Callable[[], bytes]

    @property
    def folder_hour(self) -> datetime:
        return _meanings(_parse_folder(self.folder))[0]

    @cached_property
    def meanings(self) -> list[datetime]:
        """The UTC times that the name may mean; none when it has another form, or lies in another hour's folder."""
        if not self.name.endswith(SUFFIX):
            return []
        try:
            frame_id = FrameId.parse(self.name.removesuffix(SUFFIX))
        except ValueError:
            return []
        return _meanings(frame_id.time) if frame_id.published and f"{frame_id.time:%Y/%m/%d/%H}" == self.folder else []


class ArchiveNetwork:
    """Frames of a folder or zip file in the published layout."""

    name = "archive"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise CctviewError(f"The archive {self.path} does not exist.")
        if not self._trees:
            raise CctviewError(
                f"{self.path} is no archive: expected <camera>/YYYY/MM/DD/HH/MM/SS/*{SUFFIX} in it, or zip files that hold this"
                f"{_what_else(self.path)}."
            )

    def cameras(self) -> list[str]:
        return sorted({camera for tree in self._trees for camera in tree.cameras()})

    def hours(self, camera_id: str) -> list[datetime]:
        """Hours that have a folder, and hours into which the first or last frames of a folder were captured."""
        hours = {utc for tree in self._trees for local in tree.local_hours(camera_id) for utc in _meanings(local)}
        edges = {hour + step for hour in hours for step in (-HOUR, HOUR)} - hours
        return sorted(hours | {hour for hour in edges if self.read_hour(camera_id, hour).frames})

    def read_hour(self, camera_id: str, hour: datetime) -> CameraHour:
        """Frames captured in the hour; a few seconds of the folders before and after are looked at for them."""
        frames: list[Frame] = []
        rejected: list[Rejected] = []
        seen: dict[str, str] = {}
        for file in self._files(camera_id, hour):
            result = _examine(camera_id, file, seen)
            if isinstance(result, Frame) and floor_hour(result.captured_at) == hour:
                frames.append(result)
            elif isinstance(result, Rejected) and floor_hour(result.fetched_at or file.folder_hour) == hour:
                rejected.append(result)
        return CameraHour(sorted(frames, key=lambda frame: (frame.captured_at, frame.frame_id)), rejected)

    @cached_property
    def _trees(self) -> list["_FolderTree | _ZipTree"]:
        zips = [self.path] if self.path.is_file() else sorted(self.path.glob("*.zip"))
        trees = [_FolderTree(self.path), *(_ZipTree(path) for path in zips)]
        return [tree for tree in trees if tree.cameras()]

    def _files(self, camera_id: str, hour: datetime) -> list[_File]:
        """Pictures whose name lies in the hour or within the tolerance of it, or does not tell, sorted by name."""
        folders = {f"{near.astimezone(NEW_YORK):%Y/%m/%d/%H}" for near in (hour - HOUR, hour, hour + HOUR)}
        folders |= {f"{local:%Y/%m/%d/%H}" for local in _skipped(hour)}
        files = [file for folder in folders for tree in self._trees for file in tree.files(camera_id, folder)]
        # Twice the tolerance: a copy that was fetched late must meet the frame it is a copy of.
        first, last = hour - 2 * TOLERANCE, hour + HOUR + 2 * TOLERANCE
        near = (f for f in files if not f.meanings or any(first <= time < last for time in f.meanings))
        return sorted(near, key=lambda file: file.name)


def _examine(camera_id: str, file: _File, seen: dict[str, str]) -> Frame | Rejected:
    """Judge one file. seen: digest and frame id of the good frames already met -> name, for finding duplicates."""
    data = file.read()
    digest = hashlib.sha256(data).hexdigest()
    fetched = file.meanings[0] if file.meanings else None

    def reject(reason: str, detail: str) -> Rejected:
        return Rejected(file.name, reason, detail, digest, fetched)

    if fetched is None or not file.name.startswith(f"{camera_id}--"):
        return reject(
            "wrong_name",
            f"'{file.name}' is not {camera_id}--YYYY-MM-DD--HH.MM.SS{SUFFIX}, lies in another hour, or no such time exists.",
        )
    frame_id = file.name.removesuffix(SUFFIX)
    for key in (frame_id, digest):
        if key in seen:
            return reject("duplicate", f"It is the same as {seen[key]}.")
    try:
        picture = read_whole(data)
    except BadPicture as error:
        return reject(error.reason, str(error))
    captured = picture.captured_at
    if captured:
        fetched = min(file.meanings, key=lambda meaning: abs(meaning - captured))
    captured = captured or fetched
    if abs(captured - fetched) > TOLERANCE:
        seconds = (captured - fetched).total_seconds()
        return reject("capture_time", f"The camera's time is {seconds:+.1f} s from the file's name; 5 s are allowed.")
    seen[frame_id] = seen[digest] = file.name
    return Frame(frame_id, camera_id, captured, fetched, picture.data, picture.width, picture.height)


class _FolderTree:
    def __init__(self, root: Path) -> None:
        self._roots = {p.parent.name: p.parent for depth in ("*", "*/*") for p in root.glob(f"{depth}/[0-9][0-9][0-9][0-9]")}
        self._roots = {camera: path for camera, path in self._roots.items() if is_camera_id(camera) and any(_hour_folders(path))}

    def cameras(self) -> Iterable[str]:
        return self._roots

    def local_hours(self, camera_id: str) -> list[datetime]:
        return list(_hour_folders(self._roots[camera_id])) if camera_id in self._roots else []

    def files(self, camera_id: str, folder: str) -> Iterator[_File]:
        if camera_id in self._roots:
            for path in (self._roots[camera_id] / folder).glob("*/*/*"):
                if _is_picture(path.name):
                    yield _File(path.name, folder, path.read_bytes)


class _ZipTree:
    def __init__(self, path: Path) -> None:
        self._index: dict[tuple[str, str], list[tuple[str, str]]] = {}
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise CctviewError(f"{path} is no readable zip file: {error}.") from error
        for entry in self._zip.namelist():
            match = _PLACE.fullmatch(entry)
            if match and is_camera_id(match["camera"]) and _is_picture(match["name"]):
                self._index.setdefault((match["camera"], match["hour"]), []).append((match["name"], entry))

    def cameras(self) -> Iterable[str]:
        return {camera for camera, _ in self._index}

    def local_hours(self, camera_id: str) -> list[datetime]:
        return [_parse_folder(hour) for camera, hour in self._index if camera == camera_id]

    def files(self, camera_id: str, folder: str) -> Iterator[_File]:
        for name, entry in self._index.get((camera_id, folder), []):
            yield _File(name, folder, partial(self._zip.read, entry))


def _is_picture(name: str) -> bool:
    """Pictures that a poller wrote; the published layout also has crops and drawings made from them."""
    return name.lower().endswith(_PICTURES) and "--detections" not in name


def _hour_folders(camera: Path) -> Iterator[datetime]:
    for folder in sorted(camera.glob("[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]/[0-9][0-9]")):
        try:
            yield _parse_folder("/".join(folder.parts[-4:]))
        except ValueError:
            continue  # a folder such as 2020/13/45/99 holds no hour


def _parse_folder(text: str) -> datetime:
    return datetime.strptime(text, "%Y/%m/%d/%H").replace(tzinfo=NEW_YORK)


def _meanings(local: datetime) -> list[datetime]:
    """The UTC times that a New York wall clock may mean: two in the hour that autumn repeats, the first pass first."""
    return sorted({local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)})


def _skipped(hour: datetime) -> list[datetime]:
    """The New York hour that spring's clock change skips at this UTC hour: there may be a folder of it all the same."""
    local = (hour.astimezone(NEW_YORK) + HOUR).replace(minute=0)  # wall-clock arithmetic
    return [local] if local.astimezone(UTC).astimezone(NEW_YORK).hour != local.hour else []


def _what_else(path: Path) -> str:
    """What a mistaken path holds instead, for the error's sentence."""
    if path.is_file():
        return ""
    files = list(islice((p for p in path.rglob("*") if p.is_file()), 1000))
    if not files:
        return "; it is empty"
    suffix = max({p.suffix for p in files}, key=[p.suffix for p in files].count)
    count = len(files) if len(files) < 1000 else "1000 or more"
    return f"; it holds {count} files, mostly '{suffix or 'without a suffix'}'"
