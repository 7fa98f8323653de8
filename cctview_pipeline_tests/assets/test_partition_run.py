"""The one door to the lake: what is erased, deleted or wrong does not go through it, in a table or beside one."""

import base64
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.assets.partition_run import SEEN, PartitionRun, viewer_link
from cctview_pipeline.assets.pictures import Pictures
from cctview_pipeline.assets.raw_frames import told_of
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.storage import Storage
from cctview_pipeline.partitions import to_key
from cctview_pipeline.privacy.erasures import Erasures
from cctview_pipeline.privacy.forgetting import erase, of_span
from cctview_pipeline.privacy.tombstones import Tombstone, Tombstones
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.blue_lake import FIRST, GRAPH, SECOND, blue, blue_lake
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign, partition_of, rows

NOW = datetime(2020, 5, 6, 12, tzinfo=UTC)
PLACE = Partition.camera_hour(NORTH.id, HOUR_17)
AROUND_FIRST = HOUR_17 + timedelta(seconds=FIRST - 60), HOUR_17 + timedelta(seconds=FIRST + 30)


class Told(SimpleNamespace):
    """What a run asks of Dagster, and what it told it. metadata: partition key -> what its partition's metadata says."""

    def __init__(self, *partitions: Partition) -> None:
        made = SimpleNamespace(keys={dg.AssetKey("raw_frames")})
        keys = [to_key(each) for each in partitions]
        super().__init__(partition_keys=keys, assets_def=made, log=logging.getLogger("run"), metadata={})

    def add_asset_metadata(self, metadata: dict[str, Any], asset_key: dg.AssetKey, partition_key: str) -> None:
        self.metadata[partition_key] = metadata


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return blue_lake(str(tmp_path / "lake"))


def erase_first(lake: Lake, camera: str = NORTH.id) -> None:
    erase(lake, campaign(), of_span(lake, campaign(), [camera], *AROUND_FIRST, "letter 12", NOW), GRAPH)


def write_again(lake: Lake, frames: pa.Table, rejected: pa.Table) -> dict[str, Any]:
    """A run of raw_frames whose source gives these. Returns what the partition's metadata says."""
    context = Told(PLACE)
    run = PartitionRun(context, lake, "raw_frames")
    for partition in run.each():
        tell = lambda written: told_of(written, Pictures(few=True, city=True))  # noqa: E731
        run.store(partition, frames, beside={"rejected_frames": rejected}, tell=tell)
    assert run.result().check_results
    return context.metadata[to_key(PLACE)]


def times(lake: Lake) -> list[datetime]:
    return lake.read("rejected_frames", PLACE)["fetched_at"].to_pylist()


def test_a_second_run_does_not_bring_an_erased_rejected_frame_back(lake: Lake):
    frames, rejected = lake.read("raw_frames", PLACE), lake.read("rejected_frames", PLACE)
    erase_first(lake)
    left = lake.read("rejected_frames", PLACE)
    assert 0 < left.num_rows < rejected.num_rows
    write_again(lake, frames, rejected)
    assert lake.read("rejected_frames", PLACE) == left
    assert not any(AROUND_FIRST[0] <= time < AROUND_FIRST[1] for time in times(lake))


def test_the_metadata_tells_of_what_was_written_and_not_of_what_was_erased(lake: Lake):
    frames, rejected = lake.read("raw_frames", PLACE), lake.read("rejected_frames", PLACE)
    before = write_again(lake, frames, rejected)
    span = HOUR_17, HOUR_17 + timedelta(seconds=FIRST + 30)
    erase(lake, campaign(), of_span(lake, campaign(), [NORTH.id], *span, "letter 12", NOW), GRAPH)
    after = write_again(lake, frames, rejected)
    assert (before["rejected"], after["rejected"]) == (3, 2)
    assert after["rejected_reasons"] == {"truncated": 2}
    assert after["dagster/row_count"] == lake.read("raw_frames", PLACE).num_rows < before["dagster/row_count"]


def test_the_picture_in_the_metadata_is_of_a_frame_that_was_written(lake: Lake):
    frames, rejected = lake.read("raw_frames", PLACE).slice(1), lake.read("rejected_frames", PLACE)
    assert blue(shown(write_again(lake, frames, rejected))).any(), "the vehicle is in the first frame that is found"
    erase_first(lake)
    assert not blue(shown(write_again(lake, frames, rejected))).any()


def shown(metadata: dict[str, Any]) -> np.ndarray:
    return decode(base64.b64decode(metadata["first_frame"].value.split("base64,")[1].rstrip(")")))


def test_a_side_table_that_was_deleted_on_purpose_is_not_made_again(lake: Lake):
    frames, rejected = lake.read("raw_frames", PLACE), lake.read("rejected_frames", PLACE)
    Tombstones(lake).put(Tombstone("rejected_frames", PLACE, "the campaign keeps rejected_frames for 24 hours", NOW))
    lake.storage.delete("rejected_frames/camera=cam-1/hour=2020-05-05T17/part-0.parquet")
    told = write_again(lake, frames, rejected)
    assert told["verdict"] == "written"
    assert told["rejected"] == 0
    assert not lake.has("rejected_frames", PLACE)


@pytest.mark.parametrize(
    ("frames", "rejected"),
    [
        (rows("raw_frames", {}), rows("rejected_frames", {}).drop_columns(["sha256"])),
        (rows("raw_frames", {}, {}), rows("rejected_frames", {})),
    ],
    ids=["the side table is wrong", "the table is wrong"],
)
def test_a_partition_is_written_with_what_stands_beside_it_or_not_at_all(tmp_path: Path, frames: pa.Table, rejected: pa.Table):
    lake = Lake(str(tmp_path))
    told = write_again(lake, frames, rejected)
    assert told["verdict"].startswith("not written: ")
    assert not lake.has("raw_frames", PLACE)
    assert not lake.has("rejected_frames", PLACE)


def test_what_is_wrong_beside_a_table_fails_the_table_s_check(tmp_path: Path):
    context = Told(PLACE)
    run = PartitionRun(context, Lake(str(tmp_path)), "raw_frames")
    run.store(PLACE, rows("raw_frames", {}), beside={"rejected_frames": rows("rejected_frames", {}).drop_columns(["sha256"])})
    failed = {check.check_name: check.metadata for check in run.result().check_results if not check.passed}
    assert set(failed) == {"schema"}
    assert "rejected_frames has another schema" in context.metadata[to_key(PLACE)]["verdict"]


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prefixes that storage was listed for."""
    asked: list[str] = []
    storage_list = Storage.list

    def counting(storage: Storage, prefix: str) -> list[str]:
        asked.append(prefix)
        return storage_list(storage, prefix)

    monkeypatch.setattr(Storage, "list", counting)
    return asked


def many(hours: int) -> list[Partition]:
    return [Partition.camera_hour(NORTH.id, HOUR_17 + timedelta(hours=n)) for n in range(hours)]


def seen_at(partition: Partition, *after_s: float) -> pa.Table:
    """Frames so many seconds after the hour's beginning."""
    at = [partition.hour + timedelta(seconds=seconds) for seconds in after_s]
    return rows("raw_frames", *({"frame_id": f"{partition.camera}--{n}", "captured_at": t} for n, t in enumerate(at)))


def test_a_run_lists_the_erasures_once(lake: Lake, listed: list[str]):
    erase_first(lake)
    run = PartitionRun(Told(*many(12)), lake, "raw_frames")
    listed.clear()
    for partition in run.each():
        run.store(partition, seen_at(partition, FIRST, SECOND), beside={"rejected_frames": rows("rejected_frames", {})})
    assert listed == ["tombstones/erasures"]
    assert lake.read("raw_frames", PLACE).num_rows == 1


def test_an_erasure_that_is_begun_while_a_run_goes_on_is_respected_from_then_on(lake: Lake, listed: list[str]):
    places = many(4)
    run = PartitionRun(Told(*places), lake, "raw_frames")
    for number, partition in enumerate(run.each()):
        if number == 2:
            span = partition.hour, partition.hour + timedelta(hours=2)
            Erasures(lake).put(of_span(lake, campaign(), [NORTH.id], *span, "letter", NOW))  # by another process
            listed.clear()
        run.store(partition, seen_at(partition, FIRST, SECOND))
    assert [lake.read("raw_frames", place).num_rows for place in places] == [2, 2, 0, 0]
    assert listed == ["tombstones/erasures"], "once more, because there was another"


def test_a_finished_erasure_is_respected_by_runs_that_were_begun_before_it(lake: Lake):
    run = PartitionRun(Told(PLACE), lake, "raw_frames")
    run.store(PLACE, lake.read("raw_frames", PLACE))
    whole = lake.read("raw_frames", PLACE)
    erase_first(lake, SOUTH.id)
    erase_first(lake)
    run.store(PLACE, whole)
    assert lake.read("raw_frames", PLACE).num_rows == whole.num_rows - 3


def test_a_run_over_many_partitions_finds_each_ones_key(lake: Lake):
    places = many(200)
    context = Told(*reversed(places))
    run = PartitionRun(context, lake, "raw_frames")
    for partition in run.each():
        run.refuse(partition, f"{partition} has no source")
    assert {key: told["verdict"] for key, told in context.metadata.items()} == {
        to_key(place): f"not written: {place} has no source" for place in places
    }


@pytest.mark.parametrize(("network", "shown"), [("city", True), ("archive", False), ("nyc-dot", False)])
def test_dagster_s_log_gets_pictures_of_the_city_alone_and_a_link_to_the_viewer_everywhere(lake: Lake, network: str, shown: bool):
    """What real cameras saw has a lifetime, and stands nowhere that has none."""
    lake.write_campaign(campaign(network=network))
    frames, context = lake.read("raw_frames", PLACE), Told(PLACE)
    run = PartitionRun(context, lake, "raw_frames")
    for partition in run.each():
        run.store(partition, frames, tell=lambda written: told_of(written, run.pictures))
    told = context.metadata[to_key(PLACE)]
    assert any("data:image" in str(value) for value in told.values()) == shown
    assert told["viewer"].url == "http://127.0.0.1:8020/cameras/cam-1/2020-05-05T17"


@pytest.mark.parametrize(
    ("table", "page"),
    [
        ("vehicle_counts", "figures/vehicle_counts?day=2020-05-05"),
        ("travel_times", "figures/travel_times?day=2020-05-05"),
        ("journeys", "journeys/2020-05-05T17"),
        ("matches", "cameras/cam-1/2020-05-05T17"),
        ("passages", "cameras/cam-1/2020-05-05T17"),
    ],
)
def test_every_partition_that_is_looked_at_in_the_viewer_links_there(monkeypatch: pytest.MonkeyPatch, table: str, page: str):
    monkeypatch.setenv("CCTVIEW_VIEWER_URL", "https://cctview.example.org/")
    assert viewer_link(table, partition_of(table)) == f"https://cctview.example.org/{page}"
    assert table in SEEN
