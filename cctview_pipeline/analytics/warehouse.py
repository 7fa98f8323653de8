"""DuckDB over the lake: a view a table, local or S3, nothing copied.

This is the pipeline's own way to its tables: summaries, marts, evaluation. People ask through privacy/access.py, which knows what
for, writes it down, and gives pseudonyms instead of ids.
"""

import re
from collections.abc import Callable, Collection
from importlib.resources import files

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.func import ARROW, SPECIAL

from cctview_pipeline.analytics.question import damaged_file, limit_memory
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.layout import FILE_NAME
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.lake.spec import TableSpec

ID_COLUMNS = frozenset({"track_id", "track_ids", "continues", "query_track_id", "gallery_track_id", "journey_id"})
"""The columns, of whichever table, whose ids follow a vehicle from camera to camera or from hour to hour."""
PSEUDONYM, PSEUDONYMS = "cctview_pseudonym", "cctview_pseudonyms"
"""DuckDB's names for the functions that stand between them and the SQL of others: of one id, and of a list of them."""
FILTERED_VIEWS = {f"{name}_filtered": (name, "anomalies") for name in ("vehicle_counts", "flows", "speeds", "travel_times")}
"""View -> the tables that it reads: the same figures without those that an anomaly makes doubtful."""
FEW_FILES = 2_000
"""Partitions of a table up to which older ones, which lack a column, and newer ones can be asked together."""
_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
"""A pattern of partitions' folders, and of no copy that somebody made of one."""
_FOLDERS = {"camera_hour": ("camera", "hour"), "hour": ("hour",), "day": ("day",)}

Database = duckdb.DuckDBPyConnection


def connect(lake: Lake) -> Database:
    """An in-memory database with a view of every table of the lake. Times are UTC, as TIMESTAMP without a zone. A table that has
    no partition yet is an empty view."""
    database = open_database(lake)
    for spec in TABLES.values():
        _create_view(database, lake, spec)
    _create_filtered_views(database)
    return database


def connect_confined(lake: Lake, tables: Collection[str], pseudonyms: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> Database:
    """The same, for the SQL of others: only ``tables`` have rows, no statement can reach anything beside them, and none takes
    more memory than its limit.

    pseudonyms: takes and gives a column of strings, and stands between the files and every column of ID_COLUMNS: no statement
    sees a raw id. All other tables are empty views, so that they can be described. DuckDB opens no file outside the folders of
    ``tables``, loads no extension, and takes no other setting any more.
    """
    database = open_database(lake)
    database.create_function(PSEUDONYM, pseudonyms, ["VARCHAR"], "VARCHAR", type=ARROW, null_handling=SPECIAL)
    in_lists = lambda column: _in_lists(pseudonyms, column)  # noqa: E731
    database.create_function(PSEUDONYMS, in_lists, ["VARCHAR[]"], "VARCHAR[]", type=ARROW, null_handling=SPECIAL)
    for spec in TABLES.values():
        if spec.name in tables:
            _create_view(database, lake, spec, ID_COLUMNS & set(spec.schema.names))
        else:
            _create_empty_view(database, spec)
    _create_filtered_views(database)
    limit_memory(database)
    # DuckDB compares the beginnings of paths: of a file as it is named, and of a pattern, in which brackets are escaped.
    places = [quoted(place) for name in tables for place in (f"{lake.storage.path(name)}/", f"{_root(lake, name)}/")]
    database.execute(f"SET allowed_directories = [{', '.join(places)}]")
    for setting in (
        "python_enable_replacements = false",  # or a table's name could be that of a variable of this program
        "autoload_known_extensions = false",
        "autoinstall_known_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        database.execute(f"SET {setting}")
    return database


def camera_states(lake: Lake) -> pa.Table:
    """camera, state, since, hours, live (share), frames, missing (s), reasons: a row for every camera that was collected."""
    with connect(lake) as database:
        return database.sql(files(__package__).joinpath("camera_states.sql").read_text()).to_arrow_table()


def open_database(lake: Lake) -> Database:
    """In memory, with the lake's access to S3 where it is there."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")  # and not this machine's, in which it would read and write times of other zones
    if lake.storage.is_s3:
        _allow_s3(database, lake)
    return database


def _create_view(database: Database, lake: Lake, spec: TableSpec, hidden: Collection[str] = frozenset()) -> None:
    """hidden: columns that are shown as pseudonyms."""
    within = {"camera": "*", "hour": f"{_DAY}T[0-9][0-9]", "day": _DAY}
    folders = "/".join(f"{name}={within[name]}" for name in _FOLDERS[spec.partition])
    pattern = f"{_root(lake, spec.name)}/{folders}/{FILE_NAME}"
    types = ", ".join(f"{name}: VARCHAR" for name in _FOLDERS[spec.partition])
    try:
        by_name = ", union_by_name = true" if spec.later and _few_files(database, pattern) else ""
        source = f"read_parquet({quoted(pattern)}, hive_partitioning = true, hive_types = {{{types}}}{by_name})"
        if spec.later:  # null in older partitions, also where all are older
            columns = ", ".join(f'NULL::{_type(spec.schema.field(name).type)} AS "{name}"' for name in spec.later)
            source = f"(SELECT * FROM {source} UNION ALL BY NAME SELECT {columns} WHERE false)"
        cameras = " WHERE regexp_full_match(camera, '[A-Za-z0-9._-]+')" if "camera" in _FOLDERS[spec.partition] else ""
        database.execute(f"CREATE VIEW {spec.name} AS SELECT {_columns(spec, hidden)} FROM {source}{cameras}")
    except duckdb.Error as error:
        if _any_file(database, pattern):
            why = damaged_file(error) or f"The lake {lake.uri} cannot be queried: {str(error).splitlines()[0]}"
            raise CctviewError(why) from error
        _create_empty_view(database, spec)


def _in_lists(pseudonyms: Callable[[pa.ChunkedArray], pa.ChunkedArray], column: pa.ChunkedArray) -> pa.Array:
    """What becomes of a column of lists of ids."""
    lists = column.combine_chunks()
    made = pseudonyms(pa.chunked_array([lists.flatten()], pa.string()))
    made = made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), made)


def _create_filtered_views(database: Database) -> None:
    """Of the figures that are observed or expanded, those over which no anomaly lies, but for caveats and what was dismissed."""
    for view, (figures, _) in FILTERED_VIEWS.items():
        there = "figure.camera_id" if figures != "travel_times" else "figure.from_camera_id, figure.to_camera_id"
        label = " AND coalesce(anomalies.label, figure.label) = figure.label" if figures == "vehicle_counts" else ""
        database.execute(
            f"CREATE VIEW {view} AS SELECT * FROM {figures} AS figure WHERE status IN ('observed', 'expanded') AND NOT EXISTS ("
            "SELECT 1 FROM anomalies WHERE problem != 'caveat' AND investigation != 'dismissed' "
            f"AND anomalies.camera_id IN ({there}) "
            f"AND coalesce(anomalies.carriageway, figure.carriageway) = figure.carriageway{label} "
            "AND anomalies.began_at < figure.began_at + INTERVAL 15 MINUTE AND anomalies.ended_at > figure.began_at)"
        )


def _few_files(database: Database, pattern: str) -> bool:
    """Whether each can be looked into for the columns that it has: that takes half a millisecond a file."""
    [(few,)] = database.execute(f"SELECT count(*) <= {FEW_FILES} FROM glob({quoted(pattern)})").fetchall()
    return few


def _any_file(database: Database, pattern: str) -> bool:
    """True also where it cannot be looked for: then what DuckDB has said of the pattern is told."""
    try:
        return database.execute(f"SELECT 1 FROM glob({quoted(pattern)}) LIMIT 1").fetchone() is not None
    except duckdb.Error:
        return True


def _create_empty_view(database: Database, spec: TableSpec) -> None:
    columns = [f'NULL::{_type(field.type)} AS "{field.name}"' for field in spec.schema]
    columns += [f"NULL::VARCHAR AS {name}" for name in _FOLDERS[spec.partition]]
    database.execute(f"CREATE VIEW {spec.name} AS SELECT {', '.join(columns)} WHERE false")


def _root(lake: Lake, table: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", lake.storage.path(table))  # a folder's own name is no pattern


def quoted(text: str) -> str:
    """As a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _type(kind: pa.DataType) -> str:
    """DuckDB's name of a type of lake/schemas.py."""
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"{_type(kind.value_type)}[]"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP"
    names = {
        "string": "VARCHAR",
        "binary": "BLOB",
        "bool": "BOOLEAN",
        "date32[day]": "DATE",
        "halffloat": "FLOAT",
        "float": "FLOAT",
        "double": "DOUBLE",
    }
    return (names | {"int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT"})[str(kind)]


def naive_columns(schema: pa.Schema) -> str:
    """All columns of a schema, times without their zone."""
    return ", ".join(f'"{f.name}"::TIMESTAMP AS "{f.name}"' if pa.types.is_timestamp(f.type) else f'"{f.name}"' for f in schema)


def _columns(spec: TableSpec, hidden: Collection[str]) -> str:
    """All columns, times without their zone: DuckDB calculates with zones only where its ICU extension is installed."""
    replaced = [f'"{field.name}"::TIMESTAMP AS "{field.name}"' for field in spec.schema if pa.types.is_timestamp(field.type)]
    lists = {field.name for field in spec.schema if pa.types.is_list(field.type)}
    replaced += [f'{PSEUDONYMS if name in lists else PSEUDONYM}("{name}") AS "{name}"' for name in sorted(hidden)]
    return f"* REPLACE ({', '.join(replaced)})" if replaced else "*"


def _allow_s3(database: Database, lake: Lake) -> None:
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
    parts += [f"{name} {quoted(value)}" for name, value in options.items() if value]
    database.execute(f"CREATE SECRET ({', '.join(parts)})")
    if access.attempts:  # 14 of them take about a minute
        database.execute(f"SET http_retries = {int(access.attempts)}; SET http_retry_backoff = 1.5")
