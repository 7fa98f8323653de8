"""The launcher of runs on a Ray cluster: dagster-ray's, which waits while the cluster's head does not answer.

As released, a run that is launched while the head is away fails at once, and so do its retries, within seconds: an outage of a
minute eats all of them. Here such a run goes back into the queue and is tried again until the head is there; Dagster does so
already for code servers that do not answer, so the launcher says that one does not (``max_user_code_failure_retries`` and
``user_code_failure_retry_delay`` in dagster.yaml). And a run that goes on while the head is away is not asked about, but its
time is still limited: as released the question fails, and ``max_runtime_seconds`` is not looked at.

A run goes to its node with what its code server says of its district, which is no secret: ``--container-context '{"cctview":
{"CCTVIEW_LAKE": "s3://bucket/district"}}'``. As released Ray's runs find the node's environment and nothing else, so that a
cluster could serve one lake only.

dagster.yaml names it (deploy/ray/dagster.yaml); it is configured as its parent is.
"""

import re
import shlex

from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun
from dagster_ray import RayRunLauncher
from dagster_ray.core.run_launcher import get_job_submission_id_from_run_id
from ray.exceptions import AuthenticationError

DISTRICT = "cctview"
"""What of a code server's container context is the environment of its runs."""
_FAILED = re.compile(r"status code 5\d\d")
"""How Ray's client tells that the head is there and something behind it is not, such as its store of what is going on."""


class HeadAwayError(DagsterUserCodeUnreachableError):
    """The head of the Ray cluster does not answer, or not to us."""


class PatientRayRunLauncher(RayRunLauncher):
    """Submits each run as a Ray job, as soon as there is a head that takes it."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Raises HeadAwayError, upon which Dagster puts the run back into its queue."""
        try:
            if not self._has_job(context.dagster_run.run_id):
                super().launch_run(context)
        except Exception as error:
            if is_away(error):
                raise HeadAwayError(f"The head of the Ray cluster, {self.address}, does not take a run: it waits.") from error
            raise

    def _launch_ray_job(self, submission_id: str, entrypoint: str, run: DagsterRun) -> None:
        """entrypoint: a line for a shell."""
        origin = run.job_code_origin
        context = (origin.repository_origin.container_context or {}) if origin else {}
        said = [shlex.quote(f"{name}={value}") for name, value in context.get(DISTRICT, {}).items()]
        super()._launch_ray_job(submission_id, " ".join(["env", *said, entrypoint] if said else [entrypoint]), run)

    def _has_job(self, run_id: str) -> bool:
        """Whether the head took it before and only its answer was lost: it refuses a job that it has."""
        try:
            self.client.get_job_status(get_job_submission_id_from_run_id(run_id))
        except RuntimeError as error:
            if is_away(error):
                raise
            return False
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """While the head is away nobody knows: the run is taken to go on, until it has had its time."""
        try:
            found = super().check_run_worker_health(run)
        except Exception as error:
            if is_away(error):
                return CheckRunHealthResult(WorkerStatus.RUNNING, "the head of the Ray cluster does not answer")
            raise
        if found.status is WorkerStatus.UNKNOWN and _FAILED.search(found.msg or ""):
            return CheckRunHealthResult(WorkerStatus.RUNNING, found.msg)
        return found


def is_away(error: BaseException) -> bool:
    """Whether an error of Ray's client means that the head could not be reached, is not ready, or has another token."""
    return isinstance(error, OSError | AuthenticationError) or bool(_FAILED.search(str(error)))
