"""Reading and writing tables, and the campaign that stands beside them."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError, NotFoundError, StorageError
from cctview_pipeline.lake import layout
from cctview_pipeline.lake.layout import Partition
from cctview_pipeline.lake.schemas import TABLES, schema_of
from cctview_pipeline.lake.spec import TableSpec
from cctview_pipeline.lake.storage import S3Access, Storage
from cctview_pipeline.limits import TOML_BYTES
from cctview_pipeline.toml_text import decode_toml

CAMPAIGN = "campaign.toml"
ROSTER = "roster.json"
"""Beside it, who its cameras are and were (lake/roster.py)."""
GROUP_BYTES = 768 << 10
"""Of a row group of pictures at most, so that one picture costs one read of less than 1 MB. One of a larger picture holds it
alone."""


class Lake:
    """One campaign's tables. Partitions are written whole or not at all, and checked against their schema."""

    def __init__(self, uri: str, s3: S3Access | None = None) -> None:
        self.storage = Storage(uri, s3)

    @property
    def uri(self) -> str:
        return self.storage.uri

    def has(self, table: str, partition: Partition) -> bool:
        """Whether the partition was written. An empty table counts."""
        return self.storage.exists(layout.key(table, partition))

    def existing(self, table: str, partitions: list[Partition]) -> list[Partition]:
        """Those of the partitions that were written, in their order."""
        keys = [layout.key(table, partition) for partition in partitions]
        return [partition for partition, there in zip(partitions, self.storage.exist(keys), strict=True) if there]

    def version(self, table: str, partition: Partition) -> str | None:
        """Another text after every write of the partition; None when it was never written."""
        return self.storage.version(layout.key(table, partition))

    def read(self, table: str, partition: Partition, columns: list[str] | None = None) -> pa.Table:
        """One partition; a table of no rows when it was never written. Of some columns little else is read.

        Raises CctviewError when it can't be read.
        """
        key = layout.key(table, partition)
        try:
            if columns:
                wanted = set(columns) & set(TABLES[table].later)
                found = self.storage.look_into(key, lambda file: _read_columns(file, columns, wanted))
            else:
                found = pq.read_table(pa.BufferReader(self.storage.read(key)), partitioning=None)
            found.validate(full=True)  # texts that are none would be found out far from here
            found = _with_later(table, found, columns)
            names = columns or schema_of(table).names
            former = sorted(set(TABLES[table].former) & set(found.column_names))
            missing = sorted(set(names) - set(found.column_names))
        except FileNotFoundError:
            return _empty(table, columns)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise self._unreadable(key) from error
        if missing or former:
            why = f"the column {missing[0]} is missing" if missing else f"there is no column {former[0]} any more"
            raise StorageError(
                f"{self.storage.path(key)} is another file than {table}, or of another version: {why}; run its partition again."
            )
        return found.select(names)

    def look_up(
        self, table: str, partition: Partition, column: str, values: Iterable[str], columns: list[str] | None = None
    ) -> pa.Table:
        """The rows of one partition whose ``column`` is one of the values, in the file's order.

        Only row groups whose least and greatest value leave room for one of them are read: of ``raw_frames`` and ``crops``,
        whose rows stand in order of time, one. Rows of a file that has a single group are found too. Raises as ``read`` does.
        """
        key, wanted = layout.key(table, partition), sorted(set(values))
        try:
            found = self.storage.look_into(key, lambda file: _look_up(file, column, wanted, columns, set(TABLES[table].later)))
            return _with_later(table, found, columns)
        except FileNotFoundError:
            return _empty(table, columns)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._unreadable(key) from error

    def _unreadable(self, key: str) -> CctviewError:
        return StorageError(f"{self.storage.path(key)} is no readable Parquet file: run its partition again.")

    def write(self, table: str, partition: Partition, rows: pa.Table) -> int:
        """Replace one partition. Returns the bytes written. Raises CctviewError when the schema is another."""
        spec = TABLES[table]
        check_schema(table, rows)
        compression = {field: "NONE" if _root(field) in spec.plain else "ZSTD" for field in _leaves(rows.schema)}
        dictionary = [field for field in _leaves(rows.schema) if _root(field) not in spec.plain]
        buffer = pa.BufferOutputStream()
        grouped = {"row_group_size": _group_rows(spec, rows), "write_page_index": True} if spec.group_rows else {}
        pq.write_table(rows, buffer, compression=compression, use_dictionary=dictionary, **grouped)
        data = buffer.getvalue()
        self.storage.write(layout.key(table, partition), data)
        return data.size

    def keys(self, table: str) -> list[str]:
        """The keys of all partitions that were written."""
        return [key for key in self.storage.list(table) if layout.is_key(key)]

    def strangers(self, table: str) -> list[str]:
        """Keys of Parquet files in the table's folder that are none of its partitions, such as copies that somebody made: no
        command reads them, and nobody knows when they are to be deleted."""
        return [key for key in self.storage.list(table) if key.endswith(".parquet") and not layout.is_key(key)]

    def partitions(self, table: str) -> list[Partition]:
        """Those that were written, sorted by their key. Files that are no partition of a lake are passed over."""
        return list(layout.parse_keys(self.storage.list(table)))

    def campaign(self) -> Campaign | None:
        """The campaign, or None in an empty lake."""
        try:
            data = self.storage.read(CAMPAIGN, TOML_BYTES).to_pybytes()
        except FileNotFoundError:
            return None
        source = self.storage.path(CAMPAIGN)
        return Campaign.from_toml(decode_toml(data, source), source)

    def require_campaign(self) -> Campaign:
        """The campaign. Raises CctviewError, with the mend, for an empty lake."""
        campaign = self.campaign()
        if campaign is None and any(self.keys(table) for table in TABLES):
            raise StorageError(
                f"The lake {self.uri} has tables, but no campaign.toml: restore that file, or give the `cctview backfill` that "
                "made them once more, which writes one."
            )
        if campaign is None:
            raise NotFoundError(
                f"The lake {self.uri} is empty: fill it with `cctview backfill --network archive --path DIR`, "
                "or `--network city`; `cctview init` writes a campaign for cameras of your own."
            )
        return campaign

    def write_campaign(self, campaign: Campaign, text: str = "") -> None:
        """Replace ``campaign.toml``, whole or not at all. text: that says the same, with comments."""
        self.storage.write(CAMPAIGN, (text or campaign.to_toml()).encode())

    def withdraw_campaign(self) -> None:
        """Take back what was written for a first backfill that could make nothing."""
        self.storage.delete(ROSTER)
        self.storage.delete(CAMPAIGN)


def check_schema(table: str, rows: pa.Table) -> None:
    """Names, types and nulls must be those of lake/schemas.py; embeddings may have any length."""
    dimension = None
    if table == "features" and "embedding" in rows.column_names:
        dimension = getattr(rows.schema.field("embedding").type, "list_size", None)
    expected = schema_of(table, dimension)
    if not rows.schema.equals(expected):
        wrong = [f"{f.name} {f.type}" for f in rows.schema if f.name not in expected.names or expected.field(f.name) != f]
        missing = [name for name in expected.names if name not in rows.column_names]
        raise StorageError(f"{table} has another schema than lake/schemas.py says: wrong {wrong}, missing {missing}.")
    for field in expected:
        if not field.nullable and rows.column(field.name).null_count:
            raise StorageError(f"{table}.{field.name} has {rows.column(field.name).null_count} nulls, and must have none.")


def _read_columns(file: pa.NativeFile, columns: list[str], later: set[str]) -> pa.Table:
    """later: those of the columns that an older partition may lack."""
    lacking = later - set(pq.read_schema(file).names) if later else set()
    return pq.read_table(file, columns=[name for name in columns if name not in lacking], partitioning=None)


def _with_later(table: str, found: pa.Table, columns: list[str] | None) -> pa.Table:
    """A partition of an older lake as today's: columns that it lacks are null, and one that can be null by now says so."""
    schema, names = schema_of(table), found.column_names
    for name in TABLES[table].later:
        if name not in names and (columns is None or name in columns):
            found = found.append_column(schema.field(name), pa.nulls(found.num_rows, schema.field(name).type))
    fields = [schema.field(f.name) if f.name in schema.names and schema.field(f.name).type == f.type else f for f in found.schema]
    return found if found.schema.equals(pa.schema(fields)) else found.cast(pa.schema(fields))


def _empty(table: str, columns: list[str] | None) -> pa.Table:
    schema = schema_of(table)
    return (pa.schema([schema.field(name) for name in columns]) if columns else schema).empty_table()


def _group_rows(spec: TableSpec, rows: pa.Table) -> int:
    """Of a row group: as many as the table says, fewer where its pictures are large."""
    mean = rows.nbytes / max(rows.num_rows, 1)
    return max(1, min(spec.group_rows, int(GROUP_BYTES / max(mean, 1))))


def _look_up(source: pa.NativeFile, column: str, values: list[str], columns: list[str] | None, later: set[str]) -> pa.Table:
    """later: columns that an older partition may lack."""
    file = pq.ParquetFile(source, pre_buffer=True)
    place = file.schema.names.index(column)
    groups = [number for number in range(file.num_row_groups) if _may_hold(file.metadata.row_group(number), place, values)]
    there = set(file.schema_arrow.names)
    names = [
        name for name in dict.fromkeys([column, *(columns or file.schema_arrow.names)]) if name in there or name not in later
    ]
    found = file.read_row_groups(groups, names)
    found = found.filter(pc.is_in(found[column], pa.array(values, found.schema.field(column).type)))
    return found.select([name for name in names if name in columns]) if columns else found


def _may_hold(group: pq.RowGroupMetaData, place: int, values: list[str]) -> bool:
    statistics = group.column(place).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return any(statistics.min <= value <= statistics.max for value in values)


def _leaves(schema: pa.Schema) -> Iterable[str]:
    """Parquet's names of the columns: a list's values are a column of their own."""
    for field in schema:
        is_list = pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type)
        yield f"{field.name}.list.element" if is_list else field.name


def _root(leaf: str) -> str:
    return leaf.split(".")[0]
