"""Recorded video as a camera network: a folder of files of any length, of which frames are taken at a chosen rate.

A frame's time is that of its file's beginning (starts.py, names.py) and its presentation time in the file; no frame is made up,
and one that lies in two files is taken from the earlier. What a file holds beyond its hour goes to the next.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.footage.files import Found, Video, by_source, find_videos
from cctview_pipeline.cameras.footage.settings import FootageSettings
from cctview_pipeline.cameras.footage.starts import PLAYLISTS
from cctview_pipeline.cameras.unreadable import Unreadable
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import CameraHour, Frame, FrameStream, Rejected, Unused
from cctview_pipeline.ids import NEW_YORK, FrameId
from cctview_pipeline.images import BadPicture, encode_jpeg
from cctview_pipeline.local_calendar import check_zone

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from cctview_pipeline.cameras.footage.video import Damage

QUALITY = 92
"""Of the JPEGs, with half of the colours' resolution, as video has it: AP50 is that of the video (docs/footage.md)."""
_OVERLAP = timedelta(seconds=1)
"""Of two files, about which nothing is said: clips are a little longer than they say."""
_REASONS = {"unreadable": "unreadable", "sidecar": "capture_time"}
"""Why a file can't be read -> what rejected_frames calls it."""
_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


class FootageNetwork:
    """Frames of a folder of video files, or of one. timezone: of times without an offset, by its IANA name."""

    name = "footage"

    def __init__(self, path: str | Path, settings: FootageSettings = FootageSettings(), timezone: str = "") -> None:
        self.path, self.settings = Path(path), settings
        self._zone: ZoneInfo | None = check_zone(timezone, "The footage") if timezone else None
        try:
            self.path.stat()
        except FileNotFoundError as error:
            raise CctviewError(f"The footage {self.path} does not exist.") from error
        except OSError as error:
            raise CctviewError(f"The footage {self.path} can't be opened. {Unreadable.of(error)}") from error
        if self.path.is_file() and self.path.suffix.lower() in PLAYLISTS:
            raise CctviewError(f"{self.path} is a playlist: give the folder that holds it and its segments.")
        if not self.cameras():
            raise CctviewError(self._what_instead())

    def cameras(self) -> list[str]:
        """Those of whose files the beginning is known."""
        return sorted(self._found.videos)

    def hours(self, camera_id: str) -> list[datetime]:
        """Hours that its files cover, by what these say of their length."""
        hours: set[datetime] = set()
        for video in self._found.videos.get(camera_id, ()):
            first, last = floor_hour(video.begin), floor_hour(video.end)
            hours |= {first + i * HOUR for i in range((last - first) // HOUR + 1)}
        return sorted(hours)

    def read_hour(self, camera_id: str, hour: datetime) -> CameraHour:
        """All of an hour at once."""
        return self.stream_hour(camera_id, hour).read()

    def stream_hour(self, camera_id: str, hour: datetime) -> FrameStream:
        """Frames captured in the hour, decoded as they are asked for."""
        videos = [
            v for v in self._found.videos.get(camera_id, ()) if v.begin < hour + HOUR + self._step and v.end >= hour - self._step
        ]
        reading = _Reading(camera_id, hour, self._step)
        frames = _pictures(camera_id, _at_rate(reading.frames(videos), self.settings.rate), hour)
        return FrameStream(frames, reading.rejected, {"start_from": _sources(videos)} if videos else {})

    def unused(self) -> list[Unused]:
        """All that is in the folder and not used, by reason."""
        return self._found.left.unused()

    def notes(self) -> list[str]:
        """What told when the files begin."""
        told = by_source(self._found.videos)
        files = f"{told.total():,} file{'s' * (told.total() != 1)}"
        rate = f"{self.settings.fps:g} a second" if self.settings.fps else "every one"
        metadata = " What metadata tell may be when a file was written, not when it begins." if told["metadata"] else ""
        return [f"Begin of {files} by {_listed(told)}; frames: {rate}.{metadata}"]

    @property
    def timezone(self) -> str:
        """The campaign's: what was given; New York's where all files are named as the published hours are."""
        if self._zone:
            return self._zone.key
        published = all(video.published for videos in self._found.videos.values() for video in videos)
        return NEW_YORK.key if published else ""

    @cached_property
    def _found(self) -> Found:
        return find_videos(self.path, self.settings, self._zone)

    @property
    def _step(self) -> timedelta:
        """Between two frames: how far beyond an hour one looks for the nearest."""
        return timedelta(seconds=float(1 / self.settings.rate)) if self.settings.fps else timedelta()

    def _what_instead(self) -> str:
        unused = self._found.left.unused()
        if not unused:
            return f"{self.path} holds no video files: it is empty."
        if only := next((each for each in unused if each.reason == "no_zone"), None):
            return (
                f"The names of {only.count:,} video files in {self.path} tell a time without a zone, such as {only.example}: "
                "give --timezone, such as America/New_York, or timezone under [campaign] in campaign.toml."
            )
        return f"{self.path} holds no footage that can be used: {'; '.join(each.sentence for each in unused)}."


def _sources(videos: Iterable[Video]) -> str:
    return _listed(by_source({"": list(videos)}))


def _listed(told: Mapping[str, int]) -> str:
    return ", ".join(f"{source} ({count:,})" for source, count in sorted(told.items()))


@dataclass(frozen=True)
class _Shown:
    """A frame of a file. at: microseconds of Unix time."""

    at: int
    video: Video
    frame: "VideoFrame"
    rejected: list[Rejected]


class _Reading:
    """The files of an hour, one after the other. rejected: what was amiss with them, complete when all frames were asked for."""

    def __init__(self, camera_id: str, hour: datetime, step: timedelta) -> None:
        self.camera_id, self.hour = camera_id, hour
        self.first, self.last = _us(hour - step), _us(hour + HOUR + step)
        self.rejected: list[Rejected] = []

    def frames(self, videos: Iterable[Video]) -> Iterator[_Shown]:
        """In order of time."""
        latest = 0
        for video in videos:
            from_before, begin = latest, max(_us(video.begin), self.first)
            doubled = 0
            for at, frame in self._frames_of(video):
                if at // 1000 <= latest // 1000 and at <= from_before:
                    doubled += 1
                elif at // 1000 > latest // 1000:
                    latest = at
                    yield _Shown(at, video, frame, self.rejected)
            if doubled and (from_before - begin) * _MICROSECOND > _OVERLAP:
                self._reject(video, "duplicate", f"{doubled:,} frames of it are from a time that an earlier file has as well.")

    def _frames_of(self, video: Video) -> Iterator[tuple[int, "VideoFrame"]]:
        """One file behind a barrier of its own."""
        from cctview_pipeline.cameras.footage.video import Damage, Span, frames_of

        damage = Damage()
        times = tuple(_us(time) for time in video.start.times)
        span = Span(begin=_us(video.begin), first=self.first, last=self.last, times=times)
        try:
            yield from frames_of(video.path, span, damage)
        except Unreadable as error:
            self._reject(video, _REASONS.get(error.reason, "undecodable"), str(error))
            return
        except Exception as error:
            self._reject(video, "undecodable", f"A decoder stumbled over it unexpectedly ({type(error).__name__}).")
            return
        self._tell(video, damage)

    def _tell(self, video: Video, damage: "Damage") -> None:
        if not damage.decoded and not damage.sentence:
            damage.end = "nothing of it can be decoded"
        if sentence := damage.sentence:
            self._reject(video, "undecodable", f"{sentence[0].upper()}{sentence[1:]}")

    def _reject(self, video: Video, reason: str, detail: str) -> None:
        self.rejected.append(Rejected(name=video.place, reason=reason, detail=detail, sha256="", fetched_at=video.begin))


def _at_rate(shown: Iterable[_Shown], rate: Fraction) -> Iterator[_Shown]:
    """Of the frames around each tick of a clock the nearest; none where none is nearer than to another tick. All at rate 0.

    The clock begins with the recording (Video.clock): a camera's own steady rate is never half way between two ticks.
    """
    if not rate:
        yield from shown
        return
    best: _Shown | None = None
    tick, distance = (_EPOCH, 0), Fraction(0)
    for each in shown:
        exact = (each.at - _us(each.video.clock)) * rate / 1_000_000
        own = each.video.clock, math.floor(exact + Fraction(1, 2))
        if best is None or own != tick or abs(exact - own[1]) < distance:
            if best is not None and own != tick:
                yield best
            best, tick, distance = each, own, abs(exact - own[1])
    if best is not None:
        yield best


def _pictures(camera_id: str, shown: Iterable[_Shown], hour: datetime) -> Iterator[Frame]:
    """The hour's frames as JPEGs."""
    from cctview_pipeline.cameras.footage.video import pixels

    for each in shown:
        at = _EPOCH + each.at * _MICROSECOND
        if floor_hour(at) != hour:
            continue
        frame_id = str(FrameId(camera_id, at))
        try:
            image = pixels(each.frame)
        except Exception as error:
            bad = (
                error if isinstance(error, BadPicture) else BadPicture("undecodable", "Its pixels can't be turned into colours.")
            )
            each.rejected.append(Rejected(name=frame_id, reason=bad.reason, detail=str(bad), sha256="", fetched_at=at))
            continue
        height, width = image.shape[:2]
        jpeg = encode_jpeg(image, QUALITY, subsampling=2)
        yield Frame(frame_id=frame_id, camera_id=camera_id, captured_at=at, fetched_at=at, jpeg=jpeg, width=width, height=height)


def _us(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND
