"""daily_report as Dagster runs it: whole or not at all, and every day for itself."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from cctview_pipeline.analytics.report.stored import days_reported, report_key
from cctview_pipeline.backfill.launch import missing_plan, unwritten, whole_plan
from cctview_pipeline.backfill.stages import REPORT
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.privacy.tombstones import Tombstone, Tombstones
from cctview_pipeline_tests.factories.day_lake import road
from cctview_pipeline_tests.factories.jobs import verdicts
from cctview_pipeline_tests.factories.reported import BEGIN, MAY_5, reported

NEXT = MAY_5 + timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Of its two days the first has marts."""
    lake = reported(tmp_path, road(2, BEGIN, 16))
    monkeypatch.setenv("CCTVIEW_LAKE", lake.uri)
    monkeypatch.setenv("CCTVIEW_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("CCTVIEW_VIEWER_URL", "https://viewer.example/")
    return lake


def make(lake: Lake, instance: dg.DagsterInstance, *days: str) -> dg.ExecuteInProcessResult:
    definitions = build_definitions(lake.require_campaign())
    (asset,) = (each for each in definitions.assets if REPORT in {key.path[-1] for key in each.keys})
    tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    return dg.materialize([asset], resources=definitions.resources, instance=instance, tags=tags, raise_on_error=False)


def test_a_day_without_marts_takes_nothing_with_it(lake: Lake):
    with dg.DagsterInstance.ephemeral() as instance:
        assert make(lake, instance, "2020-05-05", "2020-05-06").success
        told = verdicts(instance, REPORT)
        assert told["2020-05-05"] == "written"
        assert told["2020-05-06"].startswith("not written: The lake ")
        assert not make(lake, instance, "2020-05-06", "2020-05-06").success
        (record,) = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(REPORT), asset_partitions=["2020-05-05"]), limit=1
        ).records
    metadata = {name: each.value for name, each in record.asset_materialization.metadata.items()}
    assert metadata["viewer"] == "https://viewer.example/report/2020-05-05"
    assert metadata["path"] == lake.storage.path("reports/day=2020-05-05/report.html")
    assert metadata["passages counted"] > 100
    assert metadata["cameras"] == 2
    assert days_reported(lake) == [MAY_5]


def test_a_plan_knows_what_is_there(lake: Lake):
    campaign, day, tomorrow = lake.require_campaign(), Partition.of_day(MAY_5), Partition.of_day(NEXT)
    plan = whole_plan(campaign, [camera.id for camera in campaign.cameras], campaign.hours())
    assert plan[REPORT] == {day, tomorrow}
    with dg.DagsterInstance.ephemeral() as instance:
        make(lake, instance, "2020-05-05", "2020-05-05")
        assert unwritten({REPORT: plan[REPORT]}, lake) == {REPORT: {tomorrow}}
        assert day in missing_plan(plan, campaign, lake, instance)[REPORT]  # what it rests on is not known to Dagster


def test_what_rests_on_deleted_partitions_is_kept(lake: Lake):
    place = Partition.camera_hour("road-1", BEGIN)
    with dg.DagsterInstance.ephemeral() as instance:
        make(lake, instance, "2020-05-05", "2020-05-05")
        before = lake.storage.version(report_key(MAY_5))
        Tombstones(lake).put(Tombstone("passages", place, "its lifetime is over", BEGIN))
        make(lake, instance, "2020-05-05", "2020-05-05")
        assert verdicts(instance, REPORT)["2020-05-05"].startswith("kept as it is: passages of 1 of its partitions was deleted")
    assert lake.storage.version(report_key(MAY_5)) == before


def test_the_days_job_makes_it_too(lake: Lake):
    job = build_definitions(lake.require_campaign()).resolve_job_def("days")
    assert dg.AssetKey(REPORT) in job.asset_layer.executable_asset_keys
