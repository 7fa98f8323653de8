"""Runs that Dagster has on record, and whose end it knows of, though nobody carried them out."""

from collections.abc import Mapping

import dagster as dg

STATUS = dg.DagsterRunStatus


def going_on(instance: dg.DagsterInstance, job: str, tags: Mapping[str, str], status: STATUS = STATUS.STARTED) -> dg.DagsterRun:
    """A run that goes on, or waits in the queue."""
    return instance.add_run(dg.DagsterRun(job, tags=dict(tags), status=status))


def end(instance: dg.DagsterInstance, run: dg.DagsterRun, well: bool = True) -> dg.DagsterRun:
    """It has ended."""
    if well:
        event = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_SUCCESS.value, job_name=run.job_name)
        instance.report_dagster_event(event, run.run_id)
    else:
        instance.report_run_failed(run)
    return run


def ended(instance: dg.DagsterInstance, job: str, tags: Mapping[str, str]) -> dg.DagsterRun:
    """A run that has ended well."""
    return end(instance, going_on(instance, job, tags))
