"""A user's own still pictures as a camera network: a folder of them in any layout, of any time zone.

A picture's time is what its name and folders tell, or its metadata, or a times.csv beside it (files.py). JPEGs keep their pixels
to the bit, without what tells about the camera; PNG, GIF and WebP become JPEGs.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.pictures.files import Found, Picture, find_pictures
from cctview_pipeline.cameras.pictures.settings import PictureSettings
from cctview_pipeline.cameras.unreadable import Unreadable, read_file
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import CameraHour, Frame, FrameStream, Rejected, Unused
from cctview_pipeline.ids import NEW_YORK, FrameId
from cctview_pipeline.images import BadPicture, as_jpeg, kind_of
from cctview_pipeline.images.jpeg import read_whole
from cctview_pipeline.local_calendar import check_zone


class PictureNetwork:
    """Frames of a folder of pictures. timezone: of times without an offset, by its IANA name."""

    name = "pictures"

    def __init__(self, path: str | Path, settings: PictureSettings = PictureSettings(), timezone: str = "") -> None:
        self.path, self.settings = Path(path), settings
        self._zone: ZoneInfo | None = check_zone(timezone, "The pictures") if timezone else None
        try:
            self.path.stat()
        except FileNotFoundError as error:
            raise CctviewError(f"The folder of pictures {self.path} does not exist.") from error
        except OSError as error:
            raise CctviewError(f"The folder of pictures {self.path} can't be opened. {Unreadable.of(error)}") from error
        if not self.path.is_dir():
            raise CctviewError(
                f"{self.path} is no folder: give the folder that the pictures lie in; zip files are unpacked first."
            )
        if not self.cameras():
            raise CctviewError(self._what_instead())

    def cameras(self) -> list[str]:
        """Those of which a picture's time is known."""
        return sorted(self._found.pictures)

    def hours(self, camera_id: str) -> list[datetime]:
        """Hours in which its pictures were taken."""
        return sorted(self._found.pictures.get(camera_id, ()))

    def read_hour(self, camera_id: str, hour: datetime) -> CameraHour:
        """All of an hour at once."""
        return self.stream_hour(camera_id, hour).read()

    def stream_hour(self, camera_id: str, hour: datetime) -> FrameStream:
        """Pictures taken in the hour, read as they are asked for."""
        pictures = self._found.pictures.get(camera_id, {}).get(hour, [])
        rejected: list[Rejected] = []
        return FrameStream(_judged(camera_id, pictures, rejected), rejected, {"time_from": _told(pictures)} if pictures else {})

    def unused(self) -> list[Unused]:
        """All that is in the folder and not used, by reason."""
        return self._found.left.unused()

    def notes(self) -> list[str]:
        """What told when the pictures were taken."""
        pictures = [each for hours in self._found.pictures.values() for taken in hours.values() for each in taken]
        zone = f"; times without a zone are {self._zone.key}'s" if self._zone else ""
        return [f"Time of {len(pictures):,} picture{'s' * (len(pictures) != 1)} by {_told(pictures)}{zone}."]

    @property
    def timezone(self) -> str:
        """The campaign's: what was given; New York's where all pictures are named as the published ones are."""
        if self._zone:
            return self._zone.key
        hours = (taken for hours in self._found.pictures.values() for taken in hours.values())
        return NEW_YORK.key if all(each.published for taken in hours for each in taken) else ""

    @cached_property
    def _found(self) -> Found:
        return find_pictures(self.path, self.settings, self._zone)

    def _what_instead(self) -> str:
        unused = self._found.left.unused()
        if not unused:
            return f"{self.path} holds no pictures: it is empty."
        if only := next((each for each in unused if each.reason == "no_zone"), None):
            return (
                f"Pictures in {self.path} tell a time without a zone ({only.count:,}), such as {only.example}: "
                "give --timezone, such as Europe/Helsinki, or timezone under [campaign] in campaign.toml."
            )
        return f"{self.path} holds no pictures that can be used: {'; '.join(each.sentence for each in unused)}."


def _told(pictures: Iterable[Picture]) -> str:
    """What told the time -> of how many pictures."""
    counts = Counter(picture.source for picture in pictures)
    return ", ".join(f"{source} ({count:,})" for source, count in sorted(counts.items()))


def _judged(camera_id: str, pictures: Iterable[Picture], rejected: list[Rejected]) -> Iterator[Frame]:
    """Each picture behind a barrier of its own. rejected: takes what is no frame."""
    seen: dict[str, str] = {}
    for picture in pictures:
        data = b""
        try:
            data = read_file(Path(picture.path))
            frame = _frame(camera_id, picture, data, seen)
        except (Unreadable, BadPicture) as error:
            rejected.append(_rejected(picture, data, error.reason, str(error)))
        except Exception as error:  # other people's bytes meet a decoder
            why = f"A decoder stumbled over it unexpectedly ({type(error).__name__})."
            rejected.append(_rejected(picture, data, "undecodable", why))
        else:
            yield frame


def _frame(camera_id: str, picture: Picture, data: bytes, seen: dict[str, str]) -> Frame:
    """seen: digest and frame id of the frames before -> place. Raises BadPicture, also for a duplicate."""
    digest, frame_id = hashlib.sha256(data).hexdigest(), str(FrameId(camera_id, picture.at))
    if digest in seen:
        raise BadPicture("duplicate", f"It is the same as {seen[digest]}.")
    if frame_id in seen:
        raise BadPicture("duplicate", f"It has the time of another picture, {seen[frame_id]}, and other bytes.")
    whole = read_whole(as_jpeg(data) if kind_of(data) else data)
    seen[frame_id] = seen[digest] = picture.place
    return Frame(
        frame_id=frame_id,
        camera_id=camera_id,
        captured_at=picture.at,
        fetched_at=picture.at,
        jpeg=whole.data,
        width=whole.width,
        height=whole.height,
    )


def _rejected(picture: Picture, data: bytes, reason: str, detail: str) -> Rejected:
    digest = hashlib.sha256(data).hexdigest() if data or reason == "empty" else ""
    return Rejected(name=picture.place, reason=reason, detail=detail, sha256=digest, fetched_at=picture.at)
