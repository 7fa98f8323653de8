"""A self-made archive all the way through, as the command line runs it; and what happens when it is killed."""

import json
import os
import re
import signal
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import dagster as dg
import pyarrow.parquet as pq
import pytest

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.automation.instance import prepare_home
from cctview_pipeline.backfill.select import Asked, choose
from cctview_pipeline.cameras.archive import ArchiveNetwork
from cctview_pipeline.images.jpeg import strip_metadata
from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.archive import make_archive
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.jobs import run_all

CAMERAS = ("733-681-N", "735-683-N")
CAMERA_HOURS = (
    "raw_frames",
    "rejected_frames",
    "coverage",
    "detections",
    "crops",
    "features",
    "tracks",
    "passages",
    "camera_flows",
)
FILES = (
    dict.fromkeys((*CAMERA_HOURS, "vehicles_in_view", "movements_seen", "queues_seen", "matches"), 4)
    | {"journeys": 2}
    | dict.fromkeys((*MARTS, "throughput"), 1)
)
"""Two cameras in two hours of one day."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames a camera over the turn of 17 to 18 o'clock UTC."""
    root = tmp_path_factory.mktemp("archive")
    make_archive(root, CAMERAS, datetime(2020, 5, 5, 17, 59, 20, tzinfo=UTC), frames=40)
    return root


@pytest.fixture(scope="module")
def made(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A workplace whose lake was made by one run a job, in this process."""
    place = Workplace(tmp_path_factory.mktemp("made"))
    lake = Lake(str(place.lake))
    lake.write_campaign(choose(lake, Asked(network="archive", path=str(archive), purposes=["traffic counts"])).campaign)
    with mock.patch.dict(os.environ, place.environment):
        prepare_home()
        with dg.DagsterInstance.get() as instance:
            run_all(lake, instance)
    return place


@pytest.fixture(scope="module")
def finished(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A workplace whose backfill went through undisturbed."""
    place = Workplace(tmp_path_factory.mktemp("finished"))
    done = place.backfill(archive, "--purpose", "traffic counts")
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def count_files(place: Workplace) -> dict[str, int]:
    return {table: len(list((place.lake / table).rglob("*.parquet"))) for table in FILES}


def test_a_first_backfill(tmp_path: Path):
    """Twenty frames of one camera, as a person runs it who tries the pipeline: one run a stage, and all of it in Dagster."""
    make_archive(tmp_path / "archive", CAMERAS[:1], datetime(2020, 5, 5, 17, tzinfo=UTC), frames=20)
    place = Workplace(tmp_path)
    done = place.backfill(tmp_path / "archive")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Finished all 25 partitions" in done.stdout
    assert "stand under [campaign.privacy] in campaign.toml" in " ".join(done.stdout.split())
    assert count_files(place) == dict.fromkeys(FILES, 1)
    assert place.leftovers() == []
    with dg.DagsterInstance.from_config(place.environment["DAGSTER_HOME"]) as instance:
        backfills, runs = instance.get_backfills(), instance.get_runs()
    assert [backfill.status.name for backfill in backfills] == ["COMPLETED_SUCCESS"] * 2
    assert {run.tags["dagster/backfill"] for run in runs} == {backfill.backfill_id for backfill in backfills}
    made_by = {asset.path[-1]: run.run_id for run in runs for asset in run.asset_selection}
    assert len({made_by[table] for table in ("raw_frames", "detections", "crops", "features")}) == 1

    before = place.digests()
    again = place.invoke("backfill", "--path", tmp_path / "archive")
    assert again.returncode == 0, again.stderr
    assert "All 25 partitions are finished" in again.stdout
    assert place.digests() == before


def test_jobs_make_every_partition_too(made: Workplace):
    assert count_files(made) == FILES
    assert made.leftovers() == []


@pytest.mark.slow
def test_by_backfill_and_by_jobs_the_tables_are_the_same(finished: Workplace, made: Workplace):
    """To the byte: the keys of the tests' session are the same for both."""
    assert finished.digests() == made.digests()


@pytest.mark.slow
def test_in_camera_groups_too(made: Workplace, archive: Path, tmp_path: Path):
    """Each camera in a group of its own: stages of two groups side by side, and one backfill each."""
    place = Workplace(tmp_path)
    campaign = Lake(str(made.lake)).require_campaign()
    in_groups = [replace(camera, group=f"of-{camera.id}") for camera in campaign.cameras]
    Lake(str(place.lake)).write_campaign(replace(campaign, cameras=tuple(in_groups)))
    done = place.backfill(archive)
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.digests() == made.digests()
    with dg.DagsterInstance.from_config(place.environment["DAGSTER_HOME"]) as instance:
        stages = Counter(backfill.title.rpartition(": ")[2] for backfill in instance.get_backfills())
    assert stages == {"frames": 2, "vehicles": 2, "tracks": 2, "matches": 1, "journeys": 1, "marts": 1}


@pytest.mark.slow
def test_every_partition_of_every_table_is_there(finished: Workplace):
    assert count_files(finished) == FILES
    frames = pq.ParquetDataset(finished.lake / "raw_frames").read().num_rows
    assert frames == 80
    assert finished.leftovers() == []


@pytest.mark.slow
def test_its_runs_and_its_backfill_are_in_dagster(finished: Workplace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DAGSTER_HOME", str(finished.folder / "dagster"))
    with dg.DagsterInstance.get() as instance:
        backfills = instance.get_backfills()
        runs = instance.get_runs()
        known = instance.get_materialized_partitions(dg.AssetKey("tracks"))
    # Frames to features, the tracks of each camera hour after hour, matches, journeys and marts.
    assert [backfill.status.name for backfill in backfills] == ["COMPLETED_SUCCESS"] * 5
    assert len(runs) > 2
    assert {run.tags["dagster/backfill"] for run in runs} == {backfill.backfill_id for backfill in backfills}
    assert known == {f"{camera}|2020-05-05T{hour}" for camera in CAMERAS for hour in (17, 18)}


@pytest.mark.slow
def test_hours_are_chained_in_order(finished: Workplace, monkeypatch: pytest.MonkeyPatch):
    """Journeys go on over the hour's turn, which they can only where the hour before was chained first."""
    hours = [finished.lake / "journeys" / f"hour=2020-05-05T{hour}" / "part-0.parquet" for hour in (17, 18)]
    before, after = (set(pq.read_table(path, partitioning=None)["journey_id"].to_pylist()) for path in hours)
    assert before & after
    monkeypatch.setenv("DAGSTER_HOME", str(finished.folder / "dagster"))
    with dg.DagsterInstance.get() as instance:
        runs = [run for run in instance.get_runs() if dg.AssetKey("journeys") in (run.asset_selection or ())]
    assert len(runs) == 1


@pytest.mark.slow
def test_a_second_time_there_is_nothing_to_do(finished: Workplace, archive: Path):
    before = finished.digests()
    again = finished.invoke("backfill", "--path", archive)
    assert again.returncode == 0
    assert "are finished" in again.stdout
    assert finished.digests() == before


@pytest.mark.slow
def test_made_again_every_table_has_the_same_bytes(finished: Workplace, archive: Path):
    before = finished.digests()
    again = finished.backfill(archive, "--again")
    assert again.returncode == 0, again.stdout + again.stderr
    assert finished.digests() == before


def test_exported_it_is_the_published_layout(made: Workplace, tmp_path: Path):
    """Every frame with its files; and the frames can be read again as an archive."""
    assert "so state one (--purpose)" in made.invoke("export", "--out", tmp_path).stderr
    assert not list(tmp_path.iterdir())
    done = made.invoke("export", "--out", tmp_path, "--cameras", CAMERAS[0], "--purpose", "traffic counts")
    assert done.returncode == 0, done.stderr
    assert "Wrote 40 frames of 2 camera-hours" in " ".join(done.stdout.split())
    network = ArchiveNetwork(tmp_path)
    assert network.cameras() == [CAMERAS[0]]
    again = [frame for hour in network.hours(CAMERAS[0]) for frame in network.read_hour(CAMERAS[0], hour).frames]
    frames = pq.ParquetDataset(made.lake / "raw_frames").read(["camera_id", "frame_id", "jpeg"]).to_pylist()
    stored = {f["frame_id"]: strip_metadata(f["jpeg"]) for f in frames if f["camera_id"] == CAMERAS[0]}
    assert {f.frame_id: f.jpeg for f in again} == stored
    features = pq.ParquetDataset(made.lake / "features").read().to_pylist()
    written = {key: value for path in tmp_path.rglob("*--features.json") for key, value in json.loads(path.read_text()).items()}
    wanted = {row["detection_id"]: row for row in features if row["detection_id"].startswith(CAMERAS[0])}
    assert wanted
    assert {key for key in written if key not in ("id", "model")} == set(wanted)
    for key, row in wanted.items():
        assert written[key]["data"] == pytest.approx([float(v) for v in row["embedding"]])
    assert {path.stem for path in tmp_path.rglob("*--detections/*.jpeg")} == set(wanted)


def test_a_vehicle_is_asked_about_for_a_purpose_by_its_pseudonym_and_on_the_record(made: Workplace):
    sql = "select journey_id, count(*) as legs from journeys join tracks using (track_id) group by all"
    assert "so state one (--purpose)" in made.invoke("query", sql).stderr
    asked = made.invoke("query", "--json", "--purpose", "traffic counts", sql)
    found = [json.loads(line) for line in asked.stdout.splitlines()]
    raw = pq.ParquetDataset(made.lake / "journeys").read(["journey_id"])["journey_id"].to_pylist()
    assert sum(row["legs"] for row in found) == len(raw)
    assert all(re.fullmatch("[a-z2-7]{26}", row["journey_id"]) for row in found)
    assert "as they were written" in made.invoke("audit", "verify").stdout
    assert "select journey_id" in " ".join(made.invoke("audit", "show", "--last", "1").stdout.split())


def test_an_unknown_layout_and_nothing_to_export_are_refused(made: Workplace, tmp_path: Path):
    assert "no format named 'coco': use cctview, video" in made.invoke("export", "--out", tmp_path, "--format", "coco").stderr
    late = made.invoke("export", "--out", tmp_path, "--from", "2021-01-01")
    assert (late.returncode, "None of these camera-hours has features yet" in late.stderr) == (1, True)


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_but_the_same_command_again(archive: Path, finished: Workplace, tmp_path: Path):
    place = Workplace(tmp_path, extra=(("CCTVIEW_PARTITIONS_PER_RUN", "4"),))
    command = place.start("backfill", "--network", "archive", "--path", archive)
    os.kill(wait_for_worker(place), signal.SIGKILL)
    out, err = command.communicate(timeout=300)
    assert command.returncode == 1, out + err
    assert "the same command does what is left" in err
    for path in place.lake.rglob("*.parquet"):
        pq.read_table(path, partitioning=None)  # none is half-written

    again = place.backfill(archive)
    assert again.returncode == 0, again.stdout + again.stderr
    assert place.digests() == finished.digests()
    assert place.leftovers() == []


@pytest.mark.slow
def test_a_killed_command_goes_on_where_it_was(archive: Path, finished: Workplace, tmp_path: Path):
    place = Workplace(tmp_path)
    command = place.start("backfill", "--network", "archive", "--path", archive)
    wait_for_worker(place)
    os.killpg(command.pid, signal.SIGKILL)
    command.communicate(timeout=60)

    again = place.backfill(archive)
    assert again.returncode == 0, again.stdout + again.stderr
    assert place.digests() == finished.digests()


def wait_for_worker(place: Workplace, seconds: float = 120) -> int:
    """The process id of a run that has begun to write tables."""
    until = time.time() + seconds
    while time.time() < until:
        if list(place.lake.rglob("*.parquet")):
            log = (place.folder / "dagster" / "daemon.log").read_text()
            if found := re.findall(r" - (\d+) - raw_frames - STEP_START", log):
                return int(found[-1])
        time.sleep(0.05)
    raise AssertionError(f"No run began within {seconds} s.")
