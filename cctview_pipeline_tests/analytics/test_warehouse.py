"""DuckDB over a small made lake: views, marts counted by hand, refusals."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from cctview_pipeline.analytics.plots import PLOTS
from cctview_pipeline.analytics.summary import summarise
from cctview_pipeline.analytics.warehouse import MARTS, build_mart, connect
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.schemas import TABLES, schema_of
from cctview_pipeline.privacy.publishing import publishable
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


def test_only_one_day_is_read(lake):
    for hour in (minutes(-60 * 18), HOUR_17, minutes(60 * 7)):
        lake.write("raw_frames", Partition.camera_hour("cam-1", hour), rows("raw_frames", {}))
    with connect(lake, DAY) as database:
        assert database.sql("SELECT hour FROM raw_frames").fetchall() == [("2020-05-05T17",)]


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


def test_table_without_a_partition_of_the_day_is_an_empty_view(lake):
    lake.storage.write(layout.key("detections", partition_of("detections")), b"no parquet at all")
    with connect(lake, DAY + timedelta(days=1)) as database:
        assert database.sql("SELECT * FROM detections").fetchall() == []


def test_lake_with_a_damaged_partition_is_told(lake):
    lake.storage.write("raw_frames/camera=cam-1/hour=2020-05-05T17/part-0.parquet", b"no parquet at all")
    with pytest.raises(CctviewError, match=r"^[^\n]*part-0.parquet[^\n]*$"):
        query(lake, "SELECT * FROM raw_frames")


def counted(lake: Lake) -> dict[tuple, tuple[int, float]]:
    mart = build_mart(lake, "vehicle_counts", DAY)
    assert mart.schema == schema_of("vehicle_counts")
    keys = ("camera_id", "carriageway", "began_at", "label")
    return {tuple(row[key] for key in keys): (row["vehicles"], row["observed_s"]) for row in mart.to_pylist()}


def test_vehicle_counts_by_hand(lake):
    """Frames every 2 s for 10 s, then one 60 s later: 8 s, 10 s for the long gap, nothing after the last: 20 s."""
    seconds = [0, 2, 4, 6, 8, 10, 70]
    frames = rows("raw_frames", *({"frame_id": f"f{s}", "captured_at": HOUR_17 + timedelta(seconds=s)} for s in seconds))
    quarter = rows("raw_frames", *({"frame_id": f"g{s}", "captured_at": minutes(15) + timedelta(seconds=s)} for s in (0, 4)))
    lake.write("raw_frames", partition_of("raw_frames"), pa.concat_tables([frames, quarter]))
    tracks = [
        {"track_id": "1"},
        {"track_id": "2", "first_seen": minutes(14.99)},
        {"track_id": "3", "label": "bus"},
        {"track_id": "4", "carriageway": "S"},
        {"track_id": "5", "carriageway": None, "direction": None},
        {"track_id": "6", "continues": "counted in the hour before"},
        {"track_id": "7", "first_seen": minutes(15)},
    ]
    lake.write("tracks", partition_of("tracks"), rows("tracks", *tracks))
    first, second = HOUR_17, minutes(15)
    assert counted(lake) == {
        ("cam-1", "N", first, "car"): (2, 30),
        ("cam-1", "N", first, "bus"): (1, 30),
        ("cam-1", "S", first, "car"): (1, 30),
        ("cam-1", "unknown", first, "car"): (1, 30),
        ("cam-1", "N", second, "car"): (1, 4),
    }


def test_mere_sightings_do_not_count(lake):
    """A quarter of an hour at a frame a minute has rows and no counts; of one that has both, what was followed counts."""
    frames = [{"frame_id": f"f{m}", "captured_at": minutes(m)} for m in (*range(15), 15.1, 15.11)]
    lake.write("raw_frames", partition_of("raw_frames"), rows("raw_frames", *frames))
    seldom = {"quality": None, "carriageway": None, "direction": None}
    tracks = [
        {"track_id": "1"} | seldom,
        {"track_id": "2", "first_seen": minutes(14)} | seldom,
        {"track_id": "3", "first_seen": minutes(15.1), "carriageway": None},
        {"track_id": "4", "first_seen": minutes(15.3)} | seldom,
        {"track_id": "5", "first_seen": minutes(15.1)},
    ]
    lake.write("tracks", partition_of("tracks"), rows("tracks", *tracks))
    assert {key: vehicles for key, (vehicles, _) in counted(lake).items()} == {
        ("cam-1", "unknown", HOUR_17, "car"): None,
        ("cam-1", "unknown", minutes(15), "car"): 1,
        ("cam-1", "N", minutes(15), "car"): 1,
    }
    mart = build_mart(lake, "vehicle_counts", DAY)
    assert publishable(mart.slice(0, 0), 2).equals(publishable(mart, 2))
    assert (
        summarise(lake, ["cam-1"], [HOUR_17]).cameras[0] | {"tracks": 2, "sightings": 3}
        == summarise(lake, ["cam-1"], [HOUR_17]).cameras[0]
    )
    PLOTS["vehicle_counts"](mart)


def test_a_mart_of_nothing_but_sightings_can_be_plotted(lake):
    PLOTS["vehicle_counts"](rows("vehicle_counts", {"vehicles": None, "carriageway": "unknown"}))


def test_vehicle_counts_keep_cameras_apart(lake):
    for camera in ("cam-1", "cam-2"):
        frames = rows("raw_frames", {"camera_id": camera}, {"camera_id": camera, "captured_at": HOUR_17})
        lake.write("raw_frames", Partition.camera_hour(camera, HOUR_17), frames)
        lake.write("tracks", Partition.camera_hour(camera, HOUR_17), rows("tracks", {"camera_id": camera, "track_id": camera}))
    assert counted(lake) == {(camera, "N", HOUR_17, "car"): (1, 2) for camera in ("cam-1", "cam-2")}


def test_travel_times_by_hand(lake):
    arrivals = {"q1": 1, "q2": 2, "q3": 3, "q4": 16}
    lake.write(
        "tracks",
        partition_of("tracks"),
        rows("tracks", *({"track_id": q, "first_seen": minutes(m)} for q, m in arrivals.items())),
    )
    pairs = [
        {"query_track_id": "q1", "gap_s": 60.0, "implied_speed_kmh": 84.0, "probability": 0.9},
        {"query_track_id": "q2", "gap_s": 80.0, "implied_speed_kmh": 63.0, "probability": 0.6},
        {"query_track_id": "q3", "gap_s": 160.0, "implied_speed_kmh": 31.5, "probability": 0.6},
        {"query_track_id": "q3", "gap_s": 10.0, "assigned": False},
        {"query_track_id": "q4", "gap_s": 100.0, "implied_speed_kmh": 50.0, "probability": 0.5},
    ]
    lake.write("matches", partition_of("matches"), rows("matches", *pairs))
    mart = build_mart(lake, "travel_times", DAY)
    assert mart.schema == schema_of("travel_times")
    first, second = mart.to_pylist()
    assert (first["from_camera_id"], first["to_camera_id"], first["began_at"]) == ("cam-2", "cam-1", HOUR_17)
    assert (first["vehicles"], first["median_s"], first["median_kmh"]) == (3, 80, 63)
    assert first["p15_s"] == pytest.approx(60 + 0.3 * 20)
    assert first["p85_s"] == pytest.approx(80 + 0.7 * 80)
    assert first["mean_probability"] == pytest.approx(0.7)
    assert (second["began_at"], second["vehicles"], second["median_s"]) == (minutes(15), 1, 100)


@pytest.mark.parametrize("name", MARTS)
def test_day_without_anything_is_an_empty_mart(lake, name):
    assert build_mart(lake, name, DAY).equals(schema_of(name).empty_table())


@pytest.mark.parametrize("name", MARTS)
def test_mart_of_another_day_is_empty(lake, name):
    lake.write("raw_frames", partition_of("raw_frames"), rows("raw_frames", {}))
    lake.write("tracks", partition_of("tracks"), rows("tracks", {}))
    lake.write("matches", partition_of("matches"), rows("matches", {}))
    assert build_mart(lake, name, date(2020, 5, 6)).num_rows == 0
    assert build_mart(lake, name, DAY).num_rows == 1


@pytest.mark.parametrize("name", MARTS)
def test_mart_can_be_stored_and_asked_for(lake, name):
    lake.write(name, Partition.of_day(DAY), rows(name, {}))
    assert query(lake, f"SELECT day FROM {name}")["day"].to_pylist() == ["2020-05-05"]
