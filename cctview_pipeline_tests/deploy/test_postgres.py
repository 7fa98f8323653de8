"""deploy/one-machine/dagster-postgres.yaml, and deploy/ray/dagster.yaml, on a real PostgreSQL and a real S3 server."""

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import dagster as dg
import psycopg2
import pytest

from cctview_pipeline.automation.instance import open_instance
from cctview_pipeline.paths import project_root
from cctview_pipeline_tests.factories.postgres_server import postgres_server

ONE_MACHINE, RAY = "one-machine/dagster-postgres.yaml", "ray/dagster.yaml"


@pytest.fixture
def production(
    tmp_path: Path, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[dg.DagsterInstance]:
    """The instance that a file describes, that for one machine as a rule."""
    described = project_root() / "deploy" / getattr(request, "param", ONE_MACHINE)
    with postgres_server() as postgres:
        beside = {"DAGSTER_LOGS_BUCKET": "lake", "RAY_JOBS_ADDRESS": "http://127.0.0.1:8265"}
        for name, value in (postgres | s3 | beside).items():
            monkeypatch.setenv(name, value)
        (tmp_path / "dagster.yaml").write_text(described.read_text())
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            yield instance


@pytest.mark.parametrize("production", [ONE_MACHINE, RAY], indirect=True)
def test_a_run_is_kept_in_postgres_and_its_output_in_s3(production: dg.DagsterInstance, s3: dict[str, str]):
    @dg.asset
    def greeting() -> dg.MaterializeResult:
        print("a line that a person wants to find again")
        return dg.MaterializeResult()

    result = dg.materialize([greeting], instance=production)

    assert type(production.run_storage).__name__ == "PostgresRunStorage"
    assert production.get_run_by_id(result.run_id).is_success
    client = boto3.client("s3", endpoint_url=s3["AWS_ENDPOINT_URL"])
    logs = client.list_objects_v2(Bucket="lake", Prefix="dagster-logs").get("Contents", [])
    printed = [client.get_object(Bucket="lake", Key=log["Key"])["Body"].read() for log in logs if log["Key"].endswith(".out")]
    assert any(b"a line that a person wants to find again" in text for text in printed)
    assert not production.telemetry_enabled


@pytest.mark.parametrize("table", ["job_ticks", "bulk_actions", "asset_check_executions"])
def test_tables_that_a_killed_command_did_not_make_are_made(
    production: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    server = {"host": os.environ["DAGSTER_PG_HOST"], "port": os.environ["DAGSTER_PG_PORT"], "user": "postgres"}
    with psycopg2.connect(**server) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {table} CASCADE")
    connection.close()
    with open_instance():
        pass
    with psycopg2.connect(**server) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone() == (0,)
    connection.close()
