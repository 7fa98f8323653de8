"""The figures: every table about cameras or many vehicles as plot, table, CSV, JSON and Parquet. They need no purpose."""

import csv
import io
import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import APIRouter, Request
from starlette.responses import Response

from cctview_pipeline.campaign import floor_hour
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.privacy.access import AGGREGATES
from cctview_pipeline.viewer.pages.counted import counted_link
from cctview_pipeline.viewer.plots import plots
from cctview_pipeline.viewer.reading import NotThere, Reading
from cctview_pipeline.viewer.shared import clock_of, page, partition_link, viewer_of

router = APIRouter()
OFFERED = tuple(name for name in TABLES if name in AGGREGATES)
SHOWN = 100
MAX_PARTITIONS = 2_000
"""Of a table by camera and hour that are read for one day."""


@router.get("/figures")
def every_figure(request: Request) -> Response:
    """What figures there are, by day."""
    reading = viewer_of(request).reading
    reading.require()
    found = {name: reading.partitions(name) for name in OFFERED}
    days = {name: sorted({place.begin.date() for place in places}) for name, places in found.items()}
    return page(request, "figures.html", tables=[TABLES[name] for name in OFFERED], days=days)


@router.get("/figures/{name}")
def figure(request: Request, name: str, day: str = "", camera: str = "", start: int = 0) -> Response:
    """A day's figures of one mart, as plots and as a table."""
    table, kind = _format(name)
    reading = viewer_of(request).reading
    reading.require()
    days = sorted({place.begin.date() for place in reading.partitions(table)})
    shown = _day(day, days)
    rows = _rows(reading, table, shown, camera)
    if kind:
        return _file(rows, kind, f"{table}-{shown}")
    start = max(0, start)
    dicts = rows.slice(start, SHOWN).to_pylist()
    return page(
        request,
        "figure.html",
        spec=TABLES[table],
        day=shown,
        days=days,
        camera=camera,
        cameras=_cameras(reading, table, shown) if days else [],
        plots=plots(table, rows.to_pylist() if rows.num_rows <= 20_000 else [], clock_of(request)),
        columns=[(field.name, field.metadata[b"description"].decode()) for field in TABLES[table].schema],
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


def _day(said: str, days: list[date]) -> date:
    try:
        return date.fromisoformat(said) if said else max(days, default=date(2020, 1, 1))
    except ValueError as error:
        raise NotThere("A day is written 2020-05-05.") from error


def _rows(reading: Reading, table: str, day: date, camera: str) -> pa.Table:
    """A day's rows; of one camera where it is named."""
    if TABLES[table].partition == "day":
        rows = reading.table(table, Partition.of_day(day))
    else:
        places = [place for place in reading.partitions(table) if place.begin.date() == day and camera in ("", place.camera)]
        rows = pa.concat_tables([TABLES[table].schema.empty_table(), *reading.tables(table, places[:MAX_PARTITIONS])])
    columns = [name for name in ("camera_id", "from_camera_id", "to_camera_id") if name in rows.column_names]
    if not camera or not columns:
        return rows
    kept = [any(row[name] == camera for name in columns) for row in rows.select(columns).to_pylist()]
    return rows.filter(pa.array(kept, pa.bool_()))


def _cameras(reading: Reading, table: str, day: date) -> list[str]:
    columns = [name for name in ("camera_id", "to_camera_id", "from_camera_id") if name in TABLES[table].schema.names]
    if TABLES[table].partition != "day":
        return sorted({place.camera for place in reading.partitions(table) if place.begin.date() == day})
    rows = reading.table(table, Partition.of_day(day))
    return sorted({each for name in columns for each in rows[name].to_pylist()})


def _evidence(row: dict) -> str:
    """Where a figure's frames are, as an address."""
    camera, began = row.get("camera_id") or row.get("to_camera_id"), row.get("began_at")
    if not camera or not began:
        return ""
    hour = floor_hour(began)
    return f"/cameras/{camera}/{format_hour(hour)}?at={began:%H:%M:%S}"


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
