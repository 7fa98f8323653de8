"""What was deleted or erased on purpose stays away when Dagster runs again, and says so where people look."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from cctview_pipeline.assets.graph import build_assets
from cctview_pipeline.automation.lifetimes import carry_out, end_lifetimes, table_graph
from cctview_pipeline.automation.retention import hourly_retention, is_time, retention_job
from cctview_pipeline.backfill.launch import launch, missing_plan, unwritten, whole_plan
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.partitions import to_key
from cctview_pipeline.privacy.forgetting import of_span, unfinished
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline_tests.factories.archive import MAC_COMMENT, draw_frame, write_frame
from cctview_pipeline_tests.factories.jobs import CAMERAS, FIRST, HOUR, LAST, archive_campaign, run, verdicts

SPAN = HOUR, HOUR + timedelta(seconds=12)


def test_the_graph_is_dagster_s():
    graph = table_graph(archive_campaign())
    assert set(graph) <= set(TABLES)
    assert {spec.key.path[-1] for asset in build_assets(archive_campaign()) for spec in asset.specs} & set(TABLES) <= set(graph)
    assert graph["crops"] == {"raw_frames", "detections"}
    assert graph["tracks"] == {"detections", "features"}, "not on itself"


def test_what_is_over_goes_and_is_not_made_again(archive: Path, lake: Lake):
    with dg.DagsterInstance.ephemeral() as instance:
        run(lake, "camera_hours", FIRST, LAST, instance)
        rested_on_them = {table: lake.read(table, FIRST) for table in ("detections", "tracks", "matches")}
        ended = end_lifetimes(instance, lake, lake.require_campaign(), datetime.now(UTC) + timedelta(hours=25))
        assert {kind: ended.counts()[kind] for kind in ("raw_frames", "crops", "features")} == dict.fromkeys(
            ("raw_frames", "crops", "features"), len(CAMERAS)
        )
        told = verdicts(instance, "raw_frames")[to_key(FIRST)]
        assert told == "deleted on purpose: the campaign keeps raw_frames for 24 hours"
        assert run(lake, "camera_hours", FIRST, LAST, instance).success
        assert verdicts(instance, "raw_frames")[to_key(FIRST)].startswith("deleted on purpose on ")
        assert verdicts(instance, "detections")[to_key(FIRST)].startswith(
            "kept as it is; raw_frames of it was deleted on purpose"
        )
        plan = whole_plan(lake.require_campaign(), CAMERAS, [HOUR])
        assert not {"raw_frames", "crops", "features"} & set(missing_plan(plan, lake.require_campaign(), lake, instance))
        assert unwritten({"raw_frames": plan["raw_frames"]}, lake) == {"raw_frames": set()}
    assert lake.keys("raw_frames") == lake.keys("crops") == lake.keys("features") == []
    assert {table: lake.read(table, FIRST) for table in rested_on_them} == rested_on_them


def test_what_was_erased_does_not_come_back_from_the_archive(archive: Path, lake: Lake):
    cut_short = write_frame(archive, CAMERAS[0], HOUR + timedelta(seconds=5), draw_frame(5.0, [])[:-100])
    with dg.DagsterInstance.ephemeral() as instance:
        run(lake, "camera_hours", FIRST, LAST, instance)
        run(lake, "hours", Partition.of_hour(HOUR), Partition.of_hour(HOUR), instance)
        frames = lake.read("raw_frames", FIRST)
        assert lake.read("rejected_frames", FIRST)["name"].to_pylist() == [cut_short.name]
        erasure = of_span(lake, lake.require_campaign(), [CAMERAS[0]], *SPAN, "letter 12", datetime.now(UTC))
        report = carry_out(instance, lake, lake.require_campaign(), erasure)
        left = lake.read("raw_frames", FIRST)
        assert 0 < left.num_rows < frames.num_rows
        told = verdicts(instance, "raw_frames")[to_key(FIRST)]
        assert told == f"{frames.num_rows - left.num_rows} rows erased or painted over on request {erasure.id}"
        assert list(report.changed)[:4] == ["rejected_frames", "raw_frames", "detections", "crops"]

        assert run(lake, "camera_hours", FIRST, LAST, instance).success
        run(lake, "hours", Partition.of_hour(HOUR), Partition.of_hour(HOUR), instance)
    assert lake.read("raw_frames", FIRST) == left
    assert lake.read("rejected_frames", FIRST).num_rows == 0
    for table in ("raw_frames", "detections"):
        times = lake.read(table, FIRST)["captured_at"].to_pylist()
        assert not any(SPAN[0] <= time < SPAN[1] for time in times)
    erased = {frame.split("--original")[0] for frame in frames["frame_id"].to_pylist()} - set(left["frame_id"].to_pylist())
    everywhere = [path for path in Path(lake.uri).rglob("*") if path.is_file() and "tombstones" not in path.parts]
    for table in ("crops", "features", "tracks", "matches", "journeys"):
        rows = str([lake.storage.read(key).to_pybytes() for key in lake.keys(table)])
        assert not any(frame in rows for frame in erased), table
    assert not any(erasure_part in path.name for path in everywhere for erasure_part in erased)


def test_an_erasure_that_was_killed_is_ended_by_the_next(archive: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch):
    with dg.DagsterInstance.ephemeral() as instance:
        run(lake, "camera_hours", FIRST, LAST, instance)
        erasure = of_span(lake, lake.require_campaign(), [CAMERAS[0]], *SPAN, "letter 12", datetime.now(UTC))
        monkeypatch.setattr("cctview_pipeline.automation.lifetimes.mark_deleted", _killed)
        with pytest.raises(KeyboardInterrupt):
            carry_out(instance, lake, lake.require_campaign(), erasure)
        monkeypatch.undo()
        assert [each.id for each in unfinished(lake)] == [erasure.id]
        ended = end_lifetimes(instance, lake, lake.require_campaign(), datetime.now(UTC))
    assert ended.erasures == [erasure.id]
    assert unfinished(lake) == []


def _killed(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_no_camera_s_address_is_anywhere_in_the_lake(archive: Path, lake: Lake):
    assert any(MAC_COMMENT[4:] in path.read_bytes() for path in archive.rglob("*.jpeg"))
    with dg.DagsterInstance.ephemeral() as instance:
        run(lake, "camera_hours", FIRST, LAST, instance)
    stored = [path for path in Path(lake.uri).rglob("*") if path.is_file()]
    assert len(stored) > 10
    assert not any(MAC_COMMENT[4:] in path.read_bytes() or b"Exif" in path.read_bytes() for path in stored)


def test_the_job_runs_every_hour_from_the_start(archive: Path, lake: Lake):
    job = retention_job(lake.require_campaign())
    assert hourly_retention(job).default_status == dg.DefaultScheduleStatus.RUNNING
    with dg.DagsterInstance.ephemeral() as instance:
        run(lake, "camera_hours", FIRST, FIRST, instance)
        before = sorted(os.listdir(lake.uri))
        for dry_run in (True, False):
            config = {"ops": {"delete_what_is_over": {"config": {"dry_run": dry_run}}}}
            done = job.execute_in_process(instance=instance, run_config=config, resources={"lake": LakeResource()})
            assert done.success
            assert done.output_for_node("delete_what_is_over") == 0
    assert sorted(os.listdir(lake.uri)) == before


@pytest.mark.parametrize(("age", "runs"), [(timedelta(minutes=5), False), (timedelta(hours=2), True)])
def test_it_waits_for_a_young_backfill(age: timedelta, runs: bool):
    with dg.DagsterInstance.ephemeral() as instance:
        assert is_time(instance)
        graph = build_definitions(archive_campaign()).get_repository_def().asset_graph
        backfill_id = launch(instance, graph, {"raw_frames": {FIRST}}, "made")
        begun = instance.get_backfill(backfill_id)
        instance.update_backfill(begun._replace(backfill_timestamp=(datetime.now(UTC) - age).timestamp()))
        assert is_time(instance) == runs
