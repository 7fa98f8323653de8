"""The files of footage: which videos lie below a folder, whose they are and when they begin, and what is left out and why."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from cctview_pipeline.cameras.folders import PACKED, UNUSED_FOLDERS, LeftOut, place_in, walk
from cctview_pipeline.cameras.footage.names import Named, in_utc, read_name, whose
from cctview_pipeline.cameras.footage.settings import FootageSettings
from cctview_pipeline.cameras.footage.starts import PLAYLISTS, SIDECARS, Start, read_sidecar, segments_of, sidecar_of
from cctview_pipeline.cameras.unreadable import Unreadable
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import NEW_YORK

VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".flv", ".wmv", ".asf"),
    *(".ogv", ".mxf"),
)
UNUSED = {
    "other_file": "files that are no videos",
    "hidden": "hidden files",
    "packed": "packed files: unpack them",
    "fragment": "fragments without their beginning (.m4s): join them with their init segment, or keep .ts segments",
    "no_times": "streams without times of frames (.h264, .mjpeg and such): put them into an mp4 with the times of their frames",
    "empty": "video files without a byte",
    "no_video": "video files without moving pictures",
    "undecodable": "video files that can't be opened: not of a known kind, or cut off before their index was written",
    "unreadable": "video files that can't be read",
    "camera_id": "video files whose name and folder are no camera's id: letters, digits and single hyphens, underscores or dots",
    "no_start": "video files that nothing tells the beginning of: put the time into the name, or a sidecar beside them",
    "no_zone": "video files whose name tells a time without a zone: give --timezone, or timezone in campaign.toml",
    "clock": "video files whose time can't be right: in the future, before 2001, or skipped by the clocks",
    "sidecar": "video files whose sidecar can't be read",
    "playlist": "playlists that can't be read",
} | UNUSED_FOLDERS
"""Why something in a folder is not used -> what is said of those."""
_STREAMS = (".h264", ".264", ".h265", ".265", ".hevc", ".mjpeg", ".mjpg", ".m2v", ".ivf", ".y4m")


@dataclass(frozen=True, kw_only=True)
class Video:
    """A file that can be used. place: where it is below the folder; end: of its last frame, as the file says; published: named
    as CCTView's hours are; clock: from when frames are taken at a steady rate, over files that follow each other."""

    path: Path
    place: str
    camera: str
    start: Start
    end: datetime
    published: bool
    clock: datetime

    @property
    def begin(self) -> datetime:
        return self.start.at


@dataclass
class Found:
    """videos: by camera, in order of time; left: what is not used."""

    videos: dict[str, list[Video]] = field(default_factory=lambda: defaultdict(list))
    left: LeftOut = field(default_factory=lambda: LeftOut(UNUSED))


def find_videos(root: Path, settings: FootageSettings, zone: tzinfo | None) -> Found:
    """Everything below a folder, or one file. zone: of times without one."""
    found = Found()
    walked = _folders(root, found)
    root = root.parent if root.is_file() else root
    for folder, files in walked:
        there = {path.name: path for path in files}
        dated: dict[Path, Start] = {}
        for path, start in segments_of([path for path in files if path.suffix.lower() in PLAYLISTS], zone):
            if isinstance(start, CctviewError):
                found.left.add("playlist", place_in(root, path), str(start))
            else:
                dated.setdefault(Path(os.path.normpath(path)), start)
        used = {sidecar_of(path, there) for path in files if _is_video(path)}
        for path in files:
            place = place_in(root, path)
            if (reason := _other(path)) is None:
                candidate = _Candidate(
                    root=root, folder=folder, path=path, place=place, sidecar=sidecar_of(path, there), dated=dated.get(path)
                )
                _take(found, candidate, settings, zone)
            elif path not in used and path.suffix.lower() not in PLAYLISTS:
                found.left.add(reason, place)
    step = timedelta(seconds=float(1 / settings.rate)) if settings.fps else timedelta()
    for camera, videos in found.videos.items():
        found.videos[camera] = _with_clocks(sorted(videos, key=lambda video: (video.begin, video.place)), step)
    return found


def _with_clocks(videos: Sequence[Video], step: timedelta) -> list[Video]:
    """One clock for files between which no more than a step passes."""
    done: list[Video] = []
    until = clock = None
    for video in videos:
        if clock is None or until is None or video.begin - until > step:
            clock, until = video.begin, video.end
        until = max(until, video.end)
        done.append(replace(video, clock=clock))
    return done


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    root: Path
    folder: Path
    path: Path
    place: str
    sidecar: Path | None
    dated: Start | None


def _take(found: Found, file: _Candidate, settings: FootageSettings, zone: tzinfo | None) -> None:
    """One file, whatever is wrong with it."""
    from cctview_pipeline.cameras.footage.video import Probe, probe  # not at the top: FFmpeg's libraries load for a while

    named = read_name(file.path.stem)
    try:
        status = file.path.stat()
        told = probe(file.path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        told = Unreadable.of(error)
    if not isinstance(told, Probe):
        found.left.add(told.reason, file.place, str(told) if told.reason == "unreadable" else "")
        return
    camera = whose(named, file.folder.relative_to(file.root).parts, file.root.name, settings.camera)
    if not camera:
        found.left.add("camera_id", file.place)
        return
    start = _start(file, named, told.created, settings, zone)
    if isinstance(start, Unreadable):
        found.left.add(start.reason, file.place, str(start))
        return
    last = start.times[-1] if start.times else start.at + told.length - timedelta(microseconds=1)
    published = named.time is not None and named.time.tzinfo is NEW_YORK
    video = Video(
        path=file.path,
        place=file.place,
        camera=camera,
        start=start,
        end=max(last, start.at),
        published=published,
        clock=start.at,
    )
    found.videos[camera].append(video)


def _start(
    file: _Candidate, named: Named, created: datetime | None, settings: FootageSettings, zone: tzinfo | None
) -> Start | Unreadable:
    """By the first of what may tell it that does. What is there and wrong is not passed over for a worse one."""
    try:
        for source in settings.start:
            if source == "sidecar" and file.sidecar:
                return read_sidecar(file.sidecar, zone)
            if source == "playlist" and file.dated:
                return file.dated
            if source == "name" and named.time:
                at = in_utc(named.time, zone)
                return Start(at, source) if at else Unreadable("no_zone", "")
            if source == "metadata" and created and (at := _believed(created)):
                return Start(at, source)
    except CctviewError as error:
        return Unreadable("sidecar", str(error))
    except ValueError:
        return Unreadable("clock", "")
    return Unreadable("no_start", "")


def _believed(created: datetime) -> datetime | None:
    """Cameras without a clock write 1904 or 1970."""
    try:
        return in_utc(created, None)
    except ValueError:
        return None


def _folders(root: Path, found: Found) -> Iterator[tuple[Path, list[Path]]]:
    """Every folder with its files by name."""
    if root.is_file():
        yield root.parent, [root, *_beside(root)]
        return
    for folder, names in walk(root, found.left):
        yield folder, [folder / name for name in names]


def _beside(file: Path) -> list[Path]:
    """What belongs to a single file: its sidecar, and the playlists that may list it."""
    names = (name + suffix for suffix in SIDECARS for name in (file.name, file.stem))
    sidecars = [path for name in names if (path := file.with_name(name)).is_file()][:1]
    return sidecars + sorted(path for suffix in PLAYLISTS for path in file.parent.glob(f"*{suffix}"))


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS and not path.name.startswith(".")


def _other(path: Path) -> str | None:
    """Why a file is not looked into; None for a video."""
    suffix = path.suffix.lower()
    if path.name.startswith("."):
        return "hidden"
    if suffix in VIDEOS:
        return None
    if suffix == ".m4s":
        return "fragment"
    if suffix in _STREAMS:
        return "no_times"
    return "packed" if suffix in PACKED else "other_file"


def by_source(videos: Mapping[str, Sequence[Video]]) -> Counter[str]:
    """What told the beginning -> of how many files."""
    return Counter(video.start.source for of_camera in videos.values() for video in of_camera)
