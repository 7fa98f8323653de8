"""Whoever starts a run, its tags say what it needs of a machine."""

from dataclasses import replace

import dagster as dg
import pytest

from cctview_pipeline.backfill import launch as backfill
from cctview_pipeline.backfill.followed import Followed, Outcome
from cctview_pipeline.backfill.launch import whole_plan
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.resources.needs import KUBERNETES, NEEDS, RAY, needs_of
from cctview_pipeline_tests.factories.jobs import archive_campaign

LIVE = replace(archive_campaign(), network="nyc-dot", resources={"vision": {"gpus": 0.5}})


@pytest.mark.parametrize("campaign", [archive_campaign(), LIVE, replace(archive_campaign(), network="city", path=None)])
def test_every_job_has_tags_that_say_it(campaign: Campaign):
    """Dagster gives a job's tags to the runs that schedules, sensors and people start from it."""
    repository = build_definitions(campaign).get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    assert {job.name for job in jobs} == set(NEEDS) - (set() if campaign.network == "nyc-dot" else {"collect_job"})
    for job in jobs:
        assert {RAY: job.tags[RAY], KUBERNETES: job.tags[KUBERNETES]} == needs_of(campaign, job.name).tags()


def test_every_schedule_and_sensor_starts_one_of_these_jobs():
    repository = build_definitions(LIVE).get_repository_def()
    started = {schedule.job_name for schedule in repository.schedule_defs}
    started |= {target.job_name for sensor in repository.sensor_defs for target in sensor.targets}
    assert started <= set(NEEDS)
    assert started == set(NEEDS) - {"labelling"}


def test_backfills_are_given_them(monkeypatch: pytest.MonkeyPatch):
    """Dagster gives a backfill's tags to its runs, and a job's to none of them."""
    campaign = replace(archive_campaign(), resources={"days": {"cpus": 3.0}})
    monkeypatch.setattr(Followed, "look", lambda self: Outcome(True, 1, None))
    monkeypatch.setattr(backfill, "LOOK_S", 0)
    plan = whole_plan(campaign, [camera.id for camera in campaign.cameras], campaign.hours())
    graph = build_definitions(campaign).get_repository_def().asset_graph
    with dg.DagsterInstance.ephemeral() as instance:
        backfill.run(instance, graph, campaign, plan, "made", lambda stage, done, working: None)
        launched = {each.title: each.tags for each in instance.get_backfills()}
    needs = {
        "made: frames to features": "camera_hours",
        "made: tracks and matches": "camera_hours",
        "made: journeys and marts": "days",
    }
    assert {title: {RAY: tags[RAY], KUBERNETES: tags[KUBERNETES]} for title, tags in launched.items()} == {
        title: needs_of(campaign, job).tags() for title, job in needs.items()
    }
