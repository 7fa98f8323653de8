"""The files of an archive: which pictures lie in its folders and zips, whose they are, and what is left out and why.

Nothing takes another file with it: a folder that may not be listed and a zip without an end are counted by reason, and a picture
whose bytes can't be had says so when it is read.
"""

import os
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache, partial
from pathlib import Path

from cctview_pipeline.cameras.archive_zips import Zip, printable
from cctview_pipeline.cameras.unreadable import Unreadable, read_file
from cctview_pipeline.frames import Unused
from cctview_pipeline.ids import NEW_YORK, FrameId, is_camera_id
from cctview_pipeline.limits import ARCHIVE_DEPTH

Key = tuple[str, str]
"""A camera and an hour of New York's wall clock, as the layout's folders have it: ``2020/05/05/13``."""
Parts = tuple[str, ...]
"""The folders that a file lies in, and its name. A zip is as good as the folder that it lies in."""

HOUR_FOLDER = "%Y/%m/%d/%H"
UNUSED = {
    "derived": "crops and drawings made from frames",
    "other_file": "files that are no pictures",
    "packed": "packed files of other kinds than zip: unpack them",
    "hidden": "hidden files, and what a system left behind (._*, __MACOSX)",
    "no_place": "pictures for which neither their name nor their folder tells a camera and an hour",
    "camera_id": "pictures of cameras whose id has other characters than letters, digits and single hyphens, underscores or dots",
    "clock": "pictures dated far from all others, of cameras that have no others",
    "damaged_zip": "zip files whose list of entries is damaged or not there yet, so that none is found (`zip -FF` may mend them)",
    "unreadable_zip": "zip files that can't be opened, or have too many entries",
    "split_zip": "parts of zip files that were split: join them (`zip -s 0 NAME.zip --out whole.zip`)",
    "empty_zip": "zip files that hold nothing",
    "zip_in_zip": "zip files inside zip files: unpack them",
    "unreadable_folder": "folders that can't be opened",
    "too_deep": f"folders more than {ARCHIVE_DEPTH.most} deep",
}
"""Why something in an archive is not used -> what is said of those."""

_JPEGS = (".jpeg", ".jpg", ".jpe", ".jfif")
_PICTURES = (*_JPEGS, ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif", ".jp2")
"""Those that are no JPEGs are read to be refused in the words for what they are."""
_STEM = re.compile(rf"(?P<id>.+)--original({'|'.join(map(re.escape, _PICTURES))})", re.IGNORECASE)
_PACKED = re.compile(r".+\.(tar|tgz|tbz2?|txz|gz|bz2|xz|zst|lz4|lzma|rar|r\d\d|7z|7z\.\d{3})", re.DOTALL)
_SPLIT = re.compile(r".+\.(z\d\d+|zip\.\d{3})", re.DOTALL)
_NAMED = re.compile(
    r"(?P<camera>.+?)--(?P<time>\d{4}-\d{2}-\d{2}--\d{2}\.\d{2}\.\d{2})(?P<utc>\.\d{3}Z)?(?:--.*|\..*)", re.ASCII | re.DOTALL
)
_YEARS = range(1969, 2200)
"""Before and after them nobody took a picture, and clocks can't be told apart. 1970 begins in 1969 in New York."""


def frame_id_of(name: str) -> str | None:
    """The frame's id in a file's name; None in one of another form."""
    match = _STEM.fullmatch(name)
    return match["id"] if match else None


@dataclass(frozen=True)
class ArchiveFile:
    """A picture. folder: the hour that it lies in, or is named for where it lies in none; place: where it is below the archive;
    read: gives its bytes, or raises Unreadable."""

    name: str
    folder: str
    place: str
    read: Callable[[], bytes]

    @property
    def folder_hour(self) -> datetime:
        return meanings(parse_folder(self.folder))[0]

    @cached_property
    def meanings(self) -> list[datetime]:
        """The UTC times that the name may mean; none when it has another form, or lies in another hour's folder."""
        try:
            frame_id = FrameId.parse(frame_id_of(self.name) or "")
        except ValueError:
            return []
        if f"{frame_id.time.astimezone(NEW_YORK):{HOUR_FOLDER}}" != self.folder:
            return []
        return meanings(frame_id.time) if frame_id.published else [frame_id.time]


@dataclass
class _Tally:
    """What was seen and is not used: how many for each reason, and the first of them."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, place: str) -> None:
        self.counts[reason] += 1
        self.examples.setdefault(reason, place)


class ArchiveFiles:
    """Everything below a folder, or in one zip file.

    A folder of an hour in the published layout is looked into when that hour is asked for: there may be one for every second of
    a year. All else is looked through at once.
    """

    def __init__(self, root: Path) -> None:
        self._folders: dict[Key, list[tuple[Path, Parts]]] = defaultdict(list)
        self._files: dict[Key, list[ArchiveFile]] = defaultdict(list)
        self._tally = _Tally()
        found = _walk(root, (), self._tally, self._folders) if root.is_dir() else _unzip(root, (), self._tally)
        for key, file in found:
            self._files[key].append(file)

    def places(self) -> set[Key]:
        """Cameras and hours that have pictures, or a folder for them."""
        return {*self._folders, *self._files}

    def files(self, key: Key) -> list[ArchiveFile]:
        """Pictures of a camera and an hour, by name."""
        found = [*self._files.get(key, ()), *self._look_into(key, _Tally())]
        return sorted(found, key=lambda file: (file.name, file.place))

    def unused(self) -> list[Unused]:
        """All that is here and among no key's files, by reason. Looks into every folder."""
        tally = _Tally(self._tally.counts.copy(), dict(self._tally.examples))
        for key in sorted(self._folders):
            self._look_into(key, tally)
        seen = (reason for reason in UNUSED if reason in tally.counts)
        return [Unused(reason, UNUSED[reason], tally.counts[reason], tally.examples[reason]) for reason in seen]

    def _look_into(self, key: Key, tally: _Tally) -> list[ArchiveFile]:
        return [file for folder, parts in self._folders.get(key, ()) for _, file in _walk(folder, parts, tally)]


def _walk(
    root: Path, parts: Parts, tally: _Tally, later: dict[Key, list[tuple[Path, Parts]]] | None = None
) -> Iterator[tuple[Key, ArchiveFile]]:
    """Pictures below a folder. later: takes the folders of hours, which are then not looked into.

    Links are followed last: a folder that can be reached without one is known by its own name, and looked into once."""
    waiting = [(root, parts)]
    links: deque[tuple[Path, Parts]] = deque()
    been: set[tuple[int, int]] = set()
    while waiting or links:
        folder, parts = waiting.pop() if waiting else links.popleft()
        if later is not None and (key := _layout_key(parts)):
            later[key].append((folder, parts))
            continue
        if not ARCHIVE_DEPTH.allows(len(parts)):
            tally.add("too_deep", "/".join(parts))
            continue
        try:
            here = os.stat(folder)
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError:
            tally.add("unreadable_folder", "/".join(parts))
            continue
        if (here.st_dev, here.st_ino) in been:
            continue  # by a link: what is in it was seen
        been.add((here.st_dev, here.st_ino))
        below: list[tuple[Path, Parts]] = []
        for entry in entries:
            inside = (*parts, printable(entry.name))
            if _is_folder(entry) and not _is_frame(entry.name):
                (links if entry.is_symlink() else below).append((Path(entry.path), inside))
            elif entry.name.lower().endswith(".zip") and not _is_hidden(inside):
                yield from _unzip(Path(entry.path), parts, tally)
            else:
                yield from _sort(inside, "/".join(inside), partial(read_file, Path(entry.path)), tally)
        waiting += reversed(below)


def _unzip(path: Path, parts: Parts, tally: _Tally) -> Iterator[tuple[Key, ArchiveFile]]:
    place = "/".join((*parts, printable(path.name)))
    try:
        entries = Zip(path).entries
    except Unreadable as error:
        tally.add(error.reason, place)
        return
    if not entries:
        tally.add("empty_zip", place)
    for entry in entries:
        if not entry.is_folder or _is_frame(entry.parts[-1]):
            yield from _sort((*parts, *entry.parts), f"{place}/{'/'.join(entry.parts)}", entry.read, tally)


def _sort(parts: Parts, place: str, read: Callable[[], bytes], tally: _Tally) -> Iterator[tuple[Key, ArchiveFile]]:
    """One file: a picture of a camera and an hour, or one more that is not used."""
    name = parts[-1].lower()
    if _is_hidden(parts):
        tally.add("hidden", place)
    elif not name.endswith(_PICTURES):
        tally.add(_other_kind(name), place)
    elif not _is_frame(name):
        tally.add("derived", place)
    elif key := _layout_key(parts[:-1]) or _name_key(parts[-1]):
        yield key, ArchiveFile(parts[-1], key[1], place, read)
    else:
        tally.add("camera_id" if _named_time(parts[-1]) else "no_place", place)


def _other_kind(name: str) -> str:
    """Why a file is not used whose name is no picture's."""
    if name.endswith(".zip"):
        return "zip_in_zip"
    return "split_zip" if _SPLIT.fullmatch(name) else "packed" if _PACKED.fullmatch(name) else "other_file"


def parse_folder(text: str) -> datetime:
    """Raises ValueError for an hour that no calendar has."""
    return datetime.strptime(text, HOUR_FOLDER).replace(tzinfo=NEW_YORK)


def meanings(local: datetime) -> list[datetime]:
    """The UTC times that a New York wall clock may mean: two in the hour that autumn repeats, the first pass first."""
    return sorted({local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)})


def _layout_key(folders: Parts) -> Key | None:
    """The camera and the hour of the first folders that are ``<camera>/YYYY/MM/DD/HH``."""
    for begin in range(len(folders) - 4):
        camera, *numbers = folders[begin : begin + 5]
        if [len(number) for number in numbers] == [4, 2, 2, 2] and is_camera_id(camera) and _is_hour(hour := "/".join(numbers)):
            return camera, hour
    return None


def _name_key(name: str) -> Key | None:
    match, local = _NAMED.fullmatch(name), _named_time(name)
    return (match["camera"], f"{local:{HOUR_FOLDER}}") if match and local and is_camera_id(match["camera"]) else None


def _named_time(name: str) -> datetime | None:
    """New York's time in a picture's name, wherever else the name is wrong."""
    match = _NAMED.fullmatch(name)
    if not match:
        return None
    try:
        time = datetime.fromisoformat(f"{match['time'][:10]} {match['time'][12:].replace('.', ':')}")
    except ValueError:
        return None
    if time.year not in _YEARS:
        return None
    return time.replace(tzinfo=UTC).astimezone(NEW_YORK) if match["utc"] else time.replace(tzinfo=NEW_YORK)


@lru_cache(maxsize=4096)
def _is_hour(text: str) -> bool:
    try:
        return text.isascii() and parse_folder(text).year in _YEARS
    except ValueError:
        return False


def _is_frame(name: str) -> bool:
    """Pictures that a poller wrote; the published layout also has crops and drawings made from them."""
    return name.lower().endswith(_PICTURES) and "--detections" not in name


def _is_hidden(parts: Parts) -> bool:
    return "/." in (place := f"/{'/'.join(parts)}/") or "/__MACOSX/" in place


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False
