"""What Dagster keeps of pictures and printed lines goes; what it knows of partitions and their lineage stays."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import dagster as dg
import numpy as np
import pytest
import sqlalchemy as db
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from cctview_pipeline.assets.pictures import picture
from cctview_pipeline.automation import forgetting
from cctview_pipeline.automation.forgetting import DELETED, delete_logs, mark_deleted, scrub_pictures
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.paths import project_root
from cctview_pipeline_tests.factories.postgres_server import postgres_server

CAMERAS = dg.MultiPartitionsDefinition(
    {"camera": dg.StaticPartitionsDefinition(["east", "west"]), "hour": dg.StaticPartitionsDefinition(["16", "17"])}
)
EAST, WEST = "east|16", "west|16"
NOISE = np.random.default_rng(7).integers(0, 255, (100, 120, 3), np.uint8)


@dg.asset(partitions_def=CAMERAS, code_version="1")
def frames(context: dg.AssetExecutionContext) -> None:
    print(f"a line about {context.partition_key}")
    context.add_asset_metadata(
        {"first": picture(NOISE, 'the "first" [of 2]'), "verdict": "written"}, partition_key=context.partition_key
    )


@dg.asset(partitions_def=CAMERAS, code_version="1", deps=[frames], check_specs=[dg.AssetCheckSpec("sees", asset="tracks")])
def tracks() -> dg.MaterializeResult:
    sees = dg.AssetCheckResult(check_name="sees", passed=True, metadata={"what": picture(NOISE)})
    return dg.MaterializeResult(metadata={"flow": picture(NOISE[::-1])}, check_results=[sees])


def make(instance: dg.DagsterInstance, partition_key: str) -> dg.ExecuteInProcessResult:
    return dg.materialize([frames, tracks], instance=instance, partition_key=partition_key)


def now() -> datetime:
    return datetime.now(UTC)


def shown(instance: dg.DagsterInstance, asset: str, partition_key: str) -> str:
    """Every metadata value of a partition, as text."""
    chosen = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition_key])
    records = instance.fetch_materializations(chosen, limit=100).records
    return " ".join(str(value.value) for each in records for value in each.asset_materialization.metadata.values())


def known(instance: dg.DagsterInstance) -> str:
    """Everything Dagster says about the two assets and their runs, with pictures that are gone as DELETED."""
    of = [dg.AssetKey("frames"), dg.AssetKey("tracks")]
    said = [instance.get_status_by_partition(each, CAMERAS.get_partition_keys(), CAMERAS) for each in of]
    said += [instance.fetch_materializations(each, limit=100).records for each in of]
    said += [instance.get_asset_records(of), [instance.all_logs(run.run_id) for run in instance.get_runs()]]
    said += [instance.event_log_storage.get_latest_storage_id_by_partition(of[0], dg.DagsterEventType.ASSET_MATERIALIZATION)]
    said += [instance.event_log_storage.get_asset_check_execution_history(dg.AssetCheckKey(of[1], "sees"), limit=10)]
    return re.sub(r"!\[[^!]*?\]\(data:image/[^)]*\)", DELETED, str(said))


def remains(home: Path) -> list[str]:
    """The files with any stretch of a picture's data."""
    stretch = re.compile(rb"[A-Za-z0-9+/]{200}")
    return [str(file.relative_to(home)) for file in home.rglob("*") if file.is_file() and stretch.search(file.read_bytes())]


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


def test_old_pictures_leave_every_file_and_dagster_knows_all_else(instance: dg.DagsterInstance, home: Path):
    instance.report_runless_asset_event(dg.AssetMaterialization("map", metadata={"drawn": picture(NOISE)}))
    before, files = known(instance), remains(home)

    # Of either run two materializations and a check's evaluation (a step's output is no event of the index), and the map.
    assert scrub_pictures(instance, now()) == 7

    assert len(files) == 4
    assert remains(home) == []
    assert shown(instance, "frames", EAST) == f"{DELETED} written"
    assert known(instance) == before
    assert scrub_pictures(instance, now()) == 0


def test_new_pictures_stay(instance: dg.DagsterInstance, between: datetime):
    assert scrub_pictures(instance, between) == 3

    assert "data:image" not in shown(instance, "frames", EAST)
    assert "data:image" in shown(instance, "frames", WEST)
    assert "data:image" in str(instance.get_latest_materialization_event(dg.AssetKey("frames")))


def test_pictures_of_chosen_partitions_go_however_new(instance: dg.DagsterInstance):
    assert scrub_pictures(instance, now(), {"frames": {WEST}}) == 1

    assert "data:image" not in shown(instance, "frames", WEST)
    assert "data:image" not in str(instance.get_latest_materialization_event(dg.AssetKey("frames")))
    assert "data:image" in shown(instance, "frames", EAST)
    assert "data:image" in shown(instance, "tracks", WEST)


def test_pictures_of_events_that_the_index_has_lost_go(instance: dg.DagsterInstance, home: Path):
    instance.wipe_assets([dg.AssetKey("frames"), dg.AssetKey("tracks")])
    assert remains(home)

    scrub_pictures(instance, now())

    assert remains(home) == []


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A build of SQLite that leaves in the file what is deleted."""
    forget = lambda connection, _: connection.execute("PRAGMA secure_delete=OFF").close()  # noqa: E731
    monkeypatch.setattr(forgetting, "_SQLITE_ZEROES", False)
    db.event.listen(db.Engine, "connect", forget)
    yield
    db.event.remove(db.Engine, "connect", forget)


def test_nothing_is_left_in_the_gaps_of_a_file(careless: None, instance: dg.DagsterInstance, home: Path):
    with sqlite3.connect(home / "history" / "runs" / "index.db") as index:  # as if somebody had done half of the work
        index.execute("PRAGMA secure_delete=OFF")
        index.execute("UPDATE event_logs SET event = '{}' WHERE event LIKE '%data:image%'")
        index.execute("UPDATE asset_keys SET last_materialization = NULL")
        index.execute("UPDATE asset_check_executions SET evaluation_event = NULL")
    index.close()
    assert "history/runs/index.db" in remains(home)

    scrub_pictures(instance, now())

    assert remains(home) == []


@pytest.mark.parametrize("at", range(1, 4))
def test_a_killed_one_is_ended_by_the_next(instance: dg.DagsterInstance, home: Path, monkeypatch: pytest.MonkeyPatch, at: int):
    before, calls, tidy = known(instance), [], forgetting._tidy

    def die(engine: db.Engine, changed: int) -> None:
        calls.append(engine)
        if len(calls) == at:
            raise KeyboardInterrupt
        tidy(engine, changed)

    monkeypatch.setattr(forgetting, "_tidy", die)
    with pytest.raises(KeyboardInterrupt):
        scrub_pictures(instance, now())
    monkeypatch.setattr(forgetting, "_tidy", tidy)
    scrub_pictures(instance, now())

    assert remains(home) == []
    assert known(instance) == before


def test_a_file_in_use_is_named_and_the_others_are_cleaned(
    instance: dg.DagsterInstance, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(forgetting, "SQLITE_BUSY_TIMEOUT_SECONDS", 0.05)
    run_id = instance.get_runs()[0].run_id
    reader = sqlite3.connect(home / "history" / "runs" / f"{run_id}.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event_logs").fetchone()

    with pytest.raises(CctviewError, match=rf"{run_id}.db can't be cleaned of pictures, do it again later: others read it"):
        scrub_pictures(instance, now())
    assert "history/runs/index.db" not in remains(home) != []

    reader.close()
    scrub_pictures(instance, now())
    assert remains(home) == []


def test_files_of_runs_long_done_are_not_opened_again(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch):
    scrub_pictures(instance, now() + timedelta(days=9))
    assert forgetting._mark(instance, forgetting.PICTURES_MARK) < now()  # what is still to come is not done
    done = {forgetting.PICTURES_MARK: (now() + timedelta(days=2)).isoformat()}  # as if two days had passed
    instance.daemon_cursor_storage.set_cursor_values(done)
    opened, engine = [], forgetting._engine
    monkeypatch.setattr(forgetting, "_engine", lambda storage, shard: opened.append(shard) or engine(storage, shard))

    scrub_pictures(instance, now() + timedelta(days=2))

    assert opened == ["index"]


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
    assert mark_deleted(instance, "frames", EAST, "deleted on purpose: older than 24 h", rows=0)

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
    assert mark_deleted(instance, "frames", EAST, "deleted on purpose: older than 24 h")
    assert not mark_deleted(instance, "frames", EAST, "deleted on purpose: older than 24 h")
    assert mark_deleted(instance, "frames", EAST, "erased on request")
    assert len(instance.fetch_materializations(dg.AssetKey("frames"), limit=9).records) == 4


def test_a_partition_that_never_was_gets_no_verdict(instance: dg.DagsterInstance):
    assert not mark_deleted(instance, "frames", "east|17", "deleted on purpose: older than 24 h")
    assert instance.get_materialized_partitions(dg.AssetKey("frames")) == {EAST, WEST}


def test_the_same_with_postgres_and_s3(tmp_path: Path, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    with postgres_server() as postgres:
        for name, value in (postgres | s3 | {"DAGSTER_LOGS_BUCKET": "lake"}).items():
            monkeypatch.setenv(name, value)
        (tmp_path / "dagster.yaml").write_text((project_root() / "deploy" / "dagster.yaml").read_text())
        of_other_tests = logged(s3)
        with dg.DagsterInstance.from_config(str(tmp_path)) as production:
            make(production, EAST)
            between = now()
            run = make(production, WEST)
            before = known(production)

            assert scrub_pictures(production, between) == 4
            assert "data:image" not in shown(production, "frames", EAST)
            assert "data:image" in str(production.get_latest_materialization_event(dg.AssetKey("frames")))
            assert scrub_pictures(production, now(), {"frames": {WEST}, "tracks": {WEST}}) == 2
            assert scrub_pictures(production, now()) == 2  # of the check, and the output of the step
            with production.event_log_storage.index_connection() as connection:
                for text in ("event_logs", "asset_keys", "asset_check_executions"):
                    asked = f"SELECT count(*) FROM {text} AS t WHERE t::text LIKE '%%data:image%%'"
                    assert connection.exec_driver_sql(asked).scalar() == 0
            assert known(production) == before

            assert mark_deleted(production, "frames", WEST, "deleted on purpose: older than 24 h")
            assert status(production, "frames", WEST) == status(production, "tracks", WEST) == "FRESH"

            assert delete_logs(production, between) == 1
            assert logged(s3) - of_other_tests == {run.run_id}


def logged(s3: dict[str, str]) -> set[str]:
    """Runs whose output is in the bucket."""
    client = boto3.client("s3", endpoint_url=s3["AWS_ENDPOINT_URL"])
    logs = client.list_objects_v2(Bucket="lake", Prefix="dagster-logs/storage").get("Contents", [])
    return {log["Key"].split("/")[2] for log in logs}
