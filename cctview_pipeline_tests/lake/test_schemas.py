"""The tables' schemas: what the contract promises of every column."""

import pyarrow as pa
import pytest

from cctview_pipeline.lake.schemas import TABLES, TIME, schema_of
from cctview_pipeline_tests.factories.tables import EXAMPLES, rows


@pytest.mark.parametrize("table", TABLES)
def test_every_column_says_what_it_means(table):
    assert TABLES[table].description
    for field in schema_of(table):
        assert field.metadata[b"description"], field.name


@pytest.mark.parametrize("table", TABLES)
def test_every_time_is_utc_in_microseconds(table):
    times = [field for field in schema_of(table) if field.name.endswith("_at") or pa.types.is_timestamp(field.type)]
    assert all(field.type == (pa.string() if field.name == "local_at" else TIME) for field in times)


@pytest.mark.parametrize("table", TABLES)
def test_plain_columns_exist(table):
    assert set(TABLES[table].plain) <= set(schema_of(table).names)


@pytest.mark.parametrize("table", TABLES)
def test_examples_have_every_column(table):
    assert list(EXAMPLES[table]) == schema_of(table).names
    assert rows(table, {}, {}).num_rows == 2


def test_embeddings_have_the_length_that_the_model_makes():
    assert schema_of("features").field("embedding").type.list_size == 256
    changed = schema_of("features", 64)
    assert changed.field("embedding").type == pa.list_(pa.field("element", pa.float16(), nullable=False), 64)
    assert changed.field("embedding").metadata == schema_of("features").field("embedding").metadata


@pytest.mark.parametrize(
    ("table", "nullable"),
    [
        ("rejected_frames", {"fetched_at"}),
        (
            "tracks",
            {"passed_at", "carriageway", "direction", "speed_px_s", "speed_kmh", "speed_kmh_error", "continues"}
            | {"pace", "pace_error", "lane", "relative_size", "quality", "view", "label_probability", "recovered_ids"},
        ),
        ("detections", {"frame_width", "frame_height"}),
        ("vehicle_counts", {"vehicles", "expanded", "lower", "upper", "quality_note"}),
        ("matches", set()),
    ],
)
def test_only_what_may_be_unknown_may_be_null(table, nullable):
    assert {field.name for field in schema_of(table) if field.nullable} == nullable
