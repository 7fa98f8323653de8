"""Lakes that were begun before a table had all columns of today."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cctview_pipeline.analytics.warehouse import connect
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.schemas import TABLES, schema_of
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import DAY, partition_of, rows

LATER = [name for name, spec in TABLES.items() if spec.later]


def write_older(lake: Lake, table: str, partition: Partition) -> None:
    older = rows(table, {}).drop_columns(list(TABLES[table].later))
    older = older.cast(pa.schema([field.with_nullable(False) if field.name == "quality" else field for field in older.schema]))
    buffer = pa.BufferOutputStream()
    pq.write_table(older, buffer)
    lake.storage.write(layout.key(table, partition), buffer.getvalue())


@pytest.mark.parametrize("table", LATER)
def test_an_older_partition_reads_as_one_of_today(tmp_path, table):
    lake = Lake(str(tmp_path))
    write_older(lake, table, partition_of(table))
    found = lake.read(table, partition_of(table))
    assert found.schema.equals(schema_of(table))
    assert all(found[name].null_count == 1 for name in TABLES[table].later)
    assert lake.read(table, partition_of(table), [TABLES[table].later[0], "model"]).num_columns == 2
    assert pa.concat_tables([found, rows(table, {})]).num_rows == 2
    lake.write(table, partition_of(table), found)


@pytest.mark.parametrize("table", LATER)
@pytest.mark.parametrize("newer", [(), ("cam-0",), ("cam-2",)], ids=["alone", "behind a newer one", "before a newer one"])
def test_older_partitions_can_be_asked_with_newer_ones(tmp_path, table, newer):
    lake = Lake(str(tmp_path))
    write_older(lake, table, partition_of(table))
    for camera in newer:
        lake.write(table, Partition.camera_hour(camera, HOUR_17), rows(table, {}))
    for day in (None, DAY):
        with connect(lake) as database:
            found = database.sql(f"SELECT camera, {TABLES[table].later[0]} IS NULL FROM {table} ORDER BY ALL").fetchall()
        assert found == sorted([("cam-1", True), *((camera, False) for camera in newer)])
