"""The jobs, the schedule and the sensor that chains them, on a self-made archive."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest
from dagster._core.launcher import DefaultRunLauncher

from cctview_pipeline.automation.jobs import GROUP, makes_in_one_run, partitions_of, range_tags
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline_tests.factories.jobs import CAMERAS, FIRST, HOUR, LAST, archive_campaign, run
from cctview_pipeline_tests.factories.launchers import ElsewhereLauncher
from cctview_pipeline_tests.factories.many_cameras import in_groups


def sensed(lake: Lake, result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """What the sensor asks for after a run."""
    (event,) = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.RUN_SUCCESS)
    next_job = build_definitions(lake.require_campaign()).resolve_sensor_def("next_job")
    with dg.build_run_status_sensor_context(
        sensor_name="next_job",
        dagster_event=event.dagster_event,
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        resources={"lake": LakeResource()},
    ) as context:
        found = list(next_job(context))
    return [request for request in found if isinstance(request, dg.RunRequest)]


def test_one_job_leads_to_the_next_until_the_marts_are_there(archive: Path, lake: Lake):
    with dg.DagsterInstance.ephemeral() as instance:
        cameras = run(lake, "camera_hours", FIRST, LAST, instance)
        (hours_request,) = sensed(lake, cameras, instance)
        assert hours_request.job_name == "hours"
        assert hours_request.tags == range_tags(Partition.of_hour(HOUR), Partition.of_hour(HOUR))
        journeys = run(lake, "hours", Partition.of_hour(HOUR), Partition.of_hour(HOUR), instance)
        assert sensed(lake, journeys, instance) == []  # the campaign's day has three hours more

        for hour in (16, 18, 19):
            other = HOUR.replace(hour=hour)
            run(
                lake,
                "camera_hours",
                Partition.camera_hour(CAMERAS[0], other),
                Partition.camera_hour(CAMERAS[-1], other),
                instance,
            )
        journeys = run(
            lake, "hours", Partition.of_hour(HOUR.replace(hour=16)), Partition.of_hour(HOUR.replace(hour=19)), instance
        )
        (days_request,) = sensed(lake, journeys, instance)
        assert days_request.job_name == "days"
        day = Partition.of_day(HOUR.date())
        marts = run(lake, "days", day, day, instance)
        assert marts.success
    counts = lake.read("vehicle_counts", day).to_pylist()
    passed = sum(lake.read("passages", Partition.camera_hour(camera, HOUR)).num_rows for camera in CAMERAS)
    assert sum(row["vehicles"] or 0 for row in counts) == passed
    assert lake.read("coverage", Partition.camera_hour(CAMERAS[0], HOUR)).num_rows == 4


def test_an_hour_without_all_its_cameras_does_not_start_the_next_job(archive: Path, lake: Lake):
    with dg.DagsterInstance.ephemeral() as instance:
        assert sensed(lake, run(lake, "camera_hours", FIRST, FIRST, instance), instance) == []


def asked(campaign: Campaign, at: datetime) -> list[dg.RunRequest] | dg.SkipReason:
    context = dg.build_schedule_context(scheduled_execution_time=at)
    return build_definitions(campaign).resolve_schedule_def("daily_collection")(context)


PAST_MIDNIGHT = datetime(2020, 5, 6, 4, 30, tzinfo=UTC)
"""In New York."""


def test_the_schedule_asks_for_yesterday_as_one_range():
    (request,) = asked(archive_campaign(), PAST_MIDNIGHT)
    first = Partition.camera_hour(CAMERAS[0], datetime(2020, 5, 5, 16, tzinfo=UTC))
    last = Partition.camera_hour(CAMERAS[-1], datetime(2020, 5, 5, 19, tzinfo=UTC))
    assert request.tags == range_tags(first, last) | {GROUP: "group-1"}
    assert "outside the campaign's window" in asked(archive_campaign(), PAST_MIDNIGHT + timedelta(days=1)).skip_message


def test_the_schedule_asks_for_a_day_of_every_camera_group():
    campaign = in_groups(2, 3)
    assert build_definitions(campaign).resolve_schedule_def("daily_collection").job_name == "frames"
    requests = asked(campaign, PAST_MIDNIGHT)
    ends = [tuple(place.camera for place in partitions_of(request.tags)) for request in requests]
    assert ends == [("cam-0", "cam-1"), ("cam-2", "cam-4")]
    assert len({request.run_key for request in requests}) == 2


@pytest.mark.parametrize(("campaign", "launcher", "one_run"), [("one", True, True), ("one", False, False), ("two", True, False)])
def test_frames_to_matches_are_one_run_where_that_is_quicker(campaign: str, launcher: bool, one_run: bool):
    """Of one group, on one machine."""
    made = {"one": archive_campaign(), "two": in_groups(1, 1)}[campaign]
    instance = mock.Mock(run_launcher=DefaultRunLauncher() if launcher else ElsewhereLauncher())
    assert makes_in_one_run(made, instance) == one_run
