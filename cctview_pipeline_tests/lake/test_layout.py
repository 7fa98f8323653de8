"""Where partitions lie: hive-style keys in UTC."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.lake.layout import Partition, format_day, format_hour, key, parse_day, parse_hour
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import partition_of


@pytest.mark.parametrize(
    ("table", "partition", "expected"),
    [
        (
            "raw_frames",
            Partition.camera_hour("735-683-N", HOUR_17),
            "raw_frames/camera=735-683-N/hour=2020-05-05T17/part-0.parquet",
        ),
        ("journeys", Partition.of_hour(HOUR_17), "journeys/hour=2020-05-05T17/part-0.parquet"),
        ("vehicle_counts", Partition.of_day(date(2020, 5, 5)), "vehicle_counts/day=2020-05-05/part-0.parquet"),
    ],
)
def test_keys(table, partition, expected):
    assert key(table, partition) == expected


def test_hour_of_another_offset_is_written_in_utc():
    local = HOUR_17.astimezone(timezone(timedelta(hours=-4)))
    assert key("journeys", Partition.of_hour(local)) == key("journeys", Partition.of_hour(HOUR_17))


@pytest.mark.parametrize("table", TABLES)
def test_partition_of_another_kind_is_refused(table):
    wrong = Partition.of_hour(HOUR_17) if TABLES[table].partition != "hour" else Partition.of_day(HOUR_17.date())
    with pytest.raises(ValueError, match=f"{table} is partitioned by {TABLES[table].partition}, not by {wrong.kind}"):
        key(table, wrong)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)))
def test_hours_and_days_round_trip(time):
    hour = time.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    assert parse_hour(format_hour(hour)) == hour
    assert parse_day(format_day(hour.date())) == hour.date()


def test_partitions_read_well():
    assert str(partition_of("tracks")) == "cam-1 2020-05-05T17"
    assert str(partition_of("journeys")) == "2020-05-05T17"
    assert str(partition_of("travel_times")) == "2020-05-05"
