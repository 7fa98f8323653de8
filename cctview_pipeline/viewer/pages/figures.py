"""The figures: every table about cameras or many vehicles as plot, table, CSV, JSON and Parquet. They need no purpose."""

import csv
import io
import json
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fastapi import APIRouter, Request
from starlette.responses import Response

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.counted import KEYS
from cctview_pipeline.analytics.known_bias import sentence
from cctview_pipeline.analytics.report.figures import LOST_STATES
from cctview_pipeline.analytics.report.stored import days_reported
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.lake.marts import MIN_OBSERVED
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.local_calendar import LocalCalendar
from cctview_pipeline.viewer.pages.counted import counted_link
from cctview_pipeline.viewer.plots import MAX_PLOTS, SAYS, Lost, cameras_of, plots, plotted
from cctview_pipeline.viewer.reading import NotThere, Reading
from cctview_pipeline.viewer.shared import clock_of, day_named, hour_named, page, partition_link, viewer_of

router = APIRouter()
GROUPS = {
    "Traffic": (
        "flows",
        "vehicle_counts",
        "turning_movements",
        "approach_queues",
        "speeds",
        "travel_times",
        "corridor_speeds",
        "segment_performance",
        "reliability",
        "corridor_od",
    ),
    "What the figures are worth": (
        "data_quality",
        "anomalies",
        "coverage",
        "vehicles_in_view",
        "camera_flows",
        "movements_seen",
        "queues_seen",
        "camera_status",
        "gaps",
        "evaluation",
    ),
    "Calendar and pipeline": ("bins", "throughput"),
}
"""Heading -> tables, in the order in which somebody would ask."""
OFFERED = tuple(name for names in GROUPS.values() for name in names)
REPORTS = 31
"""Days whose reports are linked, the newest."""
SHOWN = 100
MAX_PARTITIONS = 2_000
"""Of a table by camera and hour that are read for one day."""
_SENTENCES = frozenset({"quality_note", "note", "detail", "excluded", "models"})
_CAMERAS = ("camera_id", "from_camera_id", "to_camera_id", "origin", "destination")


@router.get("/figures")
def every_figure(request: Request) -> Response:
    """What figures there are, by day."""
    reading = viewer_of(request).reading
    calendar = calendar_of(reading.require())
    days = {name: _days(reading, calendar, name) for name in OFFERED}
    groups = {heading: [TABLES[name] for name in names] for heading, names in GROUPS.items()}
    reports = days_reported(reading.lake)[-REPORTS:]
    return page(request, "figures.html", groups=groups, days=days, reports=reports)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which rows of a table. camera: all where it is empty; hour: the same, as addresses write it."""

    day: date
    camera: str = ""
    hour: datetime | None = None

    @property
    def query(self) -> str:
        """Of an address, its end left open for another key."""
        hour = {"hour": format_hour(self.hour)} if self.hour else {}
        return urlencode({"day": self.day, "camera": self.camera} | hour)


@dataclass(frozen=True)
class Column:
    """As the page has it. kind: the class of its cells: of numbers, of sentences, or neither."""

    name: str
    meaning: str
    kind: str

    @classmethod
    def of(cls, field: pa.Field) -> "Column":
        is_number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        kind = "n" if is_number else "says" if field.name in _SENTENCES else ""
        return cls(field.name, field.metadata[b"description"].decode(), kind)


@router.get("/figures/{name}")
def figure(request: Request, name: str, day: str = "", camera: str = "", hour: str = "", start: int = 0) -> Response:
    """A day's figures of one mart, as plots and as a table."""
    table, kind = _format(name)
    reading, clock = viewer_of(request).reading, clock_of(request)
    calendar = calendar_of(reading.require())
    days = _days(reading, calendar, table)
    shown = day_named(day) or max(days, default=date(2020, 1, 1))
    at = hour_named(hour) if hour else None
    chosen = Chosen(day=shown, camera=camera, hour=at if at in calendar.hours(shown) else None)  # another day, another hour
    whole = _rows(reading, calendar, table, chosen)
    rows = _of_hour(whole, chosen)
    if kind:
        return _file(with_local_at(rows, clock), kind, f"{table}-{shown}")
    start = max(0, start)
    dicts = rows.slice(start, SHOWN).to_pylist()
    drawn = plotted(table, rows)
    return page(
        request,
        "figure.html",
        spec=TABLES[table],
        chosen=chosen,
        days=days,
        cameras=_cameras(reading, calendar, table, shown) if days else [],
        hours=[each for each in calendar.hours(shown) if _has(whole, each)] if "began_at" in whole.column_names else [],
        plots=plots(table, drawn, _lost(reading, calendar, shown, cameras_of(table, drawn)), clock) if drawn else [],
        most_plots=MAX_PLOTS,
        says=SAYS.get(table, ""),
        known=_known(reading, table, shown),
        columns=[Column.of(each) for each in TABLES[table].schema if each.name != "local_at"],  # began_at is shown so
        rows=[(row, _evidence(row), counted_link(table, row)) for row in dicts],
        total=rows.num_rows,
        start=start,
        step=SHOWN,
        made_by=partition_link(viewer_of(request).settings.dagster, table, str(shown))
        if TABLES[table].partition == "day"
        else "",
    )


def _format(name: str) -> tuple[str, str]:
    """``travel_times.csv`` -> travel_times, csv."""
    table, _, kind = name.partition(".")
    if table not in OFFERED or kind not in ("", "csv", "json", "parquet"):
        raise NotThere(f"There is no such figure: there are {', '.join(OFFERED)}, each as .csv, .json and .parquet too.")
    return table, kind


def _days(reading: Reading, calendar: LocalCalendar, table: str) -> list[date]:
    """Local days that a table has something of."""
    places = reading.partitions(table)
    if TABLES[table].partition == "day":
        return sorted({place.local_day for place in places})
    return calendar.days_of([*{place.begin for place in places}])


def _rows(reading: Reading, calendar: LocalCalendar, table: str, chosen: Chosen) -> pa.Table:
    """A local day's rows; of one camera where it is named."""
    if TABLES[table].partition == "day":
        rows = reading.table(table, Partition.of_day(chosen.day))
    else:
        hours = set(calendar.hours(chosen.day))
        places = [each for each in reading.partitions(table) if each.begin in hours and chosen.camera in ("", each.camera)]
        rows = pa.concat_tables([TABLES[table].schema.empty_table(), *reading.tables(table, places[:MAX_PARTITIONS])])
        if "ended_at" not in rows.column_names:  # an hour may have parts of two days
            rows = _between(rows, calendar.begin(chosen.day), calendar.end(chosen.day))
    columns = [name for name in _CAMERAS if name in rows.column_names]
    if not chosen.camera or not columns:
        return rows
    named = [pc.equal(rows[name], chosen.camera) for name in columns]
    return rows.filter(reduce(pc.or_, named))


def _of_hour(rows: pa.Table, chosen: Chosen) -> pa.Table:
    if chosen.hour is None or "began_at" not in rows.column_names:
        return rows
    return _between(rows, chosen.hour, chosen.hour + HOUR)


def _between(rows: pa.Table, begin: datetime, end: datetime) -> pa.Table:
    first, last = (pa.scalar(at, rows.schema.field("began_at").type) for at in (begin, end))
    return rows.filter(pc.and_(pc.greater_equal(rows["began_at"], first), pc.less(rows["began_at"], last)))


def _has(rows: pa.Table, hour: datetime) -> bool:
    return _between(rows, hour, hour + HOUR).num_rows > 0


def _cameras(reading: Reading, calendar: LocalCalendar, table: str, day: date) -> list[str]:
    if TABLES[table].partition != "day":
        hours = set(calendar.hours(day))
        return sorted({place.camera for place in reading.partitions(table) if place.begin in hours})
    rows = reading.table(table, Partition.of_day(day))
    return sorted({each for name in _CAMERAS if name in rows.column_names for each in pc.unique(rows[name]).to_pylist()})


def _lost(reading: Reading, calendar: LocalCalendar, day: date, cameras: list[str]) -> Lost:
    """What most of a quarter was lost to, where it was not seen whole."""
    found = {}
    places = [Partition.camera_hour(camera, hour) for camera in cameras for hour in calendar.hours(day)]
    for table in reading.tables("coverage", places):
        for row in table.filter(pc.less(table["coverage"], MIN_OBSERVED)).to_pylist():
            found[row["camera_id"], row["began_at"]] = max(LOST_STATES, key=lambda state: row[f"{state}_s"])
    return found


def _known(reading: Reading, table: str, day: date) -> str:
    """What is known of its errors with the models that it rests on; empty where that is nobody's question."""
    if table not in KEYS and table != "reliability":
        return ""
    models = pc.unique(reading.table("data_quality", Partition.of_day(day), ["models"])["models"]).to_pylist()
    return sentence(table, ", ".join(sorted({each for said in models for each in said.split(", ") if each})))


def _evidence(row: dict) -> str:
    """Where a figure's frames are, as an address."""
    camera, began = row.get("camera_id") or row.get("to_camera_id"), row.get("began_at")
    if not camera or not began:
        return ""
    hour = floor_hour(began)
    return f"/cameras/{camera}/{format_hour(hour)}?at={began:%H:%M:%S}"


def with_local_at(rows: pa.Table, clock: Clock) -> pa.Table:
    """Beside began_at the same by the cameras' clock, with its offset."""
    if "began_at" not in rows.column_names or "local_at" in rows.column_names:
        return rows
    said = [clock.written(at) for at in rows["began_at"].to_pylist()]
    return rows.add_column(rows.column_names.index("began_at") + 1, "local_at", pa.array(said, pa.string()))


def _file(rows: pa.Table, kind: str, name: str) -> Response:
    """With the name of its table and day. Missing is empty in CSV, and null in JSON."""
    if kind == "parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink)
        data, media = sink.getvalue().to_pybytes(), "application/vnd.apache.parquet"
    elif kind == "json":
        data, media = json.dumps(rows.to_pylist(), default=lambda time: time.isoformat()).encode(), "application/json"
    else:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(rows.column_names)
        writer.writerows([_cell(value) for value in row.values()] for row in rows.to_pylist())
        data, media = text.getvalue().encode(), "text/csv; charset=utf-8"
    return Response(data, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'})


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula begins with an apostrophe."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
