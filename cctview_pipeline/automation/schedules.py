"""What runs daily: an archive's or the city's collection (live cameras have one of their own, automation/collecting.py), and
the look for drift."""

from datetime import UTC, date, timedelta

import dagster as dg

from cctview_pipeline.assets.drift import Day
from cctview_pipeline.automation.jobs import Jobs, group_tags
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.groups import groups_of
from cctview_pipeline.lake.layout import format_day


def daily_collection(campaign: Campaign, jobs: Jobs) -> dg.ScheduleDefinition:
    """The schedule that makes the day before of every camera: one run where there is one camera group, else a run a group."""
    calendar, groups = calendar_of(campaign), groups_of(campaign)
    job = jobs.camera_hours if len(groups) < 2 else jobs.frames

    @dg.schedule(job=job, cron_schedule="30 0 * * *", execution_timezone=calendar.zone.key)
    def daily_collection(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        """Half an hour past local midnight: the day before, every camera, as one run over a range for each camera group.

        The sensors then start what rests on it, up to the journeys and the marts.
        """
        day = calendar.day_of(context.scheduled_execution_time) - timedelta(days=1)
        of_day = set(calendar.hours(day))
        hours = [hour for hour in campaign.hours() if hour in of_day]
        if not hours or not campaign.cameras:
            return dg.SkipReason(f"{format_day(day)} is outside the campaign's window, or it has no cameras: see campaign.toml.")
        name = f"daily-{format_day(day)}"
        return [dg.RunRequest(run_key=f"{name}-{group.name}", tags=group_tags(group, hours[0], hours[-1])) for group in groups]

    return daily_collection


def daily_drift(campaign: Campaign, jobs: Jobs) -> dg.ScheduleDefinition:
    """The schedule that compares the day before with what the models were trained on."""

    @dg.schedule(
        job=jobs.drift, cron_schedule="30 2 * * *", execution_timezone="UTC", default_status=dg.DefaultScheduleStatus.RUNNING
    )
    def daily_drift(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """Half past two UTC: the day before, against what the models were trained on."""
        day = _day_before(context)
        if not any(hour.date() == day for hour in campaign.hours()):
            return dg.SkipReason(f"{format_day(day)} is outside the campaign's window: see campaign.toml.")
        chosen = Day(day=format_day(day))
        config = dg.RunConfig({"detector_model_score_drift": chosen, "extractor_model_embedding_drift": chosen})
        return dg.RunRequest(run_key=f"drift-{format_day(day)}", run_config=config)

    return daily_drift


def _day_before(context: dg.ScheduleEvaluationContext) -> date:
    return (context.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)).date()
