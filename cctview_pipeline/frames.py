"""What a camera network is, and what it hands over."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One picture, its metadata segments stripped. Times are UTC; width and height in pixels.

    masked_by: what painted people over, empty before that was done; filled: how many places of it.
    """

    frame_id: str
    camera_id: str
    captured_at: datetime
    fetched_at: datetime
    jpeg: bytes
    width: int
    height: int
    masked_by: str = ""
    filled: int = 0


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """A picture that was set aside. reason: one of images.REASONS, unreadable, wrong_name, capture_time, clock, zones or
    duplicate; detail: one sentence; sha256: of the bytes as they came, empty when they could not be had."""

    name: str
    reason: str
    detail: str
    sha256: str
    fetched_at: datetime | None


@dataclass(frozen=True)
class Unused:
    """What was seen in a source and belongs to no camera and hour. reason: a word; meaning: what is said of such files; example:
    where one of them is."""

    reason: str
    meaning: str
    count: int
    example: str

    @property
    def sentence(self) -> str:
        return f"{self.count:,} {self.meaning}, such as {self.example}" if self.count > 1 else f"{self.meaning}: {self.example}"


@dataclass(frozen=True)
class CameraHour:
    """All that a network has for a camera and an hour, frames in order of capture."""

    frames: list[Frame]
    rejected: list[Rejected]


class CameraNetwork(Protocol):
    """Where frames come from. name: as the raw_frames table records it."""

    name: str

    def cameras(self) -> list[str]:
        """Ids of the cameras that have anything, sorted."""

    def hours(self, camera_id: str) -> list[datetime]:
        """The UTC hours in which a camera has frames, sorted."""

    def read_hour(self, camera_id: str, hour: datetime) -> CameraHour:
        """Everything captured in [hour, hour + 1 h). Empty when there is nothing."""
