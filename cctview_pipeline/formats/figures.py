"""Figures as files that others import: which rows name one another, and CSV and Parquet of a table."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from cctview_pipeline.errors import NotFoundError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.spec import column

DAY = "day"
"""The column that says which local day's partition a row is of, where no other does."""
USABLE = ("observed", "expanded")
"""The statuses whose value stands for the whole bin."""
CLASSES = {"light": ("car", "motorcycle"), "heavy": ("bus", "truck")}
"""Labels by vehicle class: FHWA's classes 1-3 and 4-13, SUMO's PKW and LKW."""
_SECONDS = "%Y-%m-%dT%H:%M:%SZ"

_BIN = ("began_at",)
_CAMERA = ("camera_id",)
_WAY = ("from_camera_id", "to_camera_id", "carriageway")
KEYS: dict[str, tuple[str, ...]] = {
    "bins": _BIN,
    "anomalies": (),
    "vehicle_counts": (*_CAMERA, "carriageway", "label", *_BIN),
    "flows": (*_CAMERA, "carriageway", *_BIN),
    "turning_movements": (*_CAMERA, "view", "approach", "exit", "label", *_BIN),
    "approach_queues": (*_CAMERA, "view", "approach", *_BIN),
    "speeds": (*_CAMERA, "carriageway", *_BIN),
    "travel_times": (*_WAY, *_BIN),
    "corridor_speeds": ("corridor", *_WAY, *_BIN),
    "reliability": (DAY, "corridor", *_WAY, "period"),
    "corridor_od": ("corridor", "origin", "destination", *_BIN),
    "segment_performance": (*_WAY, *_BIN),
    "data_quality": (*_CAMERA, "local_date"),
    "throughput": (DAY, "asset", *_BIN),
}
"""What no two rows of a table share; nothing where rows have no key. The tables of a day, in the order in which they are told."""
NEEDED = ("vehicle_counts", "flows")
"""Without these a day has no figures; what else it lacks is empty."""
QUARTERS = (
    *("vehicle_counts", "class_counts", "flows", "turning_movements", "approach_queues", "speeds", "travel_times"),
    "segment_performance",
)
"""The tables whose bins are rows of ``bins``."""


@dataclass(frozen=True)
class Figures:
    """One table of figures of one or several local days. key: as KEYS has it."""

    name: str
    description: str
    rows: pa.Table
    key: tuple[str, ...] = ()


def days_with_figures(lake: Lake, begin: date | None = None, end: date | None = None) -> list[date]:
    """The local days of [begin, end) that have figures; None is no bound. Raises CctviewError, with the mend, where none has."""
    made = (set(map(_day_of, lake.partitions(name))) for name in NEEDED)
    days = sorted(day for day in set.intersection(*made) if (not begin or day >= begin) and (not end or day < end))
    if not days:
        which = "None of these days has" if begin or end else "No day of this lake has"
        raise NotFoundError(f"{which} figures yet ({' and '.join(NEEDED)}): `cctview backfill` makes them.")
    return days


def read_day(lake: Lake, day: date, names: Iterable[str]) -> dict[str, pa.Table]:
    """Tables of one local day, by name; one of no rows where it was never made."""
    return {name: lake.read(name, Partition.of_day(day)) for name in names}


def of_days(days: Mapping[date, pa.Table]) -> pa.Table:
    """A table of several local days as one. Where no column says which day a row is of, ``day`` does."""
    if any("local_date" in rows.column_names for rows in days.values()):
        return pa.concat_tables(days.values())
    field = column(DAY, pa.date32(), "the local day whose partition the row is of")
    return pa.concat_tables(rows.add_column(0, field, pa.array([day] * rows.num_rows, pa.date32())) for day, rows in days.items())


def _day_of(partition: Partition) -> date:
    return partition.begin.date()


def to_csv(rows: pa.Table) -> bytes:
    """UTF-8, with a header, commas and line feeds. Times are ISO 8601 in UTC; what is null, or no number, is empty."""
    written = pa.table([_as_text(column) for column in rows.columns], rows.column_names)
    buffer = io.BytesIO()
    pa_csv.write_csv(written, buffer, pa_csv.WriteOptions(quoting_style="needed", quoting_header="none"))
    return buffer.getvalue()


def to_parquet(rows: pa.Table) -> bytes:
    """With every column's meaning in its field's metadata."""
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="ZSTD")
    return buffer.getvalue()


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_timestamp(kind):
        seconds = pc.floor_temporal(column, unit="second").cast(pa.timestamp("s", kind.tz))
        return pc.strftime(seconds, _SECONDS)
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
    return column
