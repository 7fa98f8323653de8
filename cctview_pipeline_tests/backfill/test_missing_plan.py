"""What of a backfill is missing, and what rests on it."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from cctview_pipeline.backfill.launch import missing_plan
from cctview_pipeline.backfill.stages import CHAIN
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import to_key
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import campaign, rows

HOURS = [HOUR_17, HOUR_17 + timedelta(hours=1)]
PLAN = {
    table: {Partition.camera_hour(camera.id, hour) for camera in campaign().cameras for hour in HOURS}
    for table in (*CHAIN, "coverage")
}
PLAN |= {"journeys": {Partition.of_hour(hour) for hour in HOURS}}
FIRST, NEXT = (Partition.camera_hour("cam-1", hour) for hour in HOURS)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """It knows of all."""
    with dg.DagsterInstance.ephemeral() as made:
        for asset, partitions in PLAN.items():
            for partition in partitions:
                made.report_runless_asset_event(dg.AssetMaterialization(asset, partition=to_key(partition)))
        yield made


def missing(tmp_path, instance: dg.DagsterInstance, *gone: tuple[str, Partition]) -> dict[str, set[Partition]]:
    lake = Lake(str(tmp_path / "lake"))
    for asset, partitions in PLAN.items():
        for partition in partitions - {place for table, place in gone if table == asset}:
            lake.write(asset, partition, rows(asset))
    return missing_plan(PLAN, campaign(), lake, instance)


def test_nothing_is_missing_of_a_whole_lake(tmp_path, instance):
    assert missing(tmp_path, instance) == {}


def test_passages_rest_on_those_of_the_hour_before_and_no_match_on_them(tmp_path, instance):
    assert missing(tmp_path, instance, ("passages", FIRST)) == {"passages": {FIRST, NEXT}}


def test_tracks_are_counted_and_matched_anew(tmp_path, instance):
    found = missing(tmp_path, instance, ("tracks", FIRST))
    assert found["tracks"] == found["passages"] == {FIRST, NEXT}
    assert found["matches"] == PLAN["matches"]
    assert found["journeys"] == PLAN["journeys"]


def test_frames_lead_to_everything_of_their_camera(tmp_path, instance):
    found = missing(tmp_path, instance, ("raw_frames", NEXT))
    of_camera = [table for table in (*CHAIN, "coverage") if table != "matches"]
    assert {table: found[table] for table in of_camera} == {table: {NEXT} for table in of_camera}


def test_a_table_that_is_made_anew_takes_with_it_what_rests_on_it_alone(tmp_path, instance):
    missing(tmp_path, instance)
    found = missing_plan(PLAN, campaign(), Lake(str(tmp_path / "lake")), instance, anew=["matches"])
    assert found == {"matches": PLAN["matches"], "journeys": PLAN["journeys"]}
