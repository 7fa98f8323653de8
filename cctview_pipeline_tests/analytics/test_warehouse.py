"""DuckDB over a small made lake: views and refusals."""

from datetime import timedelta

import pyarrow as pa
import pytest

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.analytics.summary import summarise
from cctview_pipeline.analytics.warehouse import connect
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.schemas import TABLES, schema_of
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import DAY, partition_of, rows

FOLDERS = {"camera_hour": ["camera", "hour"], "hour": ["hour"], "day": ["day"]}


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def minutes(count: float):
    return HOUR_17 + timedelta(minutes=count)


def query(lake: Lake, sql: str) -> pa.Table:
    with connect(lake) as database:
        return database.sql(sql).to_arrow_table()


def columns(lake: Lake, table: str) -> list[tuple[str, str]]:
    with connect(lake) as database:
        described = database.sql(f"DESCRIBE {table}").fetchall()
    return [(name, kind) for name, kind, *_ in described]


@pytest.mark.parametrize("table", TABLES)
def test_table_without_a_partition_is_an_empty_view_with_the_same_columns(lake, tmp_path, table):
    full = Lake(str(tmp_path / "full"))
    full.write(table, partition_of(table), rows(table, {}))
    assert [name for name, _ in columns(lake, table)] == schema_of(table).names + FOLDERS[TABLES[table].partition]
    loose = [[(n, k) for n, k in columns(each, table) if n != "embedding"] for each in (lake, full)]
    assert loose[0] == loose[1]
    assert query(lake, f"SELECT * FROM {table}").num_rows == 0
    assert query(full, f"SELECT * FROM {table}").num_rows == 1


def test_view_reads_every_partition_and_names_it(lake):
    for camera, hour, count in (("cam-1", HOUR_17, 2), ("cam-2", HOUR_17, 1), ("cam-1", minutes(60), 3)):
        frames = rows("raw_frames", *({"frame_id": f"{camera}{hour}{i}", "camera_id": camera} for i in range(count)))
        lake.write("raw_frames", Partition.camera_hour(camera, hour), frames)
    found = query(lake, "SELECT camera, hour, count(*)::INT AS n FROM raw_frames GROUP BY ALL ORDER BY ALL").to_pylist()
    assert [(row["camera"], row["hour"], row["n"]) for row in found] == [
        ("cam-1", "2020-05-05T17", 2),
        ("cam-1", "2020-05-05T18", 3),
        ("cam-2", "2020-05-05T17", 1),
    ]


def test_times_are_utc_without_a_zone(lake):
    lake.write("raw_frames", partition_of("raw_frames"), rows("raw_frames", {}))
    (row,) = query(lake, "SELECT captured_at, hour(captured_at) AS h FROM raw_frames").to_pylist()
    assert row["captured_at"].tzinfo is None
    assert row["h"] == 17


def test_embeddings_can_be_asked_for(lake):
    lake.write("features", partition_of("features"), rows("features", {"embedding": [0.5, -1, 0, 0.25]}))
    (row,) = query(lake, "SELECT embedding FROM features").to_pylist()
    assert list(row["embedding"]) == [0.5, -1, 0, 0.25]


@pytest.mark.parametrize("name", ["with space", "it's", "ünïcode", "a[b]c", "star*"])
def test_lake_in_a_folder_of_any_name(tmp_path, name):
    lake = Lake(str(tmp_path / name))
    lake.write("raw_frames", partition_of("raw_frames"), rows("raw_frames", {}))
    assert query(lake, "SELECT count(*)::INT AS n FROM raw_frames").to_pylist() == [{"n": 1}]


def test_words_in_a_path_decide_nothing(tmp_path):
    """The same words are in DuckDB's error for a table that has no partition yet."""
    lake = Lake(str(tmp_path / "No files found"))
    lake.storage.write(layout.key("detections", partition_of("detections")), b"no parquet at all")
    with pytest.raises(
        CctviewError, match=r"detections/.*/part-0\.parquet is no readable Parquet file: run its partition again\.$"
    ):
        connect(lake)


COPIES = {
    "raw_frames": "camera=cam-1/hour=2020-05-05T17 (copy)",
    "detections": "camera=cam-1 (copy)/hour=2020-05-05T17",
    "journeys": "hour=2020-05-05T17.bak",
    "vehicle_counts": "day=yesterday",
}


@pytest.mark.parametrize("table", COPIES)
def test_a_copy_beside_a_partition_is_not_counted(tmp_path, table):
    """A file manager makes them, and a synchronised folder."""
    lake, place = Lake(str(tmp_path)), partition_of(table)
    lake.write(table, place, rows(table, {}))
    copy = f"{table}/{COPIES[table]}/part-0.parquet"
    lake.storage.write(copy, lake.storage.read(layout.key(table, place)))
    assert query(lake, f"SELECT count(*)::INT AS n FROM {table}").to_pylist() == [{"n": 1}]
    assert (lake.keys(table), lake.strangers(table)) == ([layout.key(table, place)], [copy])


def test_lake_with_a_damaged_partition_is_told(lake):
    lake.storage.write("raw_frames/camera=cam-1/hour=2020-05-05T17/part-0.parquet", b"no parquet at all")
    with pytest.raises(CctviewError, match=r"^[^\n]*part-0.parquet[^\n]*$"):
        query(lake, "SELECT * FROM raw_frames")


def test_sightings_of_frames_that_come_too_seldom_are_told_apart_in_the_summary(lake):
    seldom = {"quality": None, "carriageway": None, "direction": None}
    tracks = [
        {"track_id": "1"} | seldom,
        {"track_id": "2"} | seldom,
        {"track_id": "3"} | seldom,
        {"track_id": "4"},
        {"track_id": "5"},
    ]
    lake.write("tracks", partition_of("tracks"), rows("tracks", *tracks))
    [found] = summarise(lake, ["cam-1"], [HOUR_17]).cameras
    assert (found["tracks"], found["sightings"]) == (2, 3)


@pytest.mark.parametrize("name", MARTS)
def test_mart_can_be_stored_and_asked_for(lake, name):
    lake.write(name, Partition.of_day(DAY), rows(name, {}))
    assert query(lake, f"SELECT day FROM {name}")["day"].to_pylist() == ["2020-05-05"]


def test_filtered_views_leave_out_what_an_anomaly_makes_doubtful(lake):
    quarters = [{"began_at": minutes(15 * number), "status": "observed"} for number in range(3)]
    lake.write("flows", Partition.of_day(DAY), rows("flows", *quarters, {"began_at": minutes(45), "status": "insufficient"}))
    said = {"camera_id": "cam-1", "began_at": minutes(16), "ended_at": minutes(20), "problem": "questionable"}
    told = [said | {"carriageway": "N"}, said | {"began_at": HOUR_17, "ended_at": minutes(5), "investigation": "dismissed"}]
    told += [said | {"began_at": minutes(30), "ended_at": minutes(45), "carriageway": "S"}]
    lake.write("anomalies", Partition.of_day(DAY), rows("anomalies", *told))
    assert query(lake, "SELECT began_at FROM flows_filtered ORDER BY ALL")["began_at"].to_pylist() == [
        each.replace(tzinfo=None) for each in (HOUR_17, minutes(30))
    ]
    assert query(lake, "SELECT * FROM flows").num_rows == 4
