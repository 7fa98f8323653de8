"""Definitions are a function of a campaign: several of them in one process, and none that needs a lake or weights."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.definitions import build_definitions, defs
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline.partitions import Partitions, fits_one_run, partitions_per_run, to_key
from cctview_pipeline_tests.factories.jobs import CAMERAS, END, FIRST, START, archive_campaign


def tables(of: Campaign) -> set[str]:
    return {key.path[-1] for asset in build_definitions(of).assets for key in asset.keys}


def camera_hours(of: Campaign) -> list[str]:
    graph = build_definitions(of).get_repository_def().asset_graph
    return list(graph.get(dg.AssetKey("raw_frames")).partitions_def.get_partition_keys())


def test_three_campaigns_in_one_process():
    archive = archive_campaign()
    city = replace(archive, network="city", cameras=archive.cameras[:1], path=None)
    live = replace(archive, network="nyc-dot", end=START.replace(hour=18))
    assert [len(camera_hours(each)) for each in (archive, city, live)] == [12, 4, 6]
    assert camera_hours(city)[0] == f"{CAMERAS[0]}|2020-05-05T16"
    assert tables(city) - tables(archive) == {"truth_boxes", "truth_passages", "truth_movements", "evaluation"}
    assert tables(live) - tables(archive) == {"camera_status", "gaps"}
    assert build_definitions(live).resolve_schedule_def("daily_collection").job_name == "collect_job"
    assert build_definitions(archive).resolve_schedule_def("daily_collection").job_name == "camera_hours"
    assert len(camera_hours(archive)) == 12, "the first is as it was"


def test_the_code_location_follows_the_lake(lake: Lake):
    """As Dagster's own reload calls it: the function reads the campaign each time."""
    before = served()
    lake.write_campaign(replace(lake.require_campaign(), end=END.replace(hour=22)))
    assert len(served() - before) == 6
    assert before < served()


def served() -> set[str]:
    graph = defs().get_repository_def().asset_graph
    return set(graph.get(dg.AssetKey("crops")).partitions_def.get_partition_keys())


def test_an_empty_lake_has_a_code_location_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_LAKE", str(tmp_path / "empty"))
    assert defs().get_repository_def().has_job("camera_hours")


def test_missing_weights_are_said_by_the_run_that_needs_them(
    tmp_path: Path, archive: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    """The definitions load without a manifest, without a file, and with a model that nobody knows."""
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    lake.write_campaign(lake.require_campaign().with_model("extractor", "mine"))
    assert defs().get_repository_def().has_job("camera_hours")
    definitions = build_definitions(lake.require_campaign())
    for table, sentence in {
        "raw_frames": "There is no masker named 'people-finder' in",
        "detections": "There is no detector named 'default' in",
        "features": "There is no extractor named 'mine' in",
        "detector_model": "There is no detector named 'default' in",
        "extractor_model": "There is no extractor named 'mine' in",
    }.items():
        (asset,) = (each for each in definitions.assets if dg.AssetKey(table) in each.keys)
        key = None if table.endswith("_model") else to_key(FIRST)
        with pytest.raises(CctviewError, match=sentence):
            dg.materialize([asset], partition_key=key, resources=definitions.resources)


@pytest.mark.parametrize(
    ("cameras", "hours", "together"),
    [(1, 1, True), (1, 2, True), (2, 1, True), (1, 3, False), (3, 1, False), (2, 2, False), (1, None, False)],
)
def test_a_small_campaign_goes_through_in_one_run(
    cameras: int, hours: int | None, together: bool, monkeypatch: pytest.MonkeyPatch
):
    """Whatever the environment of the process says: the command and a code server must not differ in it."""
    monkeypatch.setenv("CCTVIEW_PARTITIONS_PER_RUN", "24")
    archive, end = archive_campaign(), None if hours is None else START + timedelta(hours=hours)
    small = replace(archive, cameras=archive.cameras[:cameras], end=end)
    partitions = Partitions.of(small)
    assert fits_one_run(small) == together
    assert (partitions.independent == partitions.after_all_tracks == dg.BackfillPolicy.single_run()) == together


@pytest.mark.parametrize(("cameras", "hours", "each"), [(1, 1, 2), (2, 2, 2), (3, 2, 3), (3, 4, 6), (3, 5, 2), (3, 24 * 60, 5)])
def test_runs_are_as_many_as_go_on_side_by_side_or_small(cameras: int, hours: int, each: int, monkeypatch: pytest.MonkeyPatch):
    archive = archive_campaign()
    campaign = replace(archive, cameras=archive.cameras[:cameras], end=START + timedelta(hours=hours))
    assert partitions_per_run(campaign) == each
    monkeypatch.setenv("CCTVIEW_PARTITIONS_PER_RUN", "24")
    assert partitions_per_run(campaign) == 24
