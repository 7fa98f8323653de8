"""Runs on a Ray cluster whose head is away, by a head that answers as one does, or not at all."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
import yaml

pytest.importorskip("dagster_ray", reason="the extra `cluster` is not installed")

from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.events import DagsterEvent
from dagster._core.launcher import LaunchRunContext
from dagster._core.launcher.base import WorkerStatus
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.dagster_run import DagsterRun
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from cctview_pipeline.automation.ray_launcher import HeadAwayError, PatientRayRunLauncher
from cctview_pipeline.paths import project_root


class Head:
    """A head's interface for jobs, which answers once it is started. jobs: submission -> what it was told; broken: it answers,
    and knows nothing."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict] = {}
        self.broken = False
        # Bound and not listening: its port is nobody else's, and refuses.
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(), bind_and_activate=False)
        self._server.server_bind()
        self.port = self._server.server_port

    def start(self) -> None:
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        head = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                job = self.path.rpartition("/")[2]
                if self.path == "/api/version":
                    self._answer(200, {"version": "4", "ray_version": "2.60.0", "ray_commit": "", "session_name": ""})
                elif head.broken:
                    self._answer(500, {})
                elif job in head.jobs:
                    self._answer(200, {"type": "SUBMISSION", "submission_id": job, "status": "RUNNING", "entrypoint": ""})
                else:
                    self._answer(404, {})

            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if head.broken:
                    self._answer(500, {})
                    return
                head.jobs[told["submission_id"]] = told
                self._answer(200, {"job_id": told["submission_id"], "submission_id": told["submission_id"]})

            def _answer(self, status: int, body: dict) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_) -> None:
                pass

        return Handler


@pytest.fixture
def head() -> Iterator[Head]:
    head = Head()
    yield head
    head.stop()


@pytest.fixture
def instance(tmp_path: Path, head: Head, request: pytest.FixtureRequest) -> Iterator[dg.DagsterInstance]:
    """One whose launcher asks that head: ours, or another by its module and class."""
    told = yaml.safe_load((project_root() / "deploy" / "ray" / "dagster.yaml").read_text())
    told["run_launcher"]["config"]["ray"]["address"] = f"http://127.0.0.1:{head.port}"
    told["run_launcher"] |= getattr(request, "param", {})
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({key: told[key] for key in ("run_launcher", "run_coordinator")}))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def a_run(instance: dg.DagsterInstance, **context: str) -> DagsterRun:
    """A queued run of a code server with that environment for its runs."""
    repository = RepositoryPythonOrigin("python", ModuleCodePointer("m", "f"), container_context={"cctview": context})
    job_origin = JobPythonOrigin("job", repository)
    served = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("main"), "repository")
    return instance.create_run_for_job(_job, job_code_origin=job_origin, remote_job_origin=RemoteJobOrigin(served, "job"))


@dg.job
def _job() -> None:
    pass


def launch(instance: dg.DagsterInstance, run: DagsterRun) -> None:
    instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))


def test_a_run_is_held_while_the_head_is_away_and_taken_when_it_is_back(instance: dg.DagsterInstance, head: Head):
    run = a_run(instance)
    with pytest.raises(HeadAwayError):
        launch(instance, run)
    head.start()
    launch(instance, run)
    assert list(head.jobs) == [f"dagster-run-{run.run_id}"]


def test_a_head_that_has_not_found_its_memory_yet_is_away_too(instance: dg.DagsterInstance, head: Head):
    head.start()
    head.broken = True
    run = a_run(instance)
    with pytest.raises(HeadAwayError):
        launch(instance, run)
    assert instance.run_launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


def test_a_job_that_the_head_has_already_is_not_given_to_it_again(instance: dg.DagsterInstance, head: Head):
    head.start()
    run = a_run(instance)
    launch(instance, run)
    head.jobs[f"dagster-run-{run.run_id}"] = {"entrypoint": "the first"}
    launch(instance, run)
    assert head.jobs[f"dagster-run-{run.run_id}"] == {"entrypoint": "the first"}


def test_a_run_lives_while_nobody_can_tell(instance: dg.DagsterInstance, head: Head):
    assert instance.run_launcher.check_run_worker_health(a_run(instance)).status is WorkerStatus.RUNNING


def test_a_run_that_the_head_does_not_know_is_dead(instance: dg.DagsterInstance, head: Head):
    head.start()
    assert instance.run_launcher.check_run_worker_health(a_run(instance)).status is WorkerStatus.UNKNOWN


def test_a_run_goes_to_its_node_with_its_district(instance: dg.DagsterInstance, head: Head):
    head.start()
    launch(instance, a_run(instance, CCTVIEW_LAKE="s3://lake/north side"))
    (told,) = head.jobs.values()
    assert told["entrypoint"].startswith("env 'CCTVIEW_LAKE=s3://lake/north side' ")
    assert set(told["runtime_env"]["env_vars"]) == {"DAGSTER_RUN_JOB_NAME"}


@pytest.mark.parametrize(
    ("instance", "then"),
    [({}, "QUEUED"), ({"module": "dagster_ray", "class": "RayRunLauncher"}, "FAILURE")],
    indirect=["instance"],
    ids=["ours", "as released"],
)
def test_what_dagsters_queue_does_with_a_run_while_the_head_is_away(instance: dg.DagsterInstance, then: str):
    run = a_run(instance)
    instance.report_dagster_event(DagsterEvent.job_enqueue(run), run.run_id)
    workspace = SimpleNamespace(instance=instance, create_request_context=lambda: None)
    list(QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(workspace))
    assert instance.get_run_by_id(run.run_id).status.value == then


def test_the_queue_keeps_runs_for_a_week(instance: dg.DagsterInstance):
    told = yaml.safe_load((project_root() / "deploy" / "ray" / "dagster.yaml").read_text())["run_coordinator"]["config"]
    assert told["max_user_code_failure_retries"] * told["user_code_failure_retry_delay"] > 6 * 24 * 3600
    assert isinstance(instance.run_launcher, PatientRayRunLauncher)
