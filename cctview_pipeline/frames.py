"""What a camera network is, and what it hands over."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable


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
    """All that a network has for a camera and an hour, frames in order of capture. told: what the partition's metadata say of
    where it is from."""

    frames: list[Frame]
    rejected: list[Rejected]
    told: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FrameStream:
    """The same, one frame after the other: of video an hour would not fit into memory. rejected: complete when all were taken."""

    frames: Iterator[Frame]
    rejected: list[Rejected]
    told: Mapping[str, str] = field(default_factory=dict)

    def read(self) -> CameraHour:
        """All at once."""
        return CameraHour(list(self.frames), self.rejected, self.told)


class CameraNetwork(Protocol):
    """Where frames come from. name: as the raw_frames table records it."""

    name: str

    def cameras(self) -> list[str]:
        """Ids of the cameras that have anything, sorted."""

    def hours(self, camera_id: str) -> list[datetime]:
        """The UTC hours in which a camera has frames, sorted."""

    def read_hour(self, camera_id: str, hour: datetime) -> CameraHour:
        """Everything captured in [hour, hour + 1 h). Empty when there is nothing."""


@runtime_checkable
class FilesNetwork(CameraNetwork, Protocol):
    """A user's own files, whose times may have no zone."""

    @property
    def timezone(self) -> str:
        """The campaign's, by its IANA name; empty for UTC."""

    def unused(self) -> list[Unused]:
        """All that is in the folder and not used, by reason."""

    def notes(self) -> list[str]:
        """What a person should know of how the files were understood."""


@runtime_checkable
class StreamingNetwork(CameraNetwork, Protocol):
    """A network that decodes frames as they are asked for."""

    def stream_hour(self, camera_id: str, hour: datetime) -> FrameStream:
        """What read_hour gives."""
