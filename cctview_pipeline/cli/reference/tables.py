"""docs/reference/tables.md: every table of the lake, from lake/schemas.py."""

import pyarrow as pa

from cctview_pipeline.analytics.known_bias import MEASURES, shipped
from cctview_pipeline.cli.reference.markdown import GENERATED, page, table
from cctview_pipeline.lake.layout import FILE_NAME
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.lake.spec import TableSpec

_PATHS = {"camera_hour": "camera=ID/hour=YYYY-MM-DDTHH", "hour": "hour=YYYY-MM-DDTHH", "day": "day=YYYY-MM-DD"}
_COVERS = {"camera_hour": "a camera and an hour", "hour": "an hour", "day": "a local day"}


def tables_page() -> str:
    """The page tables.md."""
    overview = ([f"[`{spec.name}`](#{spec.name})", _COVERS[spec.partition], spec.description] for spec in TABLES.values())
    return page(
        "# Tables",
        GENERATED,
        "Each is a folder of the lake with one Parquet file a partition, and a view in `cctview query`. Times are UTC, in "
        "microseconds; px are pixels of the stored frame. A column may be null only where that is said. Files of one table "
        "are sorted and written whole, and are checked before they are written (`cctview_pipeline/lake/checks.py`).",
        table(["table", "a partition is", "what it holds"], overview),
        *(_table(spec) for spec in TABLES.values()),
    )


def _table(spec: TableSpec) -> str:
    return page(
        f"## {spec.name}",
        spec.description,
        f"`{spec.name}/{_PATHS[spec.partition]}/{FILE_NAME}`, {_COVERS[spec.partition]}.",
        table(["column", "type", "null", "meaning"], map(_column, spec.schema)),
        f"Known bias of the shipped models: {shipped(spec.name)}" if spec.name in MEASURES else "",
        f"Older partitions lack {_names(spec.later)}, which are null there." if spec.later else "",
        f"Older partitions with {_names(spec.former)} are refused, and made again by a backfill." if spec.former else "",
    ).rstrip("\n")


def _column(field: pa.Field) -> list[str]:
    return [f"`{field.name}`", _type(field.type), "yes" if field.nullable else "", field.metadata[b"description"].decode()]


def _type(kind: pa.DataType) -> str:
    if isinstance(kind, pa.FixedSizeListType):
        return f"list of {kind.list_size} {kind.value_type}"
    return f"list of {kind.value_type}" if isinstance(kind, pa.ListType) else str(kind)


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in columns)
