"""The marts of a day as Dagster makes them: in one step, a part of them alone, and never with less than before."""

from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.assets import pictures
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.privacy.tombstones import Tombstone, Tombstones
from cctview_pipeline_tests.factories.day_lake import DayLake, road

START = datetime(2020, 5, 5, 14, tzinfo=UTC)
DAY = Partition.of_day(date(2020, 5, 5))


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    of = road(2, START, 1)
    lake.write_campaign(of)
    DayLake(lake, of).write()
    monkeypatch.setenv("CCTVIEW_LAKE", lake.uri)
    monkeypatch.setattr(pictures, "MAX_PICTURES", 0)
    return lake


def make(lake: Lake, *marts: str) -> dg.ExecuteInProcessResult:
    definitions = build_definitions(lake.require_campaign())
    (asset,) = (each for each in definitions.assets if dg.AssetKey("flows") in each.keys)
    return dg.materialize([asset], selection=marts or None, partition_key="2020-05-05", resources=definitions.resources)


def told(made: dg.ExecuteInProcessResult, mart: str) -> dict:
    [event] = made.asset_materializations_for_node("marts") if len(MARTS) == 1 else [
        each for each in made.asset_materializations_for_node("marts") if each.asset_key == dg.AssetKey(mart)
    ]  # fmt: skip
    return {name: value.value for name, value in event.metadata.items()}


def test_a_day_is_made_in_one_step_and_says_what_it_is_worth(lake: Lake):
    made = make(lake)
    assert [mart for mart in MARTS if not lake.has(mart, DAY)] == []
    flows = told(made, "flows")
    assert (flows["verdict"], flows["statuses"]) == ("written", {"observed": 16})
    assert flows["known_bias"] == "How far these figures are off was not measured for these models."
    assert all(check.passed for check in made.get_asset_check_evaluations())


def test_a_mart_can_be_made_alone(lake: Lake):
    make(lake)
    lake.storage.delete(layout.key("data_quality", DAY))
    before = {mart: lake.version(mart, DAY) for mart in MARTS}
    make(lake, "data_quality")
    assert {mart for mart in MARTS if lake.version(mart, DAY) != before[mart]} == {"data_quality"}
    assert lake.read("data_quality", DAY)["verdict"].to_pylist() == ["good", "good"]


def test_figures_stay_when_the_passages_that_they_rest_on_have_expired(lake: Lake):
    make(lake)
    before = {mart: lake.read(mart, DAY) for mart in MARTS}
    for place in lake.partitions("passages"):
        Tombstones(lake).put(Tombstone(table="passages", partition=place, why="older than 7 days", at=START))
        lake.storage.delete(layout.key("passages", place))
    made = make(lake)
    assert {mart: lake.read(mart, DAY) for mart in MARTS} == before
    assert told(made, "flows")["verdict"].startswith("kept as it is: passages of 2 of its partitions was deleted")


def test_a_damaged_partition_is_told_and_takes_its_hour_only(lake: Lake):
    place = lake.partitions("passages")[0]
    lake.storage.write(layout.key("passages", place), b"no parquet")
    made = make(lake)
    statuses = told(made, "flows")["statuses"]
    assert statuses == {"no_data": 8, "observed": 8}
