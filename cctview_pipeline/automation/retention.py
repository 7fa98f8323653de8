"""The job that ends what is over, and the schedule that runs it every hour."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.districts import of_backfill
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.needs import tags_of


class Purge(dg.Config):
    """dry_run: tell what is due, and delete nothing."""

    dry_run: bool = False


@dg.op
def delete_what_is_over(context: dg.OpExecutionContext, config: Purge, lake: LakeResource) -> int:
    """Returns how much went, of an empty lake nothing. Fails when anything due could not be deleted; the next run tries again."""
    from cctview_pipeline.automation.lifetimes import end_lifetimes

    store = lake.open()
    campaign = store.campaign()
    if campaign is None:
        return 0
    ended = end_lifetimes(context.instance, store, campaign, datetime.now(UTC), config.dry_run)
    counts = ended.counts()
    context.add_output_metadata({"dry_run": config.dry_run, "counts": counts, "failed": len(ended.report.failed)})
    for each, why in ended.report.failed:
        context.log.error(f"{each.place} could not be deleted: {why}")
    if ended.report.failed:
        raise dg.Failure(
            f"{len(ended.report.failed)} of what is over could not be deleted, such as {ended.report.failed[0][0].place}."
        )
    return sum(counts.values())


def retention_job(campaign: Campaign) -> dg.JobDefinition:
    """The job of the one op, which deletes what is over."""

    @dg.job(description="Delete what is older than the campaign allows.", tags=tags_of(campaign, "retention_job"))
    def retention_job() -> None:
        delete_what_is_over()

    return retention_job


def is_time(instance: dg.DagsterInstance, district: str = "") -> bool:
    """Not while a backfill of the district goes on that is younger than an hour: of a spool that is days old, what it makes would
    be deleted under its hands. A longer one must not put retention off."""
    young = datetime.now(UTC).timestamp() - timedelta(hours=1).total_seconds()
    going_on = instance.get_backfills(BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED]))
    return not any(each.backfill_timestamp > young and of_backfill(each) == district for each in going_on)


def hourly_retention(job: dg.JobDefinition, district: str = "") -> dg.ScheduleDefinition:
    """The schedule ``hourly_retention`` of the job that deletes what is over."""
    return dg.ScheduleDefinition(
        name="hourly_retention",
        job=job,
        cron_schedule="7 * * * *",
        should_execute=lambda context: is_time(context.instance, district),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every hour: what is older than [campaign.privacy.lifetimes] in campaign.toml allows goes.",
    )
