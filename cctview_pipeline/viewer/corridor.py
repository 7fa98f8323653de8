"""A corridor and a local day, as the front page shows them: drawings of the daily report at which one can point and click."""

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.lines import harmonic
from cctview_pipeline.analytics.report import drawings, space_time
from cctview_pipeline.analytics.report.figures import LOST_LETTERS, MARTS, Axis, Figure, Figures, figures_of, known
from cctview_pipeline.analytics.report.scale import Scale
from cctview_pipeline.analytics.svg import Drawing
from cctview_pipeline.campaign import floor_hour
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.local_calendar import LocalCalendar
from cctview_pipeline.roads import Road
from cctview_pipeline.viewer.reading import Reading

MAX_CAMERAS = 40
_SHOWN = {
    "flows": "camera_id",
    "travel_times": "from_camera_id",
    "corridor_speeds": "from_camera_id",
    "data_quality": "camera_id",
    "anomalies": "camera_id",
}
"""Marts that the front page is made from, and their column of a camera."""
WORDS = {letter: state.replace("_", " ") for state, letter in LOST_LETTERS.items()}
"""Of what time was lost to, by the letters of drawings."""


@dataclass(frozen=True)
class Day:
    """figures: of some cameras, as the daily report has them; times: their rows of travel_times; quality: camera -> its row of
    data_quality."""

    figures: Figures
    times: pa.Table
    quality: dict[str, dict]

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        bins = self.figures.bins
        return (bins.began[0], bins.end) if bins.end else None

    @cached_property
    def vehicles(self) -> dict[str, int]:
        """Camera -> counted over its day; no camera that could count none."""
        found: Counter[str] = Counter()
        for side in self.figures.tables["flows"]:
            if counts := known(side.values["vehicles"]):
                found[side.of[0]] += sum(counts)
        return dict(found)


def read_day(reading: Reading, calendar: LocalCalendar, day: date, cameras: Collection[str]) -> Day:
    """Of these cameras. What was not made is empty."""
    place = Partition.of_day(day)
    hours = [Partition.camera_hour(camera, hour) for camera in cameras for hour in calendar.hours(day)]
    made_of = [*((name, place) for name in _SHOWN), *(("coverage", each) for each in hours)]

    def make() -> Day:
        tables = {name: schema_of(name).empty_table() for name in MARTS}
        for name, column in _SHOWN.items():
            tables[name] = of_cameras(reading.table(name, place), column, cameras)
        for name in ("travel_times", "corridor_speeds"):
            tables[name] = of_cameras(tables[name], "to_camera_id", cameras)
        seen = pa.concat_tables([schema_of("coverage").empty_table(), *reading.tables("coverage", hours)])
        quality = {row["camera_id"]: row for row in tables["data_quality"].to_pylist()}
        return Day(figures_of(day, tables | {"coverage": seen}), tables["travel_times"], quality)

    return reading.derived_of(("corridor", day, *cameras), made_of, make)


def of_cameras(table: pa.Table, column: str, cameras: Iterable[str]) -> pa.Table:
    """The rows of some cameras: a day of hundreds has more than can be looked at one by one."""
    return table.filter(pc.is_in(table[column], pa.array(cameras, pa.string())))


def ways(day: Day, road: Road) -> dict[str, space_time.Road]:
    """Carriageway -> its neighbouring cameras, with their speeds."""
    return {each.side: each for each in space_time.roads(day.figures) if each.corridor == road.name}


def _camera_page(near: str, camera: str) -> str:
    return f"/cameras/{camera}?near={near}"


def diagrams(road: Road, day: Day, clock: Clock) -> dict[str, Drawing]:
    """Carriageway -> its space-time diagram; none where the day has no figures."""
    began = day.figures.cells.began
    link = lambda camera: f"/cameras/{camera}?near={format_hour(floor_hour(began[0]))}"  # noqa: E731
    found = {}
    for side, each in ways(day, road).items():
        drawing = space_time.diagram(each, day.figures, clock, link)
        _to_point_at(drawing, each, day, clock)
        found[side] = drawing
    return found


def seen(day: Day, clock: Clock) -> Drawing | None:
    """What was seen of every camera's day, a strip each."""
    statuses = drawings.worst_sides(day.figures)
    drawing = drawings.seen(day.figures, statuses, clock)
    if drawing is None:
        return None
    scale, lost = Scale(day.figures.bins, clock), {each.of[0]: each.values for each in day.figures.tables["coverage"]}
    for number, (camera, letters) in enumerate(statuses.items()):
        values = lost.get(camera)
        for first, end in _hours(day.figures.bins):
            shares = known(values["coverage"][first:end]) if values else []
            said = f"{sum(shares) / len(shares):.0%} seen" if shares else "nothing seen"
            why = _why(letters[first:end], values["missing"][first:end] if values else "", day.figures.bins)
            tip = f"{camera}, {_from_to(scale, first, end, clock)}: {said}{why}"
            box = scale.at(first), 10 + drawings.STRIP * number, scale.at(end) - scale.at(first), drawings.STRIP
            drawing.rect(*box, "hit", tip)
    return drawing


def _to_point_at(drawing: Drawing, road: space_time.Road, day: Day, clock: Clock) -> None:
    """Over every way and hour what is drawn there in words, as a link to its travel times."""
    placed = space_time.layout(road, day.figures, clock)
    hours = [(*span, _from_to(placed.scale, *span, clock)) for span in _hours(day.figures.cells)]
    for way, y, tall in placed.rows:
        kinds = road.kinds(way)
        shown, statuses = space_time.shown_speeds(way, kinds), _with_flags(way, kinds)
        for first, end, said in hours:
            speeds = [speed for speed in shown[first:end] if speed]
            speed = f"{harmonic(speeds):.0f} km/h" if speeds else "nothing timed"
            why = _why(statuses[first:end], way.values["missing"][first:end], day.figures.cells)
            tip = f"{way.of[1]} to {way.of[2]}, {said}: {speed}{why}"
            hour = format_hour(floor_hour(day.figures.cells.began[first]))
            href = f"/figures/travel_times?day={day.figures.day}&camera={way.of[2]}&hour={hour}"
            x = placed.scale.at(first)
            drawing.rect(x, y, placed.scale.at(end) - x, tall, "hit", tip, href)


def _with_flags(way: Figure, kinds: list[str]) -> str:
    return "".join("f" if kind == "flagged" else letter for kind, letter in zip(kinds, way.values["status"], strict=True))


def _hours(axis: Axis) -> Iterator[tuple[int, int]]:
    """First place, and place after the last, of the bins of every UTC hour."""
    for _, places in itertools.groupby(range(len(axis.began)), key=lambda place: floor_hour(axis.began[place])):
        found = list(places)
        yield found[0], found[-1] + 1


def _from_to(scale: Scale, first: int, end: int, clock: Clock) -> str:
    began = scale.axis.began
    return f"{clock.minute(began[first])} to {clock.minute(began[end - 1] + scale.axis.step)}"


def _why(statuses: str, missing: str, axis: Axis) -> str:
    """``; 30 min insufficient (offline)``, for what is not simply observed."""
    each = axis.step // timedelta(minutes=1)
    said = []
    for letter, name in (("e", "expanded"), ("i", "insufficient"), ("n", "no data"), ("f", "flagged")):
        if count := statuses.count(letter):
            whys = {WORDS[why] for status, why in zip(statuses, missing, strict=False) if status == letter and why in WORDS}
            because = f" ({', '.join(sorted(whys))})" if whys and letter != "f" else ""
            said.append(f"{count * each} min {name}{because}")
    return f"; {', '.join(said)}" if said else ""
