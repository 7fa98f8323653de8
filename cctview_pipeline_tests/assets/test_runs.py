"""What a run makes of a range of partitions: each stands for itself, nothing is taken away, and all of it is told."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from cctview_pipeline.detect import Detector
from cctview_pipeline.detect.tables import detect_frames
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.resources.lake import open_lake
from cctview_pipeline.zones import Zones
from cctview_pipeline_tests.factories.archive import make_archive
from cctview_pipeline_tests.factories.jobs import CAMERAS, FIRST, HOUR, LAST, archive_campaign, run, verdicts


@dataclass(frozen=True)
class Finished:
    """A lake after one run of the camera hours, where its keys are, and the instance that knows of it. Nothing changes them."""

    lake: Lake
    keys: str
    instance: dg.DagsterInstance


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("finished")
    make_archive(folder / "archive", CAMERAS, HOUR, frames=10)
    lake = Lake(str(folder / "lake"))
    lake.write_campaign(archive_campaign(folder / "archive"))
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("CCTVIEW_LAKE", lake.uri)
        patch.setenv("CCTVIEW_KEYS", str(folder / "keys"))
        assert run(lake, "camera_hours", FIRST, LAST, instance).success
        patch.undo()
        yield Finished(lake, str(folder / "keys"), instance)


def test_a_camera_without_frames_is_data_and_not_a_failure(archive: Path, lake: Lake):
    shutil.rmtree(archive / CAMERAS[1])
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(lake, "camera_hours", FIRST, LAST, instance)
    assert result.success
    assert lake.read("raw_frames", Partition.camera_hour(CAMERAS[1], HOUR)).num_rows == 0
    assert lake.has("matches", Partition.camera_hour(CAMERAS[1], HOUR))


def test_one_bad_camera_blocks_itself_and_not_the_range(archive: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """A detector gone wrong for one camera: its boxes leave the frame."""

    def bad(detector: Detector, frames: pa.Table, zones: Zones, **more: Any) -> pa.Table:
        found = detect_frames(detector, frames, zones, **more)
        shift = np.where(found["camera_id"].to_numpy() == CAMERAS[0], 1000, 0).astype(np.float32)
        return found.set_column(
            found.schema.get_field_index("x2"), found.schema.field("x2"), pc.add(found["x2"], pa.array(shift))
        )

    monkeypatch.setattr("cctview_pipeline.detect.tables.detect_frames", bad)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(lake, "camera_hours", FIRST, LAST, instance)
        found = verdicts(instance, "detections")
        checks = {c.check_name: c for c in result.get_asset_check_evaluations() if c.asset_key == dg.AssetKey("detections")}
    assert result.success
    assert "leave their frame" in found[f"{CAMERAS[0]}|2020-05-05T17"]
    assert found[f"{CAMERAS[1]}|2020-05-05T17"] == "written"
    assert not checks["boxes_inside_frame"].passed
    assert checks["unique_ids"].passed
    for table in ("detections", "crops", "features", "tracks", "passages", "camera_flows", "matches"):
        assert not lake.has(table, FIRST)
        assert lake.has(table, LAST)


def test_a_check_that_fails_everywhere_stops_the_run(archive: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch):
    def bad(detector: Detector, frames: pa.Table, zones: Zones, **more: Any) -> pa.Table:
        found = detect_frames(detector, frames, zones, **more)
        elsewhere = pa.array(["no such frame"] * found.num_rows)
        return found.set_column(found.schema.get_field_index("frame_id"), found.schema.field("frame_id"), elsewhere)

    monkeypatch.setattr("cctview_pipeline.detect.tables.detect_frames", bad)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(lake, "camera_hours", FIRST, LAST, instance)
    assert not result.success
    assert not lake.keys("crops")


def test_a_run_never_takes_frames_away(archive: Path, lake: Lake):
    with dg.DagsterInstance.ephemeral() as instance:
        run(lake, "camera_hours", FIRST, FIRST, instance)
        before = lake.read("raw_frames", FIRST)
        next(archive.rglob(f"{CAMERAS[0]}*--original.jpeg")).unlink()
        assert run(lake, "camera_hours", FIRST, FIRST, instance).success
        assert lake.read("raw_frames", FIRST).equals(before)
        shutil.rmtree(archive)
        assert run(lake, "camera_hours", FIRST, FIRST, instance).success
        assert lake.read("raw_frames", FIRST).equals(before)


def test_without_a_source_nothing_is_written_for_what_was_never_there(archive: Path, lake: Lake):
    shutil.rmtree(archive)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(lake, "camera_hours", FIRST, LAST, instance)
        assert "does not exist" in verdicts(instance, "raw_frames")[f"{CAMERAS[0]}|2020-05-05T17"]
    assert not result.success
    assert not lake.keys("raw_frames")


PICTURES = {"first_frame", "busiest_frame", "sample", "longest"}


def test_every_partition_tells_what_it_holds(finished: Finished):
    for asset, names in {
        "raw_frames": {"rejected", "seconds"},
        "detections": {"model", "threshold", "seconds"},
        "features": {"model", "dimension"},
        "tracks": {"in_tracks_of_two_or_more"},
        "matches": {"queries", "assigned", "neighbours"},
    }.items():
        records = finished.instance.fetch_materializations(dg.AssetKey(asset), limit=10).records
        last = next(r.asset_materialization for r in records if r.partition_key == f"{CAMERAS[1]}|2020-05-05T17")
        assert names <= set(last.metadata)
        assert not PICTURES & set(last.metadata), "of real cameras, and so with a lifetime"
        rows = finished.lake.read(asset, Partition.camera_hour(CAMERAS[1], HOUR)).num_rows
        assert last.metadata["dagster/row_count"].value == rows > (-1 if asset == "matches" else 0)


def test_the_same_job_on_s3(finished: Finished, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    lake = finished.lake
    for name, value in (s3 | {"CCTVIEW_LAKE": "s3://lake/the-same-job", "CCTVIEW_KEYS": finished.keys}).items():
        monkeypatch.setenv(name, value)
    remote = open_lake()
    remote.write_campaign(lake.require_campaign())
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(remote, "camera_hours", FIRST, LAST, instance).success
    for table in ("raw_frames", "detections", "crops", "features", "tracks", "passages", "camera_flows", "matches"):
        assert len(remote.keys(table)) == len(CAMERAS)
        assert remote.read(table, LAST).equals(lake.read(table, LAST))


def test_tables_are_arrow_and_schemas_hold(finished: Finished):
    assert finished.lake.read("features", LAST).schema.field("embedding").type == pa.list_(
        pa.field("element", pa.float16(), False), 384
    )


def test_where_nobody_said_what_size_zones_were_drawn_on_that_camera_stops_and_the_others_go_on(archive: Path, lake: Lake):
    """A campaign from before it was asked for: neither frames nor detections of the camera are written."""
    told, place = lake.require_campaign(), f"{CAMERAS[1]}|2020-05-05T17"
    house = ((10.0, 10.0), (60.0, 10.0), (60.0, 60.0))
    unsized = [replace(each, privacy_zones=(house,)) if each.id == CAMERAS[1] else each for each in told.cameras]
    with dg.DagsterInstance.ephemeral() as instance:
        lake.write_campaign(replace(told, cameras=tuple(unsized)))
        run(lake, "camera_hours", FIRST, LAST, instance)
        assert "write it beside them in campaign.toml, such as zones_size" in verdicts(instance, "raw_frames")[place]
        assert not lake.has("raw_frames", Partition.camera_hour(CAMERAS[1], HOUR))
        assert lake.has("detections", FIRST)
        lake.write_campaign(told)
        run(lake, "camera_hours", FIRST, LAST, instance)
        lake.storage.delete(layout.key("detections", Partition.camera_hour(CAMERAS[1], HOUR)))
        lake.write_campaign(replace(told, cameras=tuple(unsized)))
        run(lake, "camera_hours", FIRST, LAST, instance)
        assert "write it beside them in campaign.toml" in verdicts(instance, "detections")[place]
    assert not lake.has("detections", Partition.camera_hour(CAMERAS[1], HOUR))
    assert lake.read("raw_frames", Partition.camera_hour(CAMERAS[1], HOUR)).num_rows, "what was stored is kept"
