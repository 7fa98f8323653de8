"""Starting jobs: camera hours when the spool has one, hours when all cameras of one are matched, days when all hours have
journeys."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from cctview_pipeline.automation.jobs import GROUP, Jobs, group_tags, makes_in_one_run, partitions_of, range_tags
from cctview_pipeline.automation.ready import ready_days, ready_hours, stretches
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.groups import CameraGroup, groups_of
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.lake.roster import Roster
from cctview_pipeline.resources.lake import LakeResource

SEALS = "cctview/seals"
"""The tag of a run that seals an hour: its hour, after its district where it has one."""
RETRY_S = 60
"""After a run that left an hour's segments in the spool; twice as long after each further one."""


def next_job(campaign: Campaign, jobs: Jobs, roster: Roster) -> dg.SensorDefinition:
    """The sensor that starts what a finished run has made possible; between ``frames`` and ``hours`` next_stage.py does."""

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
        if run.job_name == jobs.camera_hours.name:
            ready, job = ready_hours(campaign, lake.open(), roster, *covered), jobs.hours
        else:
            ready, job = ready_days(campaign, lake.open(), *covered), jobs.days
        for first, last in stretches(ready):
            yield dg.RunRequest(run_key=f"{run.run_id} {first}", job_name=job.name, tags=range_tags(first, last))

    return next_job


def seal_hours(campaign: Campaign, jobs: Jobs) -> dg.SensorDefinition:
    """The sensor that makes hours of live cameras once they are over; it runs only for a live network."""
    live = campaign.network in LIVE_NETWORKS

    @dg.sensor(
        jobs=[jobs.camera_hours, jobs.frames],
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
        in_one_run, window = makes_in_one_run(campaign, context.instance), set(campaign.hours())
        job = jobs.camera_hours if in_one_run else jobs.frames
        for hour, cameras in sealable(spool, now).items():
            present = own.intersection(cameras) if hour in window else set()
            for group in groups_of(campaign) if present else ():
                in_spool = not present.isdisjoint(group.cameras)
                if key := seal_key(context.instance, sealed(hour, campaign.district), group, now, in_spool):
                    tags = group_tags(group, hour, hour) | {SEALS: sealed(hour, campaign.district)}
                    yield dg.RunRequest(run_key=key, job_name=job.name, tags=tags)

    return seal_hours


def sealed(hour: datetime, district: str = "") -> str:
    """What the tag of a run that seals an hour says."""
    return f"{district} {format_hour(hour)}".lstrip()


def seal_key(instance: dg.DagsterInstance, seals: str, group: CameraGroup, now: datetime, in_spool: bool) -> str | None:
    """The run key of the next attempt at a group's hour, or None while one goes on or the last one failed only just now.

    seals: the hour, as :func:`sealed` says it; in_spool: whether segments have something of the group. An hour whose segments
    are still there has not been sealed, whatever a run before said; a group of which there are none is made once, so that the
    hour is complete.
    """
    records = instance.get_run_records(dg.RunsFilter(tags={SEALS: seals, GROUP: group.name}))
    if any(not record.dagster_run.is_finished for record in records):
        return None
    if not in_spool and any(record.dagster_run.is_success for record in records):
        return None
    if records and (now - records[0].update_timestamp).total_seconds() < RETRY_S * 2 ** min(len(records) - 1, 6):
        return None
    return f"seal {seals} {group.name} {len(records) + 1}"
