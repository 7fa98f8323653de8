"""What Dagster keeps of printed lines goes; what it knows of partitions and their lineage stays."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from cctview_pipeline.automation.forgetting import delete_logs, mark_deleted
from cctview_pipeline.paths import project_root
from cctview_pipeline_tests.factories.postgres_server import postgres_server

CAMERAS = dg.MultiPartitionsDefinition(
    {"camera": dg.StaticPartitionsDefinition(["east", "west"]), "hour": dg.StaticPartitionsDefinition(["16", "17"])}
)
EAST, WEST = "east|16", "west|16"
FRAMES = dg.AssetKey("frames")


@dg.asset(partitions_def=CAMERAS, code_version="1")
def frames(context: dg.AssetExecutionContext) -> None:
    print(f"a line about {context.partition_key}")
    context.add_asset_metadata({"verdict": "written"}, partition_key=context.partition_key)


@dg.asset(partitions_def=CAMERAS, code_version="1", deps=[frames])
def tracks() -> None: ...


def make(instance: dg.DagsterInstance, partition_key: str) -> dg.ExecuteInProcessResult:
    return dg.materialize([frames, tracks], instance=instance, partition_key=partition_key)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    """An instance on SQLite with a run for the east, a moment, and a run for the west."""
    home = tmp_path_factory.mktemp("made")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        make(instance, EAST)
        between = now()
        make(instance, WEST)
    return home, between


@pytest.fixture
def between(made: tuple[Path, datetime]) -> datetime:
    return made[1]


@pytest.fixture
def home(made: tuple[Path, datetime], tmp_path: Path) -> Path:
    return shutil.copytree(made[0], tmp_path / "home")


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def test_logs_of_runs_that_ended_go(instance: dg.DagsterInstance, home: Path, between: datetime):
    new, old = instance.get_runs()
    assert list(home.glob(f"storage/{old.run_id}/compute_logs/*.out"))

    assert delete_logs(instance, between) == 1
    assert [file.parts[-3] for file in home.glob("storage/*/compute_logs/*.out")] == [new.run_id]
    assert instance.get_run_by_id(old.run_id).is_success
    assert delete_logs(instance, between) == 0
    assert delete_logs(instance, now()) == 1
    assert not list(home.glob("storage/*"))


def test_logs_of_runs_that_were_deleted_in_the_ui_go(instance: dg.DagsterInstance, home: Path, between: datetime):
    new, old = instance.get_runs()
    instance.delete_run(old.run_id)

    assert delete_logs(instance, between) == 1
    assert [folder.name for folder in home.glob("storage/*")] == [new.run_id]


def test_logs_of_a_run_that_goes_on_stay(instance: dg.DagsterInstance, home: Path):
    run = dg.DagsterRun(job_name="goes_on", status=dg.DagsterRunStatus.STARTED)
    instance.run_storage.add_run(run)
    (home / "storage" / run.run_id / "compute_logs").mkdir(parents=True)

    delete_logs(instance, now() + timedelta(hours=1))

    assert [folder.name for folder in home.glob("storage/*")] == [run.run_id]


def status(instance: dg.DagsterInstance, asset: str, partition_key: str) -> str:
    """As the UI has it."""
    graph = dg.Definitions([frames, tracks]).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return resolver.get_status(dg.AssetKey(asset), partition_key).value


def test_a_deleted_partition_says_so_and_makes_nothing_stale(instance: dg.DagsterInstance):
    assert mark_deleted(instance, FRAMES, EAST, "deleted on purpose: older than 24 h", rows=0)

    latest = instance.get_latest_materialization_event(dg.AssetKey("frames")).asset_materialization
    assert latest.partition == EAST
    assert latest.metadata["verdict"].value == "deleted on purpose: older than 24 h"
    assert latest.metadata["rows"].value == 0
    assert instance.get_materialized_partitions(dg.AssetKey("frames")) == {EAST, WEST}
    assert status(instance, "frames", EAST) == status(instance, "tracks", EAST) == "FRESH"
    # What any other event would have done:
    instance.report_runless_asset_event(dg.AssetMaterialization("frames", partition=EAST))
    assert status(instance, "tracks", EAST) == "STALE"


def test_a_verdict_is_said_once(instance: dg.DagsterInstance):
    assert mark_deleted(instance, FRAMES, EAST, "deleted on purpose: older than 24 h")
    assert not mark_deleted(instance, FRAMES, EAST, "deleted on purpose: older than 24 h")
    assert mark_deleted(instance, FRAMES, EAST, "erased on request")
    assert len(instance.fetch_materializations(dg.AssetKey("frames"), limit=9).records) == 4


def test_a_partition_that_never_was_gets_no_verdict(instance: dg.DagsterInstance):
    assert not mark_deleted(instance, FRAMES, "east|17", "deleted on purpose: older than 24 h")
    assert instance.get_materialized_partitions(dg.AssetKey("frames")) == {EAST, WEST}


def test_the_same_with_postgres_and_s3(tmp_path: Path, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    with postgres_server() as postgres:
        for name, value in (postgres | s3 | {"DAGSTER_LOGS_BUCKET": "lake"}).items():
            monkeypatch.setenv(name, value)
        (tmp_path / "dagster.yaml").write_text((project_root() / "deploy" / "one-machine" / "dagster-postgres.yaml").read_text())
        of_other_tests = logged(s3)
        with dg.DagsterInstance.from_config(str(tmp_path)) as production:
            make(production, EAST)
            between = now()
            run = make(production, WEST)
            assert mark_deleted(production, FRAMES, WEST, "deleted on purpose: older than 24 h")
            assert status(production, "frames", WEST) == status(production, "tracks", WEST) == "FRESH"

            assert delete_logs(production, between) == 1
            assert logged(s3) - of_other_tests == {run.run_id}


def logged(s3: dict[str, str]) -> set[str]:
    """Runs whose output is in the bucket."""
    client = boto3.client("s3", endpoint_url=s3["AWS_ENDPOINT_URL"])
    logs = client.list_objects_v2(Bucket="lake", Prefix="dagster-logs/storage").get("Contents", [])
    return {log["Key"].split("/")[2] for log in logs}
