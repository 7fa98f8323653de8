"""What Dagster keeps of runs that ended long ago goes: its own retention ends ticks of schedules and sensors, and no run.

A deployment of a thousand cameras writes gigabytes of events a day, and a page that looks through them gets slower with each
(docs/scale.md). What a run made stays in the lake; Dagster forgets that it was made. So a campaign that is never finished with,
such as an archive's, keeps its runs: nothing is deleted unless ``CCTVIEW_RUNS_KEPT`` says for how long they stay.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetEventTagsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.districts import TAG, district_tags, of_run
from cctview_pipeline.durations import parse_duration
from cctview_pipeline.environment import RUNS_KEPT
from cctview_pipeline.errors import CctviewError, ConfigurationError
from cctview_pipeline.resources.needs import tags_of

KEPT = ("hours", "days")
"""Jobs of journeys and figures: a run an hour, a run a day, and what they made is never made again by itself."""
LIMIT_S = 300.0
"""What one run may take of the hour; the next goes on."""
AT_A_TIME = 100
SHORTEST = timedelta(days=1)


@dataclass(frozen=True)
class Deleted:
    """runs: that went, with their events; marks: events that belonged to no run; left: runs that are due and are still there."""

    runs: int
    marks: int
    left: int


def delete_old_runs(instance: dg.DagsterInstance, before: datetime, limit_s: float = LIMIT_S, district: str = "") -> Deleted:
    """For so many seconds, delete a district's finished runs that last changed before a time, oldest first; and what was said
    without one."""
    due, counted = _due(before), [_due(before, job, district) for job in (None, *KEPT)]
    until, gone, cursor = time.monotonic() + limit_s, 0, None
    while time.monotonic() < until and (runs := instance.get_runs(due, cursor, AT_A_TIME, ascending=True)):
        going = [run.run_id for run in runs if run.job_name not in KEPT and of_run(run) == district]
        for run_id in going:
            instance.delete_run(run_id)
        _forget_checks(instance, going)
        gone += len(going)
        cursor = next((run.run_id for run in reversed(runs) if run.run_id not in going), cursor)
    every, *kept = map(instance.get_runs_count, counted)
    return Deleted(gone, _forget_marks(instance, before, district), every - sum(kept))


def _due(before: datetime, job: str | None = None, district: str = "") -> dg.RunsFilter:
    return dg.RunsFilter(job_name=job, statuses=FINISHED_STATUSES, updated_before=before, tags=district_tags(district))


def _forget_checks(instance: dg.DagsterInstance, runs: list[str]) -> None:
    """Dagster leaves the verdicts of a run's checks behind."""
    storage = instance.event_log_storage
    if runs and isinstance(storage, SqlEventLogStorage):
        with storage.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.delete().where(AssetCheckExecutionsTable.c.run_id.in_(runs)))


def _forget_marks(instance: dg.DagsterInstance, before: datetime, district: str) -> int:
    """Events without a run: that a partition of the district was deleted on purpose. Returns how many went."""
    storage, events = instance.event_log_storage, SqlEventLogStorageTable.c
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    old = (events.run_id == RUNLESS_RUN_ID) & (events.timestamp < before.astimezone(UTC).replace(tzinfo=None))
    # Keys stand there as ["north", "raw_frames"], or as ["raw_frames"].
    old &= events.asset_key.startswith(f'["{district}", ') if district else ~events.asset_key.contains('", "')
    with storage.index_connection() as connection:
        ids = SqlEventLogStorageTable.select().with_only_columns(events.id).where(old)
        connection.execute(AssetEventTagsTable.delete().where(AssetEventTagsTable.c.event_id.in_(ids)))
        return connection.execute(SqlEventLogStorageTable.delete().where(old)).rowcount


def runs_kept() -> timedelta | None:
    """How long; None for as long as there is room. Raises CctviewError, with the mend."""
    said = RUNS_KEPT.get()
    if not said:
        return None
    try:
        kept = parse_duration(said)
    except CctviewError as error:
        raise ConfigurationError(f"CCTVIEW_RUNS_KEPT: {error}") from error
    if kept < SHORTEST:
        raise ConfigurationError(f"CCTVIEW_RUNS_KEPT is '{said}': keep runs for a day at least, such as 14d, or leave it unset.")
    return kept


@dg.op
def forget_old_runs(context: dg.OpExecutionContext) -> None:
    """Delete what is older than ``CCTVIEW_RUNS_KEPT``, and say how much."""
    kept = runs_kept()
    if kept:
        deleted = delete_old_runs(context.instance, datetime.now(UTC) - kept, district=context.run.tags.get(TAG, ""))
        context.add_output_metadata({"runs": deleted.runs, "marks": deleted.marks, "left": deleted.left})


def old_runs_job(campaign: Campaign) -> dg.JobDefinition:
    """The job of the one op, which deletes the records of the campaign's own runs."""

    @dg.job(description="Delete Dagster's records of runs that ended long ago.", tags=tags_of(campaign, "old_runs_job"))
    def old_runs_job() -> None:
        forget_old_runs()

    return old_runs_job


def hourly_old_runs(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """The schedule ``hourly_old_runs`` of the job."""

    @dg.schedule(job=job, cron_schedule="37 * * * *", execution_timezone="UTC", default_status=dg.DefaultScheduleStatus.RUNNING)
    def hourly_old_runs() -> dg.RunRequest | dg.SkipReason:
        """Every hour, where CCTVIEW_RUNS_KEPT is set."""
        return dg.RunRequest() if runs_kept() else dg.SkipReason("CCTVIEW_RUNS_KEPT is not set: Dagster keeps every run.")

    return hourly_old_runs
