"""DuckDB over the lake: a view a table, local or S3, nothing copied."""

import re
from datetime import date
from importlib.resources import files

import duckdb
import pyarrow as pa

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.layout import FILE_NAME, format_day
from cctview_pipeline.lake.schemas import TABLES, TableSpec, schema_of

MARTS = ("vehicle_counts", "travel_times")


def connect(lake: Lake, day: date | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory database with a view of every table of the lake. Times are UTC, as TIMESTAMP without a zone.

    day: only the partitions of one UTC day, so that a daily mart reads no more than its day. A table that has no
    partition yet is an empty view.
    """
    database = duckdb.connect()
    if lake.storage.is_s3:
        _allow_s3(database, lake)
    for spec in TABLES.values():
        _create_view(database, lake, spec, day)
    return database


def query(lake: Lake, sql: str) -> pa.Table:
    """Run one statement over the lake's tables. Raises CctviewError with DuckDB's own first line when it can't."""
    with connect(lake) as database:
        try:
            return database.sql(sql).to_arrow_table()
        except AttributeError as error:
            raise CctviewError("The statement returns no rows: ask with SELECT.") from error
        except duckdb.Error as error:
            raise CctviewError(str(error).strip().splitlines()[0]) from error


def camera_states(lake: Lake) -> pa.Table:
    """camera, state, since, hours, live (share), frames, missing (s), reasons: a row for every camera that was collected."""
    return query(lake, files(__package__).joinpath("camera_states.sql").read_text())


def build_mart(lake: Lake, name: str, day: date) -> pa.Table:
    """One day of a mart, by the statement in ``<name>.sql``."""
    statement = files(__package__).joinpath(f"{name}.sql").read_text()
    with connect(lake, day) as database:
        return database.sql(statement).to_arrow_table().cast(schema_of(name))


def _create_view(database: duckdb.DuckDBPyConnection, lake: Lake, spec: TableSpec, day: date | None) -> None:
    within = f"{format_day(day)}*" if day else "*"
    names = {"camera_hour": ("camera", "hour"), "hour": ("hour",), "day": ("day",)}[spec.partition]
    folders = "/".join(f"{name}={'*' if name == 'camera' else within}" for name in names)
    root = re.sub(r"([*?[])", r"[\1]", lake.storage.path(spec.name))  # a folder's own name is no pattern
    pattern = f"{root}/{folders}/{FILE_NAME}".replace("'", "''")
    types = ", ".join(f"{name}: VARCHAR" for name in names)
    try:
        source = f"read_parquet('{pattern}', hive_partitioning = true, hive_types = {{{types}}})"
        database.execute(f"CREATE VIEW {spec.name} AS SELECT {_columns(spec)} FROM {source}")
    except duckdb.Error as error:
        if "No files found" not in str(error):
            raise CctviewError(f"The lake {lake.uri} cannot be queried: {str(error).splitlines()[0]}") from error
        columns = [f'NULL::{_type(field.type)} AS "{field.name}"' for field in spec.schema]
        columns += [f"NULL::VARCHAR AS {name}" for name in names]
        database.execute(f"CREATE VIEW {spec.name} AS SELECT {', '.join(columns)} WHERE false")


def _type(kind: pa.DataType) -> str:
    """DuckDB's name of a type of lake/schemas.py."""
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"{_type(kind.value_type)}[]"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP"
    names = {"string": "VARCHAR", "binary": "BLOB", "bool": "BOOLEAN", "halffloat": "FLOAT", "float": "FLOAT", "double": "DOUBLE"}
    return (names | {"int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT"})[str(kind)]


def _columns(spec: TableSpec) -> str:
    """All columns, times without their zone: DuckDB calculates with zones only where its ICU extension is installed."""
    times = [f'"{field.name}"::TIMESTAMP AS "{field.name}"' for field in spec.schema if pa.types.is_timestamp(field.type)]
    return f"* REPLACE ({', '.join(times)})" if times else "*"


def _allow_s3(database: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Load httpfs from its package, so that nothing is downloaded at run time, and hand over the lake's access."""
    extension = files("duckdb_extension_httpfs").joinpath(f"extensions/v{duckdb.__version__}/httpfs.duckdb_extension")
    database.load_extension(str(extension))
    access = lake.storage.s3
    options = {
        "KEY_ID": access.access_key,
        "SECRET": access.secret_key,
        "SESSION_TOKEN": access.session_token,
        "REGION": access.region,
        "ENDPOINT": access.endpoint_url and access.endpoint_url.split("://")[-1].rstrip("/"),
        "URL_STYLE": "path" if access.endpoint_url else None,
    }
    parts = ["TYPE s3", f"USE_SSL {str(access.use_ssl).lower()}"]
    parts += [f"{name} '{value.replace(chr(39), chr(39) * 2)}'" for name, value in options.items() if value]
    database.execute(f"CREATE SECRET ({', '.join(parts)})")
