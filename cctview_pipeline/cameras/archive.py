"""The published archive as a camera network.

Frames lie in ``<camera>/YYYY/MM/DD/HH/MM/SS/<camera>--YYYY-MM-DD--HH.MM.SS--original.jpeg``, New York time, in folders or zip
files of any depth; what lies elsewhere belongs where its name says. The name tells when the poller wrote the file; the capture
time is in the JPEG, and when it is there it decides which hour a frame belongs to.
"""

import hashlib
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path

from cctview_pipeline.cameras.archive_clock import lone_keys
from cctview_pipeline.cameras.archive_files import (
    HOUR_FOLDER,
    UNUSED,
    ArchiveFile,
    ArchiveFiles,
    frame_id_of,
    meanings,
    parse_folder,
)
from cctview_pipeline.cameras.unreadable import Unreadable
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import CameraHour, Frame, Rejected, Unused
from cctview_pipeline.ids import NEW_YORK
from cctview_pipeline.images import BadPicture
from cctview_pipeline.images.jpeg import read_whole

SUFFIX = "--original.jpeg"
TOLERANCE = timedelta(seconds=5)
"""How far a capture time may be from the file's name before one of the two must be wrong."""


class ArchiveNetwork:
    """Frames of a folder or zip file in the published layout."""

    name = "archive"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self.path.stat()
        except FileNotFoundError as error:
            raise CctviewError(f"The archive {self.path} does not exist.") from error
        except OSError as error:
            raise CctviewError(f"The archive {self.path} can't be opened. {Unreadable.of(error)}") from error
        if not self.cameras():
            raise CctviewError(self._what_instead())

    def cameras(self) -> list[str]:
        """Those that have pictures, or folders for them, whose dates can be believed."""
        return sorted(self._folders)

    def hours(self, camera_id: str) -> list[datetime]:
        """Hours that have a folder, and hours into which the first or last frames of a folder were captured."""
        hours = {utc for folder in self._folders.get(camera_id, ()) for utc in meanings(parse_folder(folder))}
        edges = {hour + step for hour in hours for step in (-HOUR, HOUR)} - hours
        return sorted(hours | {hour for hour in edges if self.read_hour(camera_id, hour).frames})

    def read_hour(self, camera_id: str, hour: datetime) -> CameraHour:
        """Frames captured in the hour; a few seconds of the folders before and after are looked at for them.

        A camera's first hour also has what of it is dated far from all others: nobody knows when that was taken.
        """
        frames: list[Frame] = []
        rejected: list[Rejected] = []
        seen: dict[str, str] = {}
        for file in self._files_near(camera_id, hour):
            result = _judge(camera_id, file, seen)
            if isinstance(result, Frame) and floor_hour(result.captured_at) == hour:
                frames.append(result)
            elif isinstance(result, Rejected) and floor_hour(result.fetched_at or file.folder_hour) == hour:
                rejected.append(result)
        if hour == self._first_hour(camera_id):
            rejected += [_dated_elsewhere(file) for file in self.lone_files(camera_id)]
        return CameraHour(sorted(frames, key=lambda frame: (frame.captured_at, frame.frame_id)), rejected)

    def lone_files(self, camera_id: str) -> list[ArchiveFile]:
        """A camera's pictures that are dated far from all others of the archive (cameras/archive_clock.py)."""
        return [file for key in sorted(self._lone) if key[0] == camera_id for file in self._files.files(key)]

    def unused(self) -> list[Unused]:
        """All that is in the archive and belongs to none of its cameras and hours, by reason."""
        strangers = sorted({camera for camera, _ in self._lone} - set(self._folders))
        clock = [file.place for camera in strangers for file in self.lone_files(camera)]
        found = [Unused("clock", UNUSED["clock"], len(clock), clock[0])] if clock else []
        return [*self._files.unused(), *found]

    @cached_property
    def _files(self) -> ArchiveFiles:
        return ArchiveFiles(self.path)

    @cached_property
    def _lone(self) -> set[tuple[str, str]]:
        return lone_keys(self._files, datetime.now(UTC))

    @cached_property
    def _folders(self) -> dict[str, list[str]]:
        """Camera -> its hours of New York's wall clock."""
        found: dict[str, list[str]] = defaultdict(list)
        for camera, folder in sorted(self._files.places() - self._lone):
            found[camera].append(folder)
        return dict(found)

    def _first_hour(self, camera_id: str) -> datetime | None:
        folders = self._folders.get(camera_id)
        return meanings(parse_folder(folders[0]))[0] if folders else None

    def _files_near(self, camera_id: str, hour: datetime) -> list[ArchiveFile]:
        """Pictures whose name lies in the hour or within the tolerance of it, or does not tell, sorted by name."""
        folders = {f"{near.astimezone(NEW_YORK):{HOUR_FOLDER}}" for near in (hour - HOUR, hour, hour + HOUR)}
        folders |= {f"{local:{HOUR_FOLDER}}" for local in _skipped(hour)}
        keys = {(camera_id, folder) for folder in folders} - self._lone
        files = [file for key in keys for file in self._files.files(key)]
        # Twice the tolerance: a copy that was fetched late must meet the frame it is a copy of.
        first, last = hour - 2 * TOLERANCE, hour + HOUR + 2 * TOLERANCE
        near = (f for f in files if not f.meanings or any(first <= time < last for time in f.meanings))
        return sorted(near, key=lambda file: (file.name, file.place))

    def _what_instead(self) -> str:
        """Why a path is no archive, and what it holds."""
        if self._lone:
            first = min(parse_folder(folder) for _, folder in self._lone)
            return (
                f"Every picture of {self.path} is dated in the future, the first {first:%Y-%m-%d} in New York: "
                "set this machine's clock, or mend the names."
            )
        unused = self._files.unused()
        if self.path.is_file() and any(found.reason == "empty_zip" for found in unused):
            return f"{self.path} is a zip file that holds nothing."
        if self.path.is_file() and any(found.reason in ("damaged_zip", "unreadable_zip") for found in unused):
            return (
                f"{self.path} is no readable zip file: it is of another kind, such as a tar (unpack that, and give "
                "its folder), or was not written to its end (`zip -FF` may mend it)."
            )
        telling = [found.sentence for found in unused if found.reason not in ("other_file", "no_place", "hidden")]
        return (
            f"{self.path} is no archive: expected <camera>/YYYY/MM/DD/HH/MM/SS/*{SUFFIX} in it, or zip files that hold this"
            f"{_what_else(self.path)}{''.join(f'; {sentence}' for sentence in telling)}."
        )


def _judge(camera_id: str, file: ArchiveFile, seen: dict[str, str]) -> Frame | Rejected:
    """One file, whatever is wrong with it: no other is judged by it."""
    named = file.meanings[0] if file.meanings else None
    try:
        data = file.read()
    except Unreadable as error:
        return Rejected(name=file.name, reason=error.reason, detail=str(error), sha256="", fetched_at=named)
    try:
        return _examine(camera_id, file, data, seen)
    except Exception as error:  # other people's bytes meet a decoder
        what = f"A decoder stumbled over it unexpectedly ({type(error).__name__})."
        return Rejected(
            name=file.name, reason="undecodable", detail=what, sha256=hashlib.sha256(data).hexdigest(), fetched_at=named
        )


def _dated_elsewhere(file: ArchiveFile) -> Rejected:
    try:
        digest = hashlib.sha256(file.read()).hexdigest()
    except Unreadable as error:
        return Rejected(name=file.name, reason=error.reason, detail=str(error), sha256="", fetched_at=None)
    when = file.meanings[0] if file.meanings else file.folder_hour
    what = f"It is dated {when:%Y-%m-%d %H:%MZ}, far from all others of the archive: a clock was wrong, or it belongs elsewhere."
    return Rejected(name=file.name, reason="clock", detail=what, sha256=digest, fetched_at=when)


def _examine(camera_id: str, file: ArchiveFile, data: bytes, seen: dict[str, str]) -> Frame | Rejected:
    """Judge one file. seen: digest and frame id of the good frames already met -> place, for finding duplicates."""
    digest = hashlib.sha256(data).hexdigest()
    fetched = file.meanings[0] if file.meanings else None

    def reject(reason: str, detail: str) -> Rejected:
        return Rejected(name=file.name, reason=reason, detail=detail, sha256=digest, fetched_at=fetched)

    frame_id = frame_id_of(file.name)
    if frame_id is None or fetched is None or not file.name.startswith(f"{camera_id}--"):
        return reject(
            "wrong_name",
            _other_case(camera_id, file.name)
            or f"'{file.name}' is not {camera_id}--YYYY-MM-DD--HH.MM.SS{SUFFIX}, lies in another hour, or no such time exists.",
        )
    if digest in seen:
        return reject("duplicate", f"It is the same as {seen[digest]}.")
    if frame_id in seen:
        return reject("duplicate", f"It has the time of another picture, {seen[frame_id]}, and other bytes.")
    try:
        picture = read_whole(data)
    except BadPicture as error:
        return reject(error.reason, str(error))
    told = picture.captured_at
    if told:
        fetched = min(file.meanings, key=lambda meaning: abs(meaning - told))
    captured = told or fetched
    if abs(captured - fetched) > TOLERANCE:
        seconds = (captured - fetched).total_seconds()
        return reject("capture_time", f"The camera's time is {seconds:+.1f} s from the file's name; 5 s are allowed.")
    seen[frame_id] = seen[digest] = file.place
    return Frame(
        frame_id=frame_id,
        camera_id=camera_id,
        captured_at=captured,
        fetched_at=fetched,
        jpeg=picture.data,
        width=picture.width,
        height=picture.height,
    )


def _other_case(camera_id: str, name: str) -> str:
    """Why a name is wrong that differs from its folder's camera in upper and lower case only, as after a copy over Windows."""
    told = name[: len(camera_id)]
    if told == camera_id or not name.lower().startswith(f"{camera_id.lower()}--"):
        return ""
    return f"'{name}' lies in the folder of '{camera_id}': rename the folder to {told}, or the file."


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
    reader = next((name for name, kinds in _READERS.items() if suffix.lower() in kinds), "")
    hint = f" (`--network {reader}` reads them in any layout)" if reader else ""
    return f"; it holds {count} files, mostly '{suffix or 'without a suffix'}'{hint}"


_READERS = {"pictures": (".jpg", ".jpeg", ".png", ".gif", ".webp"), "footage": (".mp4", ".mkv", ".mov", ".avi", ".ts")}
