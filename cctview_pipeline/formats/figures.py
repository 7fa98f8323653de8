"""Figures as files that others import: which rows name one another, and CSV and Parquet of a table."""

import io
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

DAY = "day"
"""The column that says which local day's partition a row is of, where no other does."""
USABLE = ("observed", "expanded")
"""The statuses whose value stands for the whole bin."""
_SECONDS = "%Y-%m-%dT%H:%M:%SZ"

_BIN = ("began_at",)
_CAMERA = ("camera_id",)
_WAY = ("from_camera_id", "to_camera_id", "carriageway")
KEYS: dict[str, tuple[str, ...]] = {
    "bins": _BIN,
    "anomalies": (),
    "vehicle_counts": (*_CAMERA, "carriageway", "label", *_BIN),
    "flows": (*_CAMERA, "carriageway", *_BIN),
    "speeds": (*_CAMERA, "carriageway", *_BIN),
    "travel_times": (*_WAY, *_BIN),
    "corridor_speeds": ("corridor", *_WAY, *_BIN),
    "reliability": (DAY, "corridor", *_WAY, "period"),
    "corridor_od": ("corridor", "origin", "destination", *_BIN),
    "segment_performance": (*_WAY, *_BIN),
    "data_quality": (*_CAMERA, "local_date"),
    "throughput": (DAY, "asset", *_BIN),
}
"""What no two rows of a table share; nothing where rows have no key."""
QUARTERS = ("vehicle_counts", "flows", "speeds", "travel_times", "segment_performance")
"""The tables whose bins are rows of ``bins``."""


@dataclass(frozen=True)
class Figures:
    """One table of figures of one or several local days. key: as KEYS has it."""

    name: str
    description: str
    rows: pa.Table
    key: tuple[str, ...] = ()


def of_days(name: str, days: dict[str, pa.Table]) -> pa.Table:
    """A table's partitions, by their local day (YYYY-MM-DD), as one table. Where no column says which day it is, ``day`` does."""
    if "local_date" in next(iter(days.values())).column_names:
        return pa.concat_tables(days.values())
    field = pa.field(DAY, pa.date32(), False, {"description": "the local day whose partition the row is of"})
    parts = []
    for day, rows in days.items():
        column = pa.array([day] * rows.num_rows, pa.string()).cast(pa.date32())
        parts.append(rows.add_column(0, field, column))
    return pa.concat_tables(parts)


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
