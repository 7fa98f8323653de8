"""Chaining the three jobs: hours start when all cameras of an hour are matched, days when all hours have journeys."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

import dagster as dg

from cctview_pipeline.automation.jobs import camera_hours_job, days_job, hours_job, partitions_of, range_tags
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import CAMPAIGN, days
from cctview_pipeline.resources.lake import LakeResource


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[camera_hours_job, hours_job],
    request_jobs=[hours_job, days_job],
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=5,
)
def next_job(context: dg.RunStatusSensorContext, lake: LakeResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """After a run of one job, start the next for those of its partitions whose inputs are complete."""
    run = context.dagster_run
    covered = partitions_of(run.tags)
    if covered is None:
        yield dg.SkipReason(f"Run {run.run_id} has no partitions.")
        return
    ready = ready_hours if run.job_name == camera_hours_job.name else ready_days
    job = hours_job if run.job_name == camera_hours_job.name else days_job
    for first, last in _stretches(ready(lake.open(), *covered)):
        yield dg.RunRequest(run_key=f"{run.run_id} {first}", job_name=job.name, tags=range_tags(first, last))


def ready_hours(lake: Lake, first: Partition, last: Partition) -> list[Partition]:
    """The hours from first to last in which every camera has its matches."""
    hours = [hour for hour in CAMPAIGN.hours() if first.hour <= hour <= last.hour]
    done = lambda hour: all(lake.has("matches", Partition.camera_hour(c.id, hour)) for c in CAMPAIGN.cameras)  # noqa: E731
    return [Partition.of_hour(hour) for hour in hours if done(hour)]


def ready_days(lake: Lake, first: Partition, last: Partition) -> list[Partition]:
    """The finished days from first to last all of whose hours in the campaign have journeys."""
    finished = set(days.get_partition_keys())
    hours = [hour for hour in CAMPAIGN.hours() if first.hour.date() <= hour.date() <= last.hour.date()]
    by_day = {day: list(group) for day, group in groupby(hours, key=lambda hour: hour.date())}
    return [
        Partition.of_day(day)
        for day, of_day in by_day.items()
        if day.isoformat() in finished and all(lake.has("journeys", Partition.of_hour(hour)) for hour in of_day)
    ]


def _stretches(partitions: list[Partition]) -> Iterator[tuple[Partition, Partition]]:
    """First and last of every uninterrupted stretch, so that one run serves it."""
    times = [partition.hour or partition.day for partition in partitions]
    step = timedelta(hours=1) if partitions and partitions[0].hour else timedelta(days=1)
    begin = 0
    for index in range(1, len(partitions) + 1):
        if index == len(partitions) or times[index] - times[index - 1] != step:
            yield partitions[begin], partitions[index - 1]
            begin = index
