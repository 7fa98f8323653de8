"""Two campaigns with the same cameras and hours on one instance of Dagster: neither sees, counts, buries or deletes what is the
other's."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, BulkActionStatus
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import ListRepositoriesResponse
from dagster._serdes import deserialize_value

from cctview_pipeline.automation.forgetting import delete_logs
from cctview_pipeline.automation.instance import _bury
from cctview_pipeline.automation.jobs import GROUP
from cctview_pipeline.automation.lifetimes import end_lifetimes
from cctview_pipeline.automation.old_runs import Deleted, delete_old_runs
from cctview_pipeline.automation.retention import is_time
from cctview_pipeline.automation.sensors import SEALS, seal_key, sealed
from cctview_pipeline.backfill.causes import find_causes
from cctview_pipeline.backfill.launch import finished, launch, missing_plan
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.districts import TAG, asset_key, district_tags, of_run
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.groups import CameraGroup
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.paths import project_root
from cctview_pipeline_tests.factories.jobs import CAMERAS, FIRST, archive_campaign, run
from cctview_pipeline_tests.factories.ports import free_ports

DISTRICTS = ("north", "south")
PLAN = {"raw_frames": {FIRST}, "coverage": {FIRST}}
NINE = datetime(2026, 11, 1, 9, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def district(archive: Path | str, name: str) -> Campaign:
    return replace(archive_campaign(archive), district=name, cameras=archive_campaign().cameras[:1])


def graph(of: Campaign):
    return build_definitions(of).get_repository_def().asset_graph


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_a_name_stands_before_all_that_dagster_keeps():
    alone, north = graph(district("/nowhere", "")), graph(district("/nowhere", "north"))
    assert {key.with_prefix("north") for key in alone.get_all_asset_keys()} == north.get_all_asset_keys()
    assert {(check.asset_key.with_prefix("north"), check.name) for check in alone.asset_check_keys} == {
        (check.asset_key, check.name) for check in north.asset_check_keys
    }
    for key in alone.get_all_asset_keys():
        assert {parent.with_prefix("north") for parent in alone.get(key).parent_keys} == north.get(
            key.with_prefix("north")
        ).parent_keys
    jobs = build_definitions(district("/nowhere", "north")).get_repository_def().get_all_jobs()
    assert all(job.tags[TAG] == "north" for job in jobs if not job.name.startswith("__"))


def test_a_name_is_one_that_dagster_takes():
    for name in ("North", "1st", "a-b", "a/b", "x" * 41):
        text = district("/nowhere", "north").to_toml().replace('"north"', f'"{name}"')
        with pytest.raises(CctviewError, match=r"\[campaign\].*district"):
            Campaign.from_toml(text)


def test_what_one_has_made_the_other_still_has_to_make(archive: Path, lake: Lake, instance: dg.DagsterInstance):
    north, south = (district(archive, name) for name in DISTRICTS)
    lake.write_campaign(north)
    assert run(lake, "camera_hours", FIRST, FIRST, instance).success
    made = asset_key("north", "raw_frames")
    (record,) = instance.fetch_materializations(made, limit=9).records
    assert record.asset_materialization.metadata["verdict"].value == "written"
    assert missing_plan(whole := chain(), north, lake, instance) == {}
    assert missing_plan(whole, south, lake, instance)["raw_frames"] == {FIRST}
    assert finished(PLAN, lake, instance, 0, "north") == 2
    assert finished(PLAN, lake, instance, 0, "south") == 0
    assert instance.get_latest_materialization_event(asset_key("", "raw_frames")) is None
    # What the one deletes, the other is not told of.
    end_lifetimes(instance, lake, north, datetime.now(UTC) + timedelta(hours=25))
    said = instance.get_latest_materialization_event(made).asset_materialization.metadata["verdict"].value
    assert said.startswith("deleted on purpose")
    assert {key.path[0] for key in instance.all_asset_keys()} == {"north"}


def chain() -> dict[str, set[Partition]]:
    return {
        name: {FIRST}
        for name in ("raw_frames", "coverage", "detections", "crops", "features", "tracks", "passages", "camera_flows", "matches")
    } | {"journeys": set(), "vehicle_counts": set()}


def test_an_hour_that_one_seals_the_other_has_yet_to_seal(instance: dg.DagsterInstance):
    """Of groups of the same name."""
    now, group = datetime.now(UTC), CameraGroup("group-1", (CAMERAS[0],))
    for name in ("north", ""):
        tags = {SEALS: sealed(NINE, name), GROUP: group.name}
        instance.add_run(dg.DagsterRun("frames", tags=tags, status=dg.DagsterRunStatus.STARTED))
        assert seal_key(instance, sealed(NINE, name), group, now, in_spool=True) is None
        assert seal_key(instance, sealed(NINE, "south"), group, now, in_spool=True) == "seal south 2026-11-01T09 group-1 1"


def test_what_goes_on_in_one_is_buried_by_nobody_else(instance: dg.DagsterInstance):
    """A run of `cctview backfill`, which has its district's tag, and one that the UI launched, which has its assets."""
    for name in (*DISTRICTS, ""):
        tags, asked = {"dagster/backfill": "abc"}, frozenset({asset_key(name, "raw_frames")})
        for each in ({"tags": tags | district_tags(name)}, {"tags": tags, "asset_selection": asked}):
            instance.add_run(dg.DagsterRun("job", status=dg.DagsterRunStatus.STARTED, **each))
        launch(instance, graph(district("/nowhere", name)), PLAN, name, district=name)
    assert not is_time(instance, "south")
    _bury(instance, "north")
    assert {of_run(run) for run in instance.get_runs() if run.is_finished} == {"north"}
    assert len([run for run in instance.get_runs() if not run.is_finished]) == 4
    assert is_time(instance, "north"), "its backfill is cancelled"
    assert not is_time(instance, "south")
    assert not is_time(instance), "one without a name is on its own, too"


def test_why_one_failed_is_not_told_as_the_other_s(instance: dg.DagsterInstance):
    instance.add_run(dg.DagsterRun("job", tags=district_tags("north"), status=dg.DagsterRunStatus.FAILURE))
    assert [cause.where for cause in find_causes(instance, {}, LONG_AGO, "north")] == [""]
    assert find_causes(instance, {}, LONG_AGO, "south") == find_causes(instance, {}, LONG_AGO) == []


def test_each_ends_its_own_runs_output(tmp_path: Path):
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        ids = {}
        for name in DISTRICTS:
            ended = dg.DagsterRun("job", tags=district_tags(name), status=dg.DagsterRunStatus.SUCCESS)
            instance.add_run(ended)
            (tmp_path / "storage" / ended.run_id / "compute_logs").mkdir(parents=True)
            ids[name] = ended.run_id
        later = datetime.now(UTC) + timedelta(hours=1)
        assert delete_logs(instance, later, "north") == 1
        assert not (tmp_path / "storage" / ids["north"]).exists()
        assert (tmp_path / "storage" / ids["south"]).exists()
        assert delete_logs(instance, later, "south") == 1, "the mark of the one is not the other's"


def test_each_ends_what_dagster_keeps_of_its_own_runs(tmp_path: Path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        ids = {}
        for name in (*DISTRICTS, ""):
            run = dg.DagsterRun("job", tags=district_tags(name), status=dg.DagsterRunStatus.SUCCESS)
            instance.add_run(run)
            ids[name] = run.run_id
            instance.report_runless_asset_event(dg.AssetMaterialization(asset_key(name, "raw_frames"), partition="a"))
        later = datetime.now(UTC) + timedelta(hours=1)
        for name in ("north", "", "south"):
            assert delete_old_runs(instance, later, district=name).runs == 1
            assert delete_old_runs(instance, later, district=name) == Deleted(
                runs=0, marks=0, left=0 if name else instance.get_runs_count()
            )
            del ids[name]
            assert {run.run_id for run in instance.get_runs()} == set(ids.values())
            marked = {left for left in (*DISTRICTS, "") if instance.get_materialized_partitions(asset_key(left, "raw_frames"))}
            assert marked == set(ids)


@pytest.mark.slow
def test_two_are_served_side_by_side(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As deployed: a code server and a lake each, one daemon, one instance. Both are asked for the same partitions at once."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text((project_root() / "dagster.yaml").read_text())
    lakes = {name: Lake(str(tmp_path / name / "lake")) for name in DISTRICTS}
    for name, lake in lakes.items():
        lake.write_campaign(district(archive, name))
    # The instance's tables first: two servers that start at once would both make them.
    with dg.DagsterInstance.get() as instance, deployed(tmp_path, lakes):

        def backfill(name: str) -> bool:
            backfill_id = launch(instance, graph(district(archive, name)), PLAN, name, district=name)
            while (found := instance.get_backfill(backfill_id)).status not in BULK_ACTION_TERMINAL_STATUSES:
                time.sleep(0.2)
            return found.status == BulkActionStatus.COMPLETED_SUCCESS

        with ThreadPoolExecutor() as pool:
            assert list(pool.map(backfill, DISTRICTS)) == [True, True]
        runs = instance.get_runs()
        assert {of_run(run) for run in runs} == set(DISTRICTS)
        assert all({key.path[0] for key in run.asset_selection} == {run.tags[TAG]} for run in runs)
        for name, lake in lakes.items():
            assert finished(PLAN, lake, instance, 0, name) == 2
    north, south = (lake.read("raw_frames", FIRST) for lake in lakes.values())
    assert north.num_rows == 10
    assert north == south


@contextmanager
def deployed(home: Path, lakes: dict[str, Lake]) -> Iterator[None]:
    """A code server a district, by a workspace.yaml that names them, and a daemon that ticks every half a second."""
    ports = dict(zip(lakes, free_ports(len(lakes)), strict=True))
    servers = "".join(
        f"  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: {name}}}\n" for name, port in ports.items()
    )
    (home / "workspace.yaml").write_text(f"load_from:\n{servers}")
    with ExitStack() as stack, (home / "log").open("w") as log:
        for name, lake in lakes.items():
            there = os.environ | {"CCTVIEW_LAKE": lake.uri, "CCTVIEW_KEYS": str(home / name / "keys")}
            serve = ("-m", "dagster", "code-server", "start", "-m", "cctview_pipeline.definitions", "-h", "127.0.0.1")
            stack.enter_context(running([*serve, "-p", str(ports[name])], there, home, log))
        for port in ports.values():
            wait_for_code(port)
        stack.enter_context(running(["-c", DAEMON], dict(os.environ), home, log))
        yield


def wait_for_code(port: int, most_s: float = 120) -> None:
    """Until a code server has loaded its definitions: a backfill of a location that is not there yet fails."""
    client, until = DagsterGrpcClient(port=port, host="127.0.0.1"), time.monotonic() + most_s
    while True:
        try:
            assert isinstance(deserialize_value(client.list_repositories()), ListRepositoriesResponse)
            return
        except (DagsterUserCodeUnreachableError, AssertionError):
            assert time.monotonic() < until, f"The code server at {port} does not answer."
            time.sleep(0.2)


DAEMON = """
from dagster._daemon import controller
from dagster._daemon.cli import create_dagster_daemon_cli
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 0.5
create_dagster_daemon_cli()(["run", "-w", "workspace.yaml"])
"""


@contextmanager
def running(arguments: list[str], environment: dict[str, str], where: Path, log) -> Iterator[None]:
    environment |= {"PYTHONPATH": str(project_root())}
    process = subprocess.Popen([sys.executable, *arguments], env=environment, cwd=where, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)
