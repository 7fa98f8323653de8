"""The three jobs, the schedule and the sensor that chains them, on a self-made archive."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from cctview_pipeline.automation.jobs import camera_hours_job, days_job, hours_job, range_tags
from cctview_pipeline.automation.schedules import daily_collection
from cctview_pipeline.automation.sensors import next_job
from cctview_pipeline.definitions import defs
from cctview_pipeline.detect import Detector
from cctview_pipeline.detect.tables import detect_frames
from cctview_pipeline.detect.zones import Zones
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import CAMPAIGN
from cctview_pipeline.resources.lake import LakeResource, S3Resource, open_lake
from cctview_pipeline_tests.factories.archive import make_archive

HOUR = datetime(2020, 5, 5, 17, tzinfo=UTC)
CAMERAS = [camera.id for camera in CAMPAIGN.cameras]
FIRST, LAST = Partition.camera_hour(CAMERAS[0], HOUR), Partition.camera_hour(CAMERAS[-1], HOUR)


@pytest.fixture
def archive() -> Iterator[Path]:
    """Ten frames a camera at 17:00 UTC where the campaign looks for them, and an empty lake."""
    root = Path(CAMPAIGN.path)
    make_archive(root, tuple(CAMERAS), HOUR, frames=10)
    yield root
    shutil.rmtree(root, ignore_errors=True)
    for folder in Path(os.environ["CCTVIEW_LAKE"]).iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)


@pytest.fixture
def lake() -> Lake:
    return Lake(os.environ["CCTVIEW_LAKE"])


def run(job, first: Partition, last: Partition, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """One run of a job over a range."""
    return defs.resolve_job_def(job.name).execute_in_process(
        instance=instance, tags=range_tags(first, last), raise_on_error=False
    )


def sensed(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """What the sensor asks for after a run."""
    (event,) = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.RUN_SUCCESS)
    with dg.build_run_status_sensor_context(
        sensor_name="next_job",
        dagster_event=event.dagster_event,
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        resources={"lake": LakeResource(s3=S3Resource())},
    ) as context:
        found = list(next_job(context))
    return [request for request in found if isinstance(request, dg.RunRequest)]


def verdicts(instance: dg.DagsterInstance, asset: str) -> dict[str, str]:
    """partition -> verdict of its latest materialisation."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=100).records
    return {
        r.asset_materialization.partition: r.asset_materialization.metadata["verdict"].value
        for r in reversed(records)
        if "verdict" in r.asset_materialization.metadata
    }


def test_one_job_leads_to_the_next_until_the_marts_are_there(archive: Path, lake: Lake):
    with dg.DagsterInstance.ephemeral() as instance:
        cameras = run(camera_hours_job, FIRST, LAST, instance)
        (hours_request,) = sensed(cameras, instance)
        assert hours_request.job_name == "hours"
        assert hours_request.tags == range_tags(Partition.of_hour(HOUR), Partition.of_hour(HOUR))
        journeys = run(hours_job, Partition.of_hour(HOUR), Partition.of_hour(HOUR), instance)
        assert sensed(journeys, instance) == []  # the campaign's day has three hours more

        for hour in (16, 18, 19):
            other = HOUR.replace(hour=hour)
            run(camera_hours_job, Partition.camera_hour(CAMERAS[0], other), Partition.camera_hour(CAMERAS[-1], other), instance)
        journeys = run(hours_job, Partition.of_hour(HOUR.replace(hour=16)), Partition.of_hour(HOUR.replace(hour=19)), instance)
        (days_request,) = sensed(journeys, instance)
        assert days_request.job_name == "days"
        day = Partition.of_day(HOUR.date())
        marts = run(days_job, day, day, instance)
        assert marts.success
    counts = lake.read("vehicle_counts", day).to_pylist()
    tracks = sum(lake.read("tracks", Partition.camera_hour(camera, HOUR)).num_rows for camera in CAMERAS)
    assert sum(row["vehicles"] for row in counts) == tracks > 0


def test_an_hour_without_all_its_cameras_does_not_start_the_next_job(archive: Path):
    with dg.DagsterInstance.ephemeral() as instance:
        assert sensed(run(camera_hours_job, FIRST, FIRST, instance), instance) == []


def test_a_camera_without_frames_is_data_and_not_a_failure(archive: Path, lake: Lake):
    shutil.rmtree(archive / CAMERAS[1])
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(camera_hours_job, FIRST, LAST, instance)
    assert result.success
    assert lake.read("raw_frames", Partition.camera_hour(CAMERAS[1], HOUR)).num_rows == 0
    assert lake.has("matches", Partition.camera_hour(CAMERAS[1], HOUR))


def test_one_bad_camera_blocks_itself_and_not_the_range(archive: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """A detector gone wrong for one camera: its boxes leave the frame."""

    def bad(detector: Detector, frames: pa.Table, zones: Zones) -> pa.Table:
        found = detect_frames(detector, frames, zones)
        shift = np.where(found["camera_id"].to_numpy() == CAMERAS[0], 1000, 0).astype(np.float32)
        return found.set_column(
            found.schema.get_field_index("x2"), found.schema.field("x2"), pc.add(found["x2"], pa.array(shift))
        )

    monkeypatch.setattr("cctview_pipeline.assets.detections.detect_frames", bad)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(camera_hours_job, FIRST, LAST, instance)
        found = verdicts(instance, "detections")
        checks = {c.check_name: c for c in result.get_asset_check_evaluations() if c.asset_key == dg.AssetKey("detections")}
    assert result.success
    assert "leave their frame" in found[f"{CAMERAS[0]}|2020-05-05T17"]
    assert found[f"{CAMERAS[1]}|2020-05-05T17"] == "written"
    assert not checks["boxes_inside_frame"].passed
    assert checks["unique_ids"].passed
    for table in ("detections", "crops", "features", "tracks", "matches"):
        assert not lake.has(table, FIRST)
        assert lake.has(table, LAST)


def test_a_check_that_fails_everywhere_stops_the_run(archive: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch):
    def bad(detector: Detector, frames: pa.Table, zones: Zones) -> pa.Table:
        found = detect_frames(detector, frames, zones)
        elsewhere = pa.array(["no such frame"] * found.num_rows)
        return found.set_column(found.schema.get_field_index("frame_id"), found.schema.field("frame_id"), elsewhere)

    monkeypatch.setattr("cctview_pipeline.assets.detections.detect_frames", bad)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(camera_hours_job, FIRST, LAST, instance)
    assert not result.success
    assert not lake.keys("crops")


def test_a_run_never_takes_frames_away(archive: Path, lake: Lake):
    with dg.DagsterInstance.ephemeral() as instance:
        run(camera_hours_job, FIRST, FIRST, instance)
        before = lake.read("raw_frames", FIRST)
        next(archive.rglob(f"{CAMERAS[0]}*--original.jpeg")).unlink()
        assert run(camera_hours_job, FIRST, FIRST, instance).success
        assert lake.read("raw_frames", FIRST).equals(before)
        shutil.rmtree(archive)
        assert run(camera_hours_job, FIRST, FIRST, instance).success
        assert lake.read("raw_frames", FIRST).equals(before)


def test_without_a_source_nothing_is_written_for_what_was_never_there(archive: Path, lake: Lake):
    shutil.rmtree(archive)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(camera_hours_job, FIRST, LAST, instance)
        assert "does not exist" in verdicts(instance, "raw_frames")[f"{CAMERAS[0]}|2020-05-05T17"]
    assert not result.success
    assert not lake.keys("raw_frames")


def test_every_partition_tells_what_it_holds(archive: Path, lake: Lake):
    with dg.DagsterInstance.ephemeral() as instance:
        run(camera_hours_job, FIRST, LAST, instance)
        for asset, names in {
            "raw_frames": {"rejected", "first_frame", "seconds"},
            "detections": {"model", "threshold", "busiest_frame", "seconds"},
            "crops": {"sample"},
            "features": {"model", "dimension"},
            "tracks": {"longest", "in_tracks_of_two_or_more"},
            "matches": {"queries", "assigned", "neighbours"},
        }.items():
            records = instance.fetch_materializations(dg.AssetKey(asset), limit=10).records
            last = next(r.asset_materialization for r in records if r.partition_key == f"{CAMERAS[1]}|2020-05-05T17")
            assert names <= set(last.metadata)
            rows = lake.read(asset, Partition.camera_hour(CAMERAS[1], HOUR)).num_rows
            assert last.metadata["dagster/row_count"].value == rows > (-1 if asset == "matches" else 0)


def test_the_same_job_on_s3(archive: Path, s3: dict[str, str], lake: Lake, monkeypatch: pytest.MonkeyPatch):
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(camera_hours_job, FIRST, LAST, instance).success
    for name, value in (s3 | {"CCTVIEW_LAKE": "s3://lake/the-same-job"}).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(camera_hours_job, FIRST, LAST, instance).success
    remote = open_lake()
    for table in ("raw_frames", "detections", "crops", "features", "tracks", "matches"):
        assert len(remote.keys(table)) == len(CAMERAS)
        assert remote.read(table, LAST).equals(lake.read(table, LAST))


def test_the_schedule_asks_for_yesterday_as_one_range():
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2020, 5, 6, 0, 30, tzinfo=UTC))
    request = daily_collection(context)
    first = Partition.camera_hour(CAMERAS[0], datetime(2020, 5, 5, 16, tzinfo=UTC))
    last = Partition.camera_hour(CAMERAS[-1], datetime(2020, 5, 5, 19, tzinfo=UTC))
    assert request.tags == range_tags(first, last)
    later = dg.build_schedule_context(scheduled_execution_time=datetime(2020, 5, 6, 0, 30, tzinfo=UTC) + timedelta(days=1))
    assert "outside the campaign's window" in daily_collection(later).skip_message


def test_tables_are_arrow_and_schemas_hold(archive: Path, lake: Lake):
    with dg.DagsterInstance.ephemeral() as instance:
        run(camera_hours_job, FIRST, LAST, instance)
    assert lake.read("features", LAST).schema.field("embedding").type == pa.list_(pa.field("element", pa.float16(), False), 384)
