"""The files of a folder of pictures: whose they are and when they were taken, and what is left out and why.

Names are read once for all of them; a file is opened only where its name tells no time.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from cctview_pipeline.cameras.archive_clock import find_lone
from cctview_pipeline.cameras.folders import PACKED, UNUSED_FOLDERS, LeftOut, place_in, walk
from cctview_pipeline.cameras.footage.files import VIDEOS
from cctview_pipeline.cameras.footage.names import Named, in_utc, whose
from cctview_pipeline.cameras.footage.starts import NoZone
from cctview_pipeline.cameras.pictures.names import Day, day_of, read_picture
from cctview_pipeline.cameras.pictures.settings import PictureSettings
from cctview_pipeline.cameras.pictures.times import NAME, Times
from cctview_pipeline.cameras.unreadable import Unreadable, read_head
from cctview_pipeline.campaign import floor_hour
from cctview_pipeline.errors import CctviewError, printable
from cctview_pipeline.ids import NEW_YORK
from cctview_pipeline.images.jpeg import told_time

PICTURES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp")
UNUSED = {
    "other_file": "files that are no pictures",
    "hidden": "hidden files",
    "packed": "packed files: unpack them",
    "video": "video files: --network footage reads those",
    "other_picture": "pictures of kinds that are not read: save them as JPEG or PNG",
    "derived": "crops and drawings made from frames",
    "unreadable": "pictures that can't be read",
    "camera_id": "pictures whose name and folder are no camera's id: letters, digits and single hyphens, underscores or dots",
    "no_start": f"pictures that nothing tells the time of: put it into the name, to the second, or into {NAME}",
    "no_zone": "pictures of which a time without a zone is told: give --timezone, or timezone in campaign.toml",
    "clock": "pictures whose time can't be right: in the future, before 2001, skipped by the clocks, or far from all others",
    "sidecar": f"{NAME} that can't be read, and pictures for which it has no time",
    "row": f"rows of {NAME} that were not needed: no such picture, or its name or metadata tell its time",
} | UNUSED_FOLDERS
"""Why something in a folder is not used -> what is said of those."""
_OTHERS = (".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2", ".jxl", ".raw", ".dng", ".cr2", ".nef", ".arw")
_HEAD_BYTES = 1 << 17
"""In which a JPEG tells when it was taken: EXIF has 64 KiB at most, and stands first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A file that can be used. place: where it is below the folder; at: when it was taken, UTC; source: what told it, one of
    settings.STARTS; published: named as CCTView's frames are."""

    path: str
    place: str
    at: datetime
    source: str
    published: bool


Hours = dict[datetime, list[Picture]]


@dataclass
class Found:
    """pictures: camera -> hour -> those taken in it, in order of time; left: what is not used."""

    pictures: dict[str, Hours] = field(default_factory=dict)
    left: LeftOut = field(default_factory=lambda: LeftOut(UNUSED))


def find_pictures(root: Path, settings: PictureSettings, zone: tzinfo | None) -> Found:
    """Everything below a folder. zone: of times without one."""
    root, found, times = root.absolute(), Found(), Times()  # of "." the name would not tell
    pictures: dict[tuple[str, datetime], list[Picture]] = defaultdict(list)
    for folder, names in walk(root, found.left):
        below = folder.relative_to(root).parts
        where = _Folder(root.name, below, str(folder), day_of((root.name, *below)))
        if NAME in names:
            try:
                times.add("/".join(below), folder / NAME)
            except CctviewError as error:
                found.left.add("sidecar", place_in(root, folder / NAME), str(error))
        for name in names:
            place = "/".join((*below, name))
            reason = _other(name) or _take(pictures, where, name, settings, _Telling(zone, times, place))
            if isinstance(reason, Unreadable):
                found.left.add(reason.reason, printable(place), str(reason))
            elif reason and name != NAME:
                found.left.add(reason, printable(place))
    for row in times.idle() if "sidecar" in settings.start else ():
        found.left.add("row", row)
    _leave_lone(pictures, found.left)
    for (camera, hour), taken in sorted(pictures.items()):
        found.pictures.setdefault(camera, {})[hour] = sorted(taken, key=lambda each: (each.at, each.place))
    return found


@dataclass(frozen=True)
class _Folder:
    """root: the name of the folder given; below: those from there on; path: the folder itself; day: what they tell."""

    root: str
    below: Sequence[str]
    path: str
    day: Day | None


@dataclass(frozen=True)
class _Telling:
    """What a picture's time is asked of besides its name. place: where it is below the folder given."""

    zone: tzinfo | None
    times: Times
    place: str

    def at(self, source: str, named: Named, path: str) -> datetime | None:
        """By one source, UTC; None where it tells nothing. Raises ValueError for a time that can't be right, CctviewError for one
        that can't be read, NoZone for one without a zone."""
        if source == "sidecar":
            return self.times.of(self.place, self.zone)
        if source == "mtime":
            return in_utc(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=_modified(path) // 1000), None)
        told = named.time if source == "name" else told_time(read_head(Path(path), _HEAD_BYTES))
        if told is None:
            return None
        if (utc := in_utc(told, self.zone)) is None:
            raise NoZone(f"Its {source} tells {told:%Y-%m-%d %H:%M:%S}.")
        return utc


def _take(
    pictures: dict[tuple[str, datetime], list[Picture]], where: _Folder, name: str, settings: PictureSettings, telling: _Telling
) -> str | Unreadable | None:
    """Put one picture where it belongs, or tell why it is not used. What is there and wrong is not passed over."""
    named, path = read_picture(os.path.splitext(name)[0], where.day), os.path.join(where.path, name)
    camera = whose(named, where.below, where.root, settings.camera)
    if not camera:
        return "camera_id"
    try:
        for source in settings.start:
            if at := telling.at(source, named, path):
                published = source == "name" and named.time is not None and named.time.tzinfo is NEW_YORK
                place = printable(telling.place)
                picture = Picture(path=path, place=place, at=at, source=source, published=published)
                pictures[camera, floor_hour(at)].append(picture)
                return None
    except Unreadable as error:
        return error
    except NoZone as error:
        return Unreadable("no_zone", str(error))
    except CctviewError as error:
        return Unreadable("sidecar", str(error))
    except (ValueError, OverflowError):
        return "clock"
    return "no_start"


def _leave_lone(pictures: dict[tuple[str, datetime], list[Picture]], left: LeftOut) -> None:
    """Take out what is dated far from all others: a clock was wrong (archive_clock.py)."""
    lone = find_lone({key: key[1] for key in pictures}, lambda key: len(pictures[key]), datetime.now(UTC))
    for key in sorted(lone):
        for picture in pictures.pop(key):
            left.add("clock", picture.place, f"{picture.at:%Y-%m-%d}, far from all others")


def _modified(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError as error:
        raise Unreadable.of(error) from error


def _other(name: str) -> str | None:
    """Why a file is not looked into; None for a picture."""
    suffix = os.path.splitext(name)[1].lower()
    if name.startswith("."):
        return "hidden"
    if suffix in PICTURES:
        return "derived" if "--detections" in name else None
    if suffix in _OTHERS:
        return "other_picture"
    if suffix in VIDEOS:
        return "video"
    return "packed" if suffix in PACKED else "other_file"
