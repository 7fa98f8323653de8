"""A camera's hour: its frames, what was found in them, and when there are none."""

import bisect
import itertools
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.report.figures import LOST_LETTERS
from cctview_pipeline.analytics.report.scale import gap_kind
from cctview_pipeline.analytics.svg import Drawing
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.viewer.names import Names
from cctview_pipeline.viewer.reading import Reading

SILENT = timedelta(seconds=10)
"""Without a frame for longer than this is a gap, where the collector has kept no account of them."""


@dataclass(frozen=True)
class Frame:
    """width, height: px."""

    id: str
    at: datetime
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Box:
    """In pixels of the frame. track: its track's id, empty for what is in none; name: its track's in addresses, empty where it
    can't be followed."""

    detection_id: str
    x1: float
    y1: float
    x2: float
    y2: float
    label: str
    score: float
    track: str = ""
    name: str = ""

    @property
    def short(self) -> str:
        return self.name[:4]

    @property
    def is_vehicle(self) -> bool:
        return self.label in VEHICLES


_Row = tuple[str, float, float, float, float, str, float]
"""A box without its track, as many are remembered: from its detection's id to its score."""


@dataclass(frozen=True)
class Hour:
    """frames: by time."""

    partition: Partition
    frames: list[Frame]

    @classmethod
    def read(cls, reading: Reading, camera: str, hour: datetime) -> "Hour":
        partition = Partition.camera_hour(camera, hour)
        return reading.derived("hour", "raw_frames", partition, lambda: cls(partition, _frames(reading, partition)))

    @cached_property
    def times(self) -> list[datetime]:
        return [frame.at for frame in self.frames]

    @cached_property
    def by_minute(self) -> np.ndarray:
        """(60,) frames."""
        return _by_minute(self.partition.begin, self.times)

    def place(self, at: datetime) -> int:
        """Of the last frame at or before a time, or the first."""
        return max(0, bisect.bisect_right(self.times, at) - 1)

    def nearest(self, at: datetime) -> Frame | None:
        """Within ten seconds, since farther away it is another moment."""
        if not self.frames:
            return None
        place = self.place(at)
        near = min(self.frames[max(0, place) : place + 2], key=lambda frame: abs(frame.at - at))
        return near if abs(near.at - at) <= SILENT else None

    def gaps(self, reading: Reading) -> list[tuple[datetime, datetime, str]]:
        """Begin, end, reason."""
        begin, end = self.partition.begin, self.partition.begin + HOUR
        if reading.has("gaps", self.partition):
            rows = reading.table("gaps", self.partition).to_pylist()
            return [(max(row["began_at"], begin), min(row["ended_at"], end), row["reason"]) for row in rows]
        times = [begin, *self.times, end]
        return [(one, other, "no frames") for one, other in itertools.pairwise(times) if other - one > SILENT]


def _frames(reading: Reading, partition: Partition) -> list[Frame]:
    columns = ["frame_id", "captured_at", "width", "height"]
    rows = reading.table("raw_frames", partition, columns).sort_by("captured_at")
    return [Frame(*row.values()) for row in rows.to_pylist()]


def boxes(reading: Reading, names: Names, partition: Partition, frame: Frame, threshold: float) -> list[Box]:
    """What was found in one frame at or above the threshold."""
    by_frame = reading.derived("boxes", "detections", partition, lambda: _boxes_by_frame(reading, partition, threshold))
    tracks = reading.derived("members", "tracks", partition, lambda: _members(reading, partition))
    found = []
    for identifier, x1, y1, x2, y2, label, score in by_frame.get(frame.id, []):
        track = tracks.get(identifier, "")
        name = (names(track) or "") if track else ""
        found.append(Box(detection_id=identifier, x1=x1, y1=y1, x2=x2, y2=y2, label=label, score=score, track=track, name=name))
    # What leads somewhere lies above what does not, and small above large, so that each can be clicked.
    return sorted(found, key=lambda box: (bool(box.name), -(box.x2 - box.x1) * (box.y2 - box.y1)))


def _boxes_by_frame(reading: Reading, partition: Partition, threshold: float) -> dict[str, list[_Row]]:
    columns = ["detection_id", "x1", "y1", "x2", "y2", "label", "score", "frame_id"]
    rows = reading.table("detections", partition, columns)
    found: dict[str, list[_Row]] = defaultdict(list)
    kept = rows.filter(pa.array(np.asarray(rows["score"]) >= threshold)) if rows.num_rows else rows
    for identifier, x1, y1, x2, y2, label, score, frame in zip(*(kept[name].to_pylist() for name in columns), strict=True):
        found[frame].append((identifier, x1, y1, x2, y2, label, score))
    return dict(found)


def _members(reading: Reading, partition: Partition) -> dict[str, str]:
    """detection_id -> its track's id."""
    rows = reading.table("tracks", partition, ["track_id", "detection_ids"])
    pairs = zip(rows["track_id"].to_pylist(), rows["detection_ids"].to_pylist(), strict=True)
    return {each: track for track, members in pairs for each in members}


def timeline(hour: Hour, reading: Reading, at: datetime | None, link: str, clock: Clock) -> Drawing:
    """Vehicles that began in each minute as bars, gaps hatched, the moment as a line; each minute is a link to it."""
    begin, width, height = hour.partition.begin, 960, 64
    x = lambda time: width * ((time - begin) / HOUR)  # noqa: E731
    drawing = Drawing(width, height, "The hour by minutes: vehicles, gaps, and the moment that is shown", "timeline")
    starts = lambda: reading.table("tracks", hour.partition, ["first_seen"])["first_seen"].to_pylist()  # noqa: E731
    counts = reading.derived("begun", "tracks", hour.partition, lambda: _by_minute(begin, starts()))
    frames = hour.by_minute
    tallest = max(int(counts.max()), 1)
    for begun, ended, reason in hour.gaps(reading):
        tip = f"{clock.second(begun)} to {clock.second(ended)}: {reason}"
        why = LOST_LETTERS.get(reason.replace(" ", "_"), ".")
        drawing.rect(x(begun), 4, max(1.0, x(ended) - x(begun)), 44, gap_kind("n", why) or "", tip)
    for minute, (count, seen) in enumerate(zip(counts.tolist(), frames.tolist(), strict=True)):
        time = begin + timedelta(minutes=minute)
        if seen:
            tall = 40 * count / tallest
            drawing.rect(x(time) + 1, 48 - tall, width / 60 - 2, tall, "bar")
            tip = f"{clock.minute(time)}: {count} vehicles began, {seen} frames"
            drawing.rect(x(time), 4, width / 60, 44, "hit", tip, f"{link}at={time:%H:%M:%S}")
        if minute % 10 == 0:
            drawing.text(x(time) + 1, height - 3, clock.minute(time), "axis")
    if at is not None:
        drawing.line(x(at), 0, x(at), 50, "now")
    return drawing


def _by_minute(begin: datetime, times: list[datetime]) -> np.ndarray:
    """(60,) how many lie in each minute of an hour; those beyond it count at its ends."""
    return np.bincount([min(59, max(0, int((time - begin) / timedelta(minutes=1)))) for time in times], minlength=60)


def address(camera: str, hour: datetime) -> str:
    """The path of an hour's page."""
    return f"/cameras/{camera}/{format_hour(hour)}"
