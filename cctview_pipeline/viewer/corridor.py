"""The space-time diagram of a corridor and a day: distance downwards, time to the right, speed as colour, gaps hatched."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.svg import Drawing
from cctview_pipeline.campaign import Camera, floor_hour
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.viewer.reading import Reading
from cctview_pipeline.viewer.road import WAYS, Road

BIN = timedelta(minutes=15)
FEW = 10
"""Matches below which a median says little."""
DOUBTFUL = 0.5
"""Mean probability below which most of a cell's matches may be wrong."""
WHOLE = 0.95
"""Share of a quarter of an hour that must have frames."""
SPEEDS = (20, 40, 60, 80)
LEFT, RIGHT, TOP, BOTTOM, WIDTH = 120, 20, 26, 30, 960
MAX_CAMERAS = 40


@dataclass(frozen=True)
class Day:
    """Rows of the marts of one UTC day, and of gaps, as dicts. from_, to: what has figures, in quarters."""

    day: date
    counts: list[dict]
    times: list[dict]
    gaps: list[dict]

    @cached_property
    def counts_of(self) -> dict[str, list[dict]]:
        """Camera -> its rows of vehicle_counts."""
        found: dict[str, list[dict]] = {}
        for row in self.counts:
            found.setdefault(row["camera_id"], []).append(row)
        return found

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        began = [row["began_at"] for row in (*self.counts, *self.times)]
        return (min(began), max(began) + BIN) if began else None

    def observed(self, camera: str) -> dict[datetime, float]:
        """Quarter -> share of it that has frames; a quarter in which no vehicle began is not known."""
        found: dict[datetime, float] = {}
        for row in self.counts_of.get(camera, []):
            found[row["began_at"]] = max(found.get(row["began_at"], 0.0), min(1.0, row["observed_s"] / BIN.total_seconds()))
        return found

    def missing(self, camera: str) -> list[tuple[datetime, datetime, str]]:
        """Begin, end and reason of what a live camera lacks; where no gaps are kept, quarters that are not whole."""
        known = [(row["began_at"], row["ended_at"], row["reason"]) for row in self.gaps if row["camera_id"] == camera]
        if known or not self.span:
            return known
        seen, (first, last) = self.observed(camera), self.span
        bins = [first + i * BIN for i in range(int((last - first) / BIN))]
        return [
            (each, each + BIN, f"{seen[each]:.0%} of it has frames" if each in seen else "no frames, or no vehicle")
            for each in bins
            if seen.get(each, 0.0) < WHOLE
        ]


def read_day(reading: Reading, day: date, cameras: Iterable[str]) -> Day:
    """gaps: of the cameras that have a table of them, and only where the lake has any."""
    place = Partition.of_day(day)
    cameras = list(cameras)
    counts = rows_of(reading.table("vehicle_counts", place), "camera_id", cameras)
    times, gaps = rows_of(reading.table("travel_times", place), "from_camera_id", cameras), []
    for camera in cameras:
        hours = [hour for hour in reading.hours("gaps", camera) if hour.date() == day] if reading.partitions("gaps") else []
        for found in reading.tables("gaps", [Partition.camera_hour(camera, hour) for hour in hours]):
            gaps += found.to_pylist()
    return Day(day, counts, times, gaps)


def rows_of(table: pa.Table, column: str, cameras: Iterable[str]) -> list[dict]:
    """The rows of some cameras: a day of hundreds has more than can be looked at one by one."""
    return table.filter(pc.is_in(table[column], pa.array(cameras, pa.string()))).to_pylist()


def diagram(road: Road, way: str, day: Day, clock: Clock) -> Drawing | None:
    """One carriageway. None where the day has no figures."""
    if day.span is None:
        return None
    first, last = day.span
    scale = Scale(road, first, last, clock)
    order = road.ways()[way]
    title = f"{road.name}, {WAYS[way]}, UTC day {day.day}: speed between cameras by quarter of an hour"
    drawing = Drawing(WIDTH, scale.height, title)
    for one, other in itertools.pairwise(order):
        for row in day.times:
            if (row["from_camera_id"], row["to_camera_id"]) == (one.id, other.id):
                _cell(drawing, scale, road, row)
    for camera in road.cameras:
        _camera(drawing, scale, road, day, camera)
    scale.axis(drawing)
    return drawing


@dataclass(frozen=True)
class Scale:
    """From metres and times to units."""

    road: Road
    first: datetime
    last: datetime
    clock: Clock

    @property
    def height(self) -> float:
        return TOP + BOTTOM + max(160, 46 * (len(self.road.cameras) - 1))

    def x(self, at: datetime) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((at - self.first) / (self.last - self.first))

    def y(self, metres: float) -> float:
        """The first camera is uppermost, as in every list of them."""
        return TOP + (self.height - TOP - BOTTOM) * metres / max(self.road.length, 1)

    def axis(self, drawing: Drawing) -> None:
        for at in self.clock.ticks(self.first, self.last, 14):
            drawing.line(self.x(at), TOP, self.x(at), self.height - BOTTOM, "tick")
            drawing.text(self.x(at), self.height - 10, self.clock.minute(at), "axis", anchor="middle")


def _cell(drawing: Drawing, scale: Scale, road: Road, row: dict) -> None:
    upper, lower = sorted((road.at(row["from_camera_id"]), road.at(row["to_camera_id"])))
    x, y, began = scale.x(row["began_at"]), scale.y(upper), row["began_at"]
    width, height = scale.x(began + BIN) - x, scale.y(lower) - y
    few = row["vehicles"] < FEW or row["mean_probability"] < DOUBTFUL
    tip = (
        f"{row['from_camera_id']} to {row['to_camera_id']}, {scale.clock.minute(began)}: "
        f"{row['median_kmh']:.0f} km/h, {row['median_s']:.0f} s, "
        f"{row['vehicles']} matches of mean probability {row['mean_probability']:.2f}{', which is little' if few else ''}"
    )
    href = f"/figures/travel_times?day={began:%Y-%m-%d}&camera={row['to_camera_id']}"
    drawing.rect(x, y, width - 0.6, height, f"speed s{sum(row['median_kmh'] >= each for each in SPEEDS)}", tip, href)
    if few:
        drawing.rect(x, y, width - 0.6, height, "dotted")
    if width > 34 and height > 16:
        drawing.text(x + width / 2, y + height / 2 + 4, f"{row['median_kmh']:.0f}", "onspeed", anchor="middle")


def _camera(drawing: Drawing, scale: Scale, road: Road, day: Day, camera: Camera) -> None:
    y = scale.y(road.at(camera.id))
    drawing.line(LEFT, y, WIDTH - RIGHT, y, "camera")
    for begin, end, reason in day.missing(camera.id):
        begin, end = max(begin, scale.first), min(end, scale.last)
        if begin < end:
            tip = f"{camera.id}, {scale.clock.second(begin)} to {scale.clock.second(end)}: {reason}"
            drawing.rect(scale.x(begin), y - 6, max(1.0, scale.x(end) - scale.x(begin)), 12, "gap", tip)
    hour = format_hour(floor_hour(scale.first))
    drawing.text(LEFT - 8, y + 4, camera.id, "label", f"/cameras/{camera.id}?near={hour}", "end")
