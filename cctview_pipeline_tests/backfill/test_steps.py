"""Into which backfills a plan is cut, and which of them wait for which."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from cctview_pipeline.backfill.launch import whole_plan
from cctview_pipeline.backfill.steps import Step, steps_of
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.groups import groups_of
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.many_cameras import in_groups, without_links

MIDNIGHT = HOUR_17.replace(hour=0)


def steps(campaign: Campaign, hours: int, one_machine: bool = True, at_a_time: int = 2, begin: datetime = MIDNIGHT) -> list[Step]:
    """Of everything that so many hours lead to."""
    long = replace(campaign, start=begin, end=begin + hours * HOUR)
    plan = whole_plan(long, [camera.id for camera in long.cameras], [begin + n * HOUR for n in range(hours)])
    found = steps_of(long, plan, at_a_time, one_machine)
    whole = {(table, place) for step in found for table, places in step.plan.items() for place in places}
    assert whole == {(table, place) for table, places in plan.items() for place in places}
    assert len(whole) == sum(len(places) for step in found for places in step.plan.values()), "nothing is made twice"
    assert all(number < place for place, step in enumerate(found) for number in step.after)
    return found


def named(found: list[Step]) -> list[str]:
    return [step.name for step in found]


def waits_for(found: list[Step], number: int) -> set[int]:
    """The steps that have ended when one begins."""
    direct = set(found[number].after)
    return direct.union(*(waits_for(found, each) for each in direct))


def size(step: Step) -> tuple[int, int]:
    """Cameras and hours of its tables of both."""
    places = {place for found in step.plan.values() for place in found if place.camera}
    return len({place.camera for place in places}), len({place.begin for place in places})


@pytest.mark.parametrize(("cameras", "hours"), [(6, 1), (6, 24), (25, 1), (2, 3)])
def test_a_small_campaign_on_one_machine_has_three(cameras: int, hours: int):
    """Dagster cuts each into runs: an hour of all cameras, or all hours of a camera, which are in order in one run."""
    found = steps(without_links(cameras), hours)
    assert named(found) == ["frames to features", "tracks and matches", "journeys and marts"]
    assert [step.after for step in found] == [(), (0,), (0, 1)]
    assert {step.job for step in found} == {"camera_hours", "days"}


def test_of_one_camera_and_hour_there_are_two():
    assert named(steps(without_links(1), 1)) == ["frames to matches", "journeys and marts"]


def test_hours_that_dagster_would_not_keep_in_order_are_tracked_one_after_another():
    """Two hours of six cameras would be a run an hour, side by side. So these are halves of the cameras."""
    found = steps(without_links(6), 2)
    assert named(found) == ["frames to features", *["tracks"] * 4, "matches", "journeys and marts"]
    assert [size(step) for step in found[1:5]] == [(3, 1)] * 4
    assert [step.after for step in found[1:6]] == [(0,), (1,), (0,), (3,), (0, 1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("cameras", "hours", "sizes"), [(25, 24, [(13, 24), (12, 24)]), (20, 24, [(20, 24)]), (6, 4, [(3, 4)] * 2)]
)
def test_tracks_of_more_hours_than_cameras_are_a_run_a_camera(cameras: int, hours: int, sizes: list[tuple[int, int]]):
    found = steps(in_groups(cameras), hours, one_machine=False)
    assert [size(step) for step in found if step.name == "tracks"] == sizes


def test_of_several_groups_a_step_is_of_a_stage_of_a_group_and_a_day():
    campaign = in_groups(25, 20)
    east, west = (set(group.cameras) for group in groups_of(campaign))
    found = steps(campaign, 26)
    for step in found[:-2]:
        cameras = {place.camera for places in step.plan.values() for place in places}
        assert step.job == "matching" or cameras <= east or cameras <= west
        assert len({place.begin.date() for places in step.plan.values() for place in places}) == 1
        assert set(step.plan) in (
            {"raw_frames", "coverage"},
            {"detections", "crops", "features"},
            {"tracks", "passages", "camera_flows"},
            {"matches"},
        )
    assert {step.job for step in found} == {"frames", "vision", "tracking", "matching", "hours", "days"}


def test_stages_of_a_group_follow_one_another_and_no_group_waits_for_another_before_matches():
    found = steps(in_groups(2, 2), 3, one_machine=False)
    groups = [{place.camera for places in step.plan.values() for place in places} for step in found]
    for number, step in enumerate(found):
        before = waits_for(found, number)
        if step.job in ("frames", "vision", "tracking"):
            assert all(groups[each] & groups[number] for each in before)
        if step.job == "matching":
            assert {each for each in range(len(found)) if found[each].job == "tracking"} <= before
    assert named(found)[-2:] == ["journeys", "marts"]


def test_tracks_of_a_day_wait_for_those_of_the_day_before():
    found = steps(in_groups(3, 3), 4, begin=MIDNIGHT - timedelta(hours=2))
    tracks = [number for number, step in enumerate(found) if step.job == "tracking"]
    for number in tracks:
        cameras = {place.camera for place in found[number].plan["tracks"]}
        first = min(place.begin for place in found[number].plan["tracks"])
        earlier = {
            each for each in tracks for place in found[each].plan["tracks"] if place.camera in cameras and place.begin < first
        }
        assert earlier <= waits_for(found, number)


def test_what_is_there_already_is_no_step():
    campaign = replace(in_groups(2, 2), start=MIDNIGHT, end=MIDNIGHT + HOUR)
    plan = whole_plan(campaign, [camera.id for camera in campaign.cameras], [MIDNIGHT])
    left = {table: places for table, places in plan.items() if table in ("matches", "journeys")}
    assert named(steps_of(campaign, left, 2, True)) == ["matches", "journeys"]
    assert steps_of(campaign, {}, 2, True) == []
