"""Reading and writing partitions and the campaign."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import key
from cctview_pipeline.lake.schemas import TABLES, schema_of
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, campaign, partition_of, rows

FRAMES = partition_of("raw_frames")


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.mark.parametrize("table", TABLES)
def test_every_table_round_trips(lake, table):
    written = rows(table, {}, {})
    size = lake.write(table, partition_of(table), written)
    read = lake.read(table, partition_of(table))
    assert read.equals(written)
    assert read.schema.equals(written.schema, check_metadata=True)
    assert Path(lake.storage.path(key(table, partition_of(table)))).stat().st_size == size
    assert lake.has(table, partition_of(table))


@pytest.mark.parametrize("table", TABLES)
def test_empty_tables_round_trip(lake, table):
    lake.write(table, partition_of(table), schema_of(table).empty_table())
    assert lake.read(table, partition_of(table)).schema.equals(schema_of(table))


@pytest.mark.parametrize("table", TABLES)
def test_nulls_are_refused_where_there_must_be_none(lake, table):
    for field in schema_of(table):
        if field.name == "embedding":
            continue
        values = rows(table, {}, {}).to_pydict() | {field.name: pa.nulls(2, field.type)}
        if table == "features":
            values["embedding"] = rows(table, {}, {})["embedding"].combine_chunks()
        with_nulls = pa.table(values, rows(table).schema)
        if field.nullable:
            lake.write(table, partition_of(table), with_nulls)
        else:
            with pytest.raises(CctviewError, match=f"{table}.{field.name} has 2 nulls, and must have none"):
                lake.write(table, partition_of(table), with_nulls)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop_columns(["score"]), r"wrong \[\], missing \['score'\]"),
        (lambda t: t.append_column("extra", pa.array([1, 2])), r"wrong \['extra int64'\], missing \[\]"),
        (lambda t: t.set_column(8, "score", pa.array([1.0, 2.0])), r"wrong \['score double'\], missing \[\]"),
        (lambda t: t.rename_columns({"score": "confidence"}), r"wrong \['confidence float'\], missing \['score'\]"),
        (lambda t: t.select(t.column_names[::-1]), "detections has another schema"),
    ],
)
def test_another_schema_is_refused(lake, change, sentence):
    with pytest.raises(CctviewError, match=sentence):
        lake.write("detections", partition_of("detections"), change(rows("detections", {}, {})))
    assert not lake.has("detections", partition_of("detections"))


def test_embeddings_may_have_any_length_but_no_other_type(lake):
    lake.write("features", partition_of("features"), rows("features", {"embedding": [0.5] * 7}, dimension=7))
    assert lake.read("features", partition_of("features")).schema.field("embedding").type.list_size == 7
    loose = pa.table(
        {"detection_id": ["a"], "embedding": pa.array([[1.0]], pa.list_(pa.float32())), "model": ["m"]},
        schema_of("features").set(1, pa.field("embedding", pa.list_(pa.float32()), nullable=False)),
    )
    with pytest.raises(CctviewError, match="features has another schema"):
        lake.write("features", partition_of("features"), loose)


@pytest.mark.parametrize("table", TABLES)
def test_same_rows_are_the_same_bytes(tmp_path, table):
    written = []
    for name in ("a", "b"):
        lake = Lake(str(tmp_path / name))
        lake.write(table, partition_of(table), rows(table, {}, {}))
        written.append(Path(lake.storage.path(key(table, partition_of(table)))).read_bytes())
    assert written[0] == written[1]


def test_writing_again_replaces(lake):
    lake.write("raw_frames", FRAMES, rows("raw_frames", {}, {}))
    lake.write("raw_frames", FRAMES, rows("raw_frames", {"width": 7}))
    assert lake.read("raw_frames", FRAMES)["width"].to_pylist() == [7]


def test_some_columns_of_a_partition_written_or_not(lake):
    assert lake.read("raw_frames", FRAMES, ["width", "frame_id"]).schema.names == ["width", "frame_id"]
    lake.write("raw_frames", FRAMES, rows("raw_frames", {}))
    assert lake.read("raw_frames", FRAMES, ["frame_id"]).column_names == ["frame_id"]


def test_embeddings_that_an_older_version_turned_by_a_key_are_made_again(lake):
    place = partition_of("features")
    lake.write("features", place, rows("features", {}))
    turned = lake.read("features", place).append_column("period", pa.array(["2020-05-05#1a2b3c4d"]))
    pq.write_table(turned, lake.storage.path(key("features", place)))
    with pytest.raises(CctviewError, match="there is no column period any more; run its partition again"):
        lake.read("features", place)


def test_partition_never_written_is_a_table_without_rows(lake):
    read = lake.read("features", partition_of("features"))
    assert (read.num_rows, read.schema) == (0, schema_of("features"))
    assert not lake.has("features", partition_of("features"))


def test_reading_brings_no_columns_from_the_folders_names(lake):
    lake.write("raw_frames", FRAMES, rows("raw_frames", {}))
    assert lake.read("raw_frames", FRAMES).column_names == schema_of("raw_frames").names


@pytest.mark.parametrize("data", [b"", b"no parquet at all"])
def test_damaged_partition_is_named_with_the_mend(lake, data):
    lake.write("raw_frames", FRAMES, rows("raw_frames", {}))
    path = Path(lake.storage.path(key("raw_frames", FRAMES)))
    path.write_bytes(data or path.read_bytes()[:-30])
    with pytest.raises(CctviewError, match=rf"^{path} is no readable Parquet file: run its partition again\.$"):
        lake.read("raw_frames", FRAMES)


def test_a_file_of_another_table_is_named_with_the_mend(lake):
    path = Path(lake.storage.path(key("raw_frames", FRAMES)))
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"frame_id": ["a"], "score": [0.5]}), path)
    with pytest.raises(CctviewError, match=rf"^{path} is another file than raw_frames, or of another version: the column"):
        lake.read("raw_frames", FRAMES)
    with pytest.raises(CctviewError, match=rf"^{path} is .* run its partition again\.$"):
        lake.read("raw_frames", FRAMES, ["frame_id", "jpeg"])


def test_columns_come_in_the_table_s_order_and_no_others(lake):
    lake.write("rejected_frames", FRAMES, rows("rejected_frames"))
    path, names = lake.storage.path(key("rejected_frames", FRAMES)), schema_of("rejected_frames").names
    written = pq.read_table(path, partitioning=None)
    pq.write_table(written.select(names[::-1]).append_column("more", pa.nulls(0)), path)
    assert lake.read("rejected_frames", FRAMES).column_names == names
    assert lake.read("rejected_frames", FRAMES, names[1::-1]).column_names == names[1::-1]
    pq.write_table(written.append_column("name", written["name"]), path)
    with pytest.raises(CctviewError, match="is no readable Parquet file: run its partition again"):
        lake.read("rejected_frames", FRAMES)


def test_keys_of_all_partitions(lake):
    assert lake.keys("raw_frames") == []
    for camera in ("cam-2", "cam-1"):
        lake.write("raw_frames", Partition.camera_hour(camera, HOUR_17), rows("raw_frames"))
    cameras = [Path(text).parts[1] for text in lake.keys("raw_frames")]
    assert cameras == ["camera=cam-1", "camera=cam-2"]
    assert lake.keys("detections") == []


def test_pictures_and_embeddings_are_stored_as_they_are(lake):
    lake.write("raw_frames", FRAMES, rows("raw_frames", {}))
    group = pq.read_metadata(lake.storage.path(key("raw_frames", FRAMES))).row_group(0)
    compression = {group.column(i).path_in_schema: group.column(i).compression for i in range(group.num_columns)}
    assert compression["jpeg"] == "UNCOMPRESSED"
    assert compression["frame_id"] == "ZSTD"


def test_campaign_stands_beside_the_tables(lake):
    assert lake.campaign() is None
    lake.write_campaign(campaign())
    assert lake.campaign() == campaign()
    assert lake.keys("raw_frames") == []


def test_unreadable_campaign_is_named(lake):
    lake.storage.write("campaign.toml", b"[campaign")
    with pytest.raises(CctviewError, match=rf"^{lake.uri}/campaign.toml is no TOML: "):
        lake.campaign()


def test_campaign_that_is_no_text_is_named(lake):
    lake.storage.write("campaign.toml", b"\xff\xfe\x00")
    with pytest.raises(CctviewError, match=rf"^{lake.uri}/campaign.toml "):
        lake.campaign()


def test_lake_below_a_regular_file_is_refused_with_one_sentence(tmp_path):
    (tmp_path / "file").write_text("no folder")
    lake = Lake(str(tmp_path / "file" / "lake"))
    with pytest.raises(CctviewError, match=r"^The lake .*/file/lake cannot be written: [^\n]+\.$"):
        lake.write_campaign(campaign(cameras=(NORTH,)))


def test_somebodys_own_files_are_no_partitions(lake):
    lake.write("raw_frames", FRAMES, rows("raw_frames", {}))
    folder = Path(lake.storage.path(key("raw_frames", FRAMES))).parent
    for name in ("notes.txt", "part-1.parquet", "../more/part-0.parquet", "../hour=never/part-0.parquet"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    assert lake.partitions("raw_frames") == [FRAMES]
