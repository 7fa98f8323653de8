"""One daemon at a time on an instance, and never another lake's."""

import fcntl
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from sqlalchemy.exc import OperationalError

from cctview_pipeline.automation.instance import check_not_served, open_instance, prepare_home, running_daemon
from cctview_pipeline.errors import CctviewError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("CCTVIEW_LAKE", str(tmp_path / "lake"))
    return prepare_home()


def test_the_home_is_made_with_the_projects_settings(home: Path):
    with dg.DagsterInstance.get() as instance:
        assert not instance.telemetry_enabled
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 2


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file" / "dagster"))
    with pytest.raises(CctviewError, match=r"^DAGSTER_HOME: .* can be no folder, because .*file is a file"):
        prepare_home()


def test_the_campaign_is_not_changed_under_a_running_daemon(home: Path):
    with dg.DagsterInstance.get() as instance:
        check_not_served(instance)
        with (home / "daemon.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(CctviewError, match="stop `cctview dev`, give the command again"):
                check_not_served(instance)
        check_not_served(instance)


def test_a_daemon_of_another_lake_is_not_used(home: Path):
    (home / "served-lake").write_text("/another/lake")
    with dg.DagsterInstance.get() as instance, (home / "daemon.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CctviewError, match="works on the lake /another/lake, not on"), running_daemon(instance):
            pass


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("run_queue: [[[", "is no configuration of a Dagster instance"),
        ("\x00", "is no configuration of a Dagster instance"),
        ("- 1", "is no configuration of a Dagster instance"),
        ("nosuch: 1", "is no configuration of a Dagster instance"),
        ("storage:\n  sqlite:\n    base_dir: /proc/no/such", r"The storage that .*dagster.yaml names cannot be reached"),
    ],
)
def test_a_dagster_yaml_that_cannot_be_used_is_one_sentence(home: Path, text: str, sentence: str):
    (home / "dagster.yaml").write_text(text)
    with pytest.raises(CctviewError, match=sentence), open_instance():
        pass


def test_a_storage_that_goes_while_it_is_used_is_told_as_one_that_was_never_there(home: Path):
    """As Dagster says it when PostgreSQL restarts: an error of its own, about one of the database's."""
    gone = RuntimeError("too many retries for DB connection")
    gone.__cause__ = OperationalError("select 1", {}, Exception("starting up"))
    for error, sentence in ((gone, "cannot be reached: start its server"), (RuntimeError("ours"), "^ours$")):
        with pytest.raises((CctviewError, RuntimeError), match=sentence), open_instance():
            raise error


@pytest.mark.parametrize(("launcher", "buried"), [(None, True), ("ElsewhereLauncher", False)])
def test_only_runs_of_this_machine_die_with_its_daemon(home: Path, launcher: str | None, buried: bool):
    if launcher:
        with (home / "dagster.yaml").open("a") as file:
            file.write(f"\nrun_launcher: {{module: cctview_pipeline_tests.factories.launchers, class: {launcher}}}\n")
    with dg.DagsterInstance.get() as instance:
        left = dg.DagsterRun("camera_hours", tags={"dagster/backfill": "abc"}, status=dg.DagsterRunStatus.STARTED)
        instance.add_run(left)
        instance.add_backfill(
            PartitionBackfill(
                backfill_id="abc", status=BulkActionStatus.REQUESTED, from_failure=False, backfill_timestamp=0.0, tags={}
            )
        )
        with running_daemon(instance):
            pass
        run, backfill = instance.get_run_by_id(left.run_id), instance.get_backfill("abc")
    assert (run.status == dg.DagsterRunStatus.FAILURE, backfill.status == BulkActionStatus.CANCELED) == (buried, buried)
