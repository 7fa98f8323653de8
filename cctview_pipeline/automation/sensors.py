"""Starting jobs: camera hours when the spool has one, hours when all cameras of one are matched, days when all hours have
journeys."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.automation.jobs import Jobs, partitions_of, range_tags
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.resources.lake import LakeResource

SEALS = "cctview/seals"
"""The tag of a run that seals an hour: its hour, after its district where it has one."""
RETRY_S = 60
"""After a run that left an hour's segments in the spool; twice as long after each further one."""


def next_job(campaign: Campaign, jobs: Jobs) -> dg.SensorDefinition:
    """The sensor that starts what a finished run has made possible."""

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[jobs.camera_hours, jobs.hours],
        request_jobs=[jobs.hours, jobs.days],
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
        after_camera_hours = run.job_name == jobs.camera_hours.name
        ready, job = (ready_hours, jobs.hours) if after_camera_hours else (ready_days, jobs.days)
        for first, last in _stretches(ready(campaign, lake.open(), *covered)):
            yield dg.RunRequest(run_key=f"{run.run_id} {first}", job_name=job.name, tags=range_tags(first, last))

    return next_job


def seal_hours(campaign: Campaign, jobs: Jobs) -> dg.SensorDefinition:
    """The sensor that makes hours of live cameras once they are over; it runs only for a live network."""
    live = campaign.network in LIVE_NETWORKS

    @dg.sensor(
        job=jobs.camera_hours,
        default_status=dg.DefaultSensorStatus.RUNNING if live else dg.DefaultSensorStatus.STOPPED,
        minimum_interval_seconds=30,
    )
    def seal_hours(context: dg.SensorEvaluationContext, lake: LakeResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """Bring hours that live cameras have finished from the spool into the lake, and then delete what the lake has."""
        from cctview_pipeline.collect.sealing import release, sealable, strangers
        from cctview_pipeline.spool.opening import open_spool

        if not live or not campaign.path:
            yield dg.SkipReason("This lake's frames come from no live network.")
            return
        store, spool, now = lake.open(), open_spool(campaign.path), datetime.now(UTC)
        own = {camera.id for camera in campaign.cameras}
        for segment in release(spool, store, own, now):
            if segment.is_set_aside:
                context.log.warning(
                    f"Some records of {segment} cannot be read; the lake has all others. It stays to be looked at."
                )
            else:
                context.log.info(f"The lake has all of {segment}: it was deleted.")
        if strange := spool.unreadable():
            context.log.warning(
                f"{len(strange)} files in {spool} are no segments of this version, such as {strange[0].name}: nothing of them "
                "reaches the lake. Install the version that wrote them, or delete them."
            )
        if others := strangers(spool, own):
            context.log.warning(
                f"{len(others)} cameras in {spool} are not among the campaign's, such as {others[0]}: their frames stay there "
                "until campaign.toml names the cameras or somebody deletes the segments."
            )
        waiting = {hour: own & set(cameras) for hour, cameras in sealable(spool, now).items() if hour in campaign.hours()}
        for hour, cameras in waiting.items():
            if cameras and (key := seal_key(context.instance, hour, now, campaign.district)):
                first, last = campaign.cameras[0].id, campaign.cameras[-1].id
                tags = range_tags(Partition.camera_hour(first, hour), Partition.camera_hour(last, hour))
                yield dg.RunRequest(run_key=key, tags=tags | {SEALS: sealed(hour, campaign.district)})

    return seal_hours


def sealed(hour: datetime, district: str = "") -> str:
    """What the tag of a run that seals an hour says."""
    return f"{district} {format_hour(hour)}".lstrip()


def seal_key(instance: dg.DagsterInstance, hour: datetime, now: datetime, district: str = "") -> str | None:
    """The run key of an hour's next attempt, or None while one goes on or the last one failed only just now.

    An hour whose segments are still there has not been sealed, whatever a run before said.
    """
    records = instance.get_run_records(dg.RunsFilter(tags={SEALS: sealed(hour, district)}))
    if any(not record.dagster_run.is_finished for record in records):
        return None
    if records and (now - records[0].update_timestamp).total_seconds() < RETRY_S * 2 ** min(len(records) - 1, 6):
        return None
    return f"seal {format_hour(hour)} {len(records) + 1}"


def ready_hours(campaign: Campaign, lake: Lake, first: Partition, last: Partition) -> list[Partition]:
    """The hours from first to last in which every camera has its passages and matches, or had them until they were deleted on
    purpose."""
    from cctview_pipeline.privacy.tombstones import Tombstones

    hours = [hour for hour in campaign.hours() if first.begin <= hour <= last.begin]
    deleted = {table: Tombstones(lake).partitions(table) for table in ("passages", "matches")}
    there = lambda place: all(lake.has(table, place) or place in gone for table, gone in deleted.items())  # noqa: E731
    done = lambda hour: all(there(Partition.camera_hour(c.id, hour)) for c in campaign.cameras)  # noqa: E731
    return [Partition.of_hour(hour) for hour in hours if done(hour)]


def ready_days(campaign: Campaign, lake: Lake, first: Partition, last: Partition) -> list[Partition]:
    """The finished days of the hours from first to last all of whose hours in the campaign have journeys; and the day before them
    where it has no figures: when its last journeys were made it was not over in Dagster's eyes."""
    calendar, over = calendar_of(campaign), set(campaign.hours())
    touched = calendar.days_of([first.begin + number * HOUR for number in range((last.begin - first.begin) // HOUR + 1)])
    earlier = min(touched) - timedelta(days=1)
    touched += [] if lake.has(MARTS[0], Partition.of_day(earlier)) else [earlier]
    there = lambda hour: lake.has("journeys", Partition.of_hour(hour))  # noqa: E731
    return [
        Partition.of_day(day)
        for day in campaign.days(calendar)
        if day in touched and all(map(there, over.intersection(calendar.hours(day))))
    ]


def _stretches(partitions: list[Partition]) -> Iterator[tuple[Partition, Partition]]:
    """First and last of every uninterrupted stretch, so that one run serves it."""
    times = [partition.begin for partition in partitions]
    step = timedelta(hours=1) if partitions and partitions[0].hour else timedelta(days=1)
    begin = 0
    for index in range(1, len(partitions) + 1):
        if index == len(partitions) or times[index] - times[index - 1] != step:
            yield partitions[begin], partitions[index - 1]
            begin = index
