"""What a table is: one pyarrow schema, with every column's meaning and unit, and how it lies in its files."""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")

PartitionKind = Literal["camera_hour", "hour", "day"]


@dataclass(frozen=True)
class TableSpec:
    """One table. partition: what one file of it covers; plain: columns that zstd cannot make smaller; later: columns that
    partitions of older lakes do not have, and are null in them; former: columns of older versions, whose partitions
    have to be made again; group_rows: rows of a row group at most, where one row is looked up: 0 where a partition is read as a
    whole."""

    name: str
    description: str
    partition: PartitionKind
    schema: pa.Schema
    plain: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    group_rows: int = 0


def column(name: str, kind: pa.DataType, meaning: str, nullable: bool = False) -> pa.Field:
    """A column with what it means, which docs/reference/tables.md tells."""
    return pa.field(name, kind, nullable, {"description": meaning})


FRAME_ID = column("frame_id", pa.string(), "the frame's id")
CAMERA_ID = column("camera_id", pa.string(), "the camera's id")
CAPTURED_AT = column("captured_at", TIME, "when the camera took the picture, UTC")
FETCHED_AT = column("fetched_at", TIME, "when the picture was fetched, UTC")
DETECTION_ID = column("detection_id", pa.string(), "the detection's id")
TRACK_ID = column("track_id", pa.string(), "the track's id: its camera and first detection")
VEHICLE_ID = column("vehicle_id", pa.string(), "the vehicle's id in its city")
MODEL = column("model", pa.string(), "name and weights' hash of the model that made the row")
