"""What Dagster keeps of old runs goes, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from cctview_pipeline.automation.old_runs import Deleted, delete_old_runs, hourly_old_runs, old_runs_job, runs_kept
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline_tests.factories.jobs import archive_campaign
from cctview_pipeline_tests.factories.postgres_server import postgres_server

LATER = timedelta(minutes=1)


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]), check_specs=[dg.AssetCheckSpec("whole", asset="tracks")])
def tracks() -> dg.MaterializeResult:
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


MADE = dg.Definitions([tracks], jobs=[dg.define_asset_job(name, [tracks]) for name in ("tracking", "days")])


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    if request.param == "sqlite":
        with dg.DagsterInstance.local_temp(str(tmp_path)) as found:
            yield found
        return
    with postgres_server() as server:
        for name, value in server.items():
            monkeypatch.setenv(name, value)
        url = "postgresql+psycopg2://{DAGSTER_PG_USERNAME}@{DAGSTER_PG_HOST}:{DAGSTER_PG_PORT}/{DAGSTER_PG_DB}".format(**server)
        (tmp_path / "dagster.yaml").write_text(f"storage: {{postgres: {{postgres_url: '{url}'}}}}")
        with dg.DagsterInstance.from_config(str(tmp_path)) as found:
            yield found


def run(instance: dg.DagsterInstance, job: str, partition: str) -> str:
    return MADE.resolve_job_def(job).execute_in_process(instance=instance, partition_key=partition).run_id


def test_runs_go_with_their_events_and_checks_and_what_was_said_without_one(instance: dg.DagsterInstance):
    old, day = run(instance, "tracking", "a"), run(instance, "days", "b")
    instance.report_runless_asset_event(
        dg.AssetMaterialization("tracks", partition="a", metadata={"verdict": "deleted on purpose"})
    )
    before = datetime.now(UTC)
    new = run(instance, "tracking", "b")

    assert delete_old_runs(instance, before) == Deleted(runs=1, marks=1, left=0)

    assert [instance.has_run(run_id) for run_id in (old, day, new)] == [False, True, True]
    assert not instance.all_logs(old)
    assert instance.get_materialized_partitions(dg.AssetKey("tracks")) == {"b"}
    checks = instance.event_log_storage.get_asset_check_execution_history(dg.AssetCheckKey(dg.AssetKey("tracks"), "whole"), 10)
    assert {check.run_id for check in checks} == {day, new}


@pytest.mark.parametrize("instance", ["sqlite"], indirect=True)
def test_what_there_was_no_time_for_is_counted_and_goes_the_next_time(instance: dg.DagsterInstance):
    run(instance, "tracking", "a"), run(instance, "tracking", "b")
    later = datetime.now(UTC) + LATER
    assert delete_old_runs(instance, later, limit_s=0).left == 2
    assert delete_old_runs(instance, later) == Deleted(runs=2, marks=0, left=0)


def test_nothing_goes_unless_it_is_said_for_how_long_runs_stay(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CCTVIEW_RUNS_KEPT", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        made = run(instance, "tracking", "a")
        job = old_runs_job(archive_campaign())
        assert isinstance(hourly_old_runs(job)(), dg.SkipReason)
        assert job.execute_in_process(instance=instance).success
        assert instance.has_run(made)


@pytest.mark.parametrize(("said", "mend"), [("soon", "90s, 20m, 1h30m or 7d"), ("3h", "a day at least")])
def test_what_is_no_such_time_is_refused(monkeypatch: pytest.MonkeyPatch, said: str, mend: str):
    monkeypatch.setenv("CCTVIEW_RUNS_KEPT", said)
    with pytest.raises(ConfigurationError, match=mend):
        runs_kept()
