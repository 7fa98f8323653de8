"""What the sensor starts of camera groups, and what it lets wait for what."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import dagster as dg
import pytest

from cctview_pipeline.automation.jobs import GROUP, group_tags, partitions_of, range_tags
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.groups import groups_of
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.roster import Roster
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline_tests.factories.fake_runs import end, ended, going_on
from cctview_pipeline_tests.factories.jobs import CAMERAS, HOUR, archive_campaign, run
from cctview_pipeline_tests.factories.tables import rows

NEXT = HOUR + timedelta(hours=1)
Asked = tuple[str, str, str]
"""Job, first and last partition."""


def in_two_groups() -> Campaign:
    """The first two cameras and the third; all of them are neighbours of the second."""
    archive = archive_campaign()
    names = dict(zip(CAMERAS, ("east", "east", "west"), strict=True))
    return replace(archive, cameras=tuple(replace(each, group=names[each.id]) for each in archive.cameras))


EAST, WEST = groups_of(in_two_groups())


class Sensed:
    """The sensor of a lake, look after look."""

    def __init__(self, lake: Lake, instance: dg.DagsterInstance, roster: Roster | None = None) -> None:
        self.lake, self.instance = lake, instance
        self._sensor = build_definitions(lake.require_campaign(), roster).resolve_sensor_def("next_stage")
        self._cursor: str | None = None

    def requests(self) -> list[dg.RunRequest]:
        with dg.build_sensor_context(self.instance, cursor=self._cursor, resources={"lake": LakeResource()}) as context:
            found = self._sensor.evaluate_tick(context)
        self._cursor = found.cursor
        return list(found.run_requests or ())

    def look(self) -> list[Asked]:
        """What it asks for."""
        return [(each.job_name, *map(str, partitions_of(each.tags))) for each in self.requests()]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def sensed(lake: Lake, instance: dg.DagsterInstance) -> Sensed:
    lake.write_campaign(in_two_groups())
    return Sensed(lake, instance)


def write(lake: Lake, tables: tuple[str, ...], cameras: tuple[str, ...], *hours: datetime) -> None:
    for table, camera, hour in product(tables, cameras, hours):
        lake.write(table, Partition.camera_hour(camera, hour), rows(table).slice(0, 0))


def of_all(hour: datetime) -> dict[str, str]:
    """The tags of a run over all cameras."""
    return range_tags(*(Partition.camera_hour(CAMERAS[end], hour) for end in (0, -1)))


def asked(job: str, cameras: tuple[str, ...], hour: datetime = HOUR) -> Asked:
    return (job, *(str(Partition.camera_hour(cameras[end], hour)) for end in (0, -1)))


def test_frames_of_a_group_lead_to_its_vehicles_and_these_to_its_tracks(sensed: Sensed):
    assert sensed.look() == []
    ended(sensed.instance, "frames", group_tags(EAST, HOUR, HOUR))
    (request,) = sensed.requests()
    assert (request.job_name, request.tags.items() >= group_tags(EAST, HOUR, HOUR).items()) == ("vision", True)
    assert sensed.look() == [], "every end is seen once"
    ended(sensed.instance, "vision", request.tags)
    assert sensed.look() == [asked("tracking", EAST.cameras)]


@pytest.mark.parametrize("job", ["frames", "vision", "tracking"])
@pytest.mark.parametrize("well", [True, False], ids=["well", "badly"])
def test_tracks_wait_for_what_goes_on_of_their_group_in_the_hour_before(sensed: Sensed, job: str, well: bool):
    before = going_on(sensed.instance, job, group_tags(EAST, HOUR, HOUR), dg.DagsterRunStatus.NOT_STARTED)
    for group in (EAST, WEST):
        ended(sensed.instance, "vision", group_tags(group, NEXT, NEXT))
    assert sensed.look() == [asked("tracking", WEST.cameras, NEXT)], "groups go on side by side"
    assert sensed.look() == []
    end(sensed.instance, before, well)
    found = sensed.look()
    if well and job != "tracking":  # then its next job is what they wait for
        following = {"frames": "vision", "vision": "tracking"}[job]
        assert found == [asked(following, EAST.cameras)]
        going_on(sensed.instance, following, group_tags(EAST, HOUR, HOUR))
        assert sensed.look() == []
    else:
        assert found == [asked("tracking", EAST.cameras, NEXT)]


def test_tracks_wait_for_a_run_that_will_be_tried_again(sensed: Sensed):
    tags = group_tags(EAST, HOUR, HOUR) | {"dagster/will_retry": "true"}
    end(sensed.instance, going_on(sensed.instance, "tracking", tags), well=False)
    ended(sensed.instance, "vision", group_tags(EAST, NEXT, NEXT))
    assert sensed.look() == []


def test_matches_of_an_hour_wait_for_the_tracks_of_all_groups(sensed: Sensed):
    other = going_on(sensed.instance, "vision", group_tags(WEST, HOUR, HOUR))
    write(sensed.lake, ("tracks",), EAST.cameras, HOUR)
    ended(sensed.instance, "tracking", group_tags(EAST, HOUR, HOUR))
    assert sensed.look() == []
    end(sensed.instance, other)
    assert sensed.look() == [asked("tracking", WEST.cameras)]
    write(sensed.lake, ("tracks",), WEST.cameras, HOUR)
    ended(sensed.instance, "tracking", group_tags(WEST, HOUR, HOUR))
    assert sensed.look() == [asked("matching", CAMERAS)]


def test_matches_wait_for_the_tracks_of_neighbours_in_another_group_the_hour_before(sensed: Sensed):
    late = going_on(sensed.instance, "tracking", group_tags(WEST, HOUR, HOUR))
    write(sensed.lake, ("tracks",), CAMERAS, NEXT)
    for group in (EAST, WEST):
        ended(sensed.instance, "tracking", group_tags(group, NEXT, NEXT))
    assert sensed.look() == []
    write(sensed.lake, ("tracks",), CAMERAS, HOUR)
    end(sensed.instance, late)
    assert sensed.look() == [asked("matching", CAMERAS, HOUR), asked("matching", CAMERAS, NEXT)]


def test_what_failed_for_good_is_waited_for_by_nobody_and_led_on_when_it_is_mended(sensed: Sensed):
    write(sensed.lake, ("tracks",), EAST.cameras, HOUR)
    ended(sensed.instance, "tracking", group_tags(EAST, HOUR, HOUR))
    assert sensed.look() == [], "a camera has no tracks, and nobody makes them"
    write(sensed.lake, ("tracks",), WEST.cameras, HOUR)
    ended(sensed.instance, "tracking", group_tags(WEST, HOUR, HOUR))  # by hand
    assert sensed.look() == [asked("matching", CAMERAS)]


def test_a_day_of_a_group_is_tracked_in_one_run_and_matched_hour_by_hour(sensed: Sensed):
    ended(sensed.instance, "vision", group_tags(EAST, HOUR, NEXT))
    (request,) = sensed.requests()
    assert request.tags.items() >= group_tags(EAST, HOUR, NEXT).items()
    write(sensed.lake, ("tracks",), CAMERAS, HOUR, NEXT)
    ended(sensed.instance, "tracking", request.tags)
    assert sensed.look() == [asked("matching", CAMERAS, HOUR), asked("matching", CAMERAS, NEXT)]


def test_journeys_are_made_hour_after_hour_and_hours_that_are_ready_together_in_one_run(sensed: Sensed):
    running = going_on(sensed.instance, "matching", of_all(HOUR))
    write(sensed.lake, ("passages", "matches"), CAMERAS, HOUR, NEXT)
    ended(sensed.instance, "matching", of_all(NEXT))
    assert sensed.look() == []
    end(sensed.instance, running)
    assert sensed.look() == [("hours", str(Partition.of_hour(HOUR)), str(Partition.of_hour(NEXT)))]


def test_nobody_waits_for_a_camera_in_an_hour_that_was_over_before_it_came(lake: Lake, instance: dg.DagsterInstance):
    lake.write_campaign(in_two_groups())
    write(lake, ("tracks",), EAST.cameras, HOUR)
    for came, expected in ((NEXT, [asked("matching", CAMERAS)]), (NEXT - timedelta(minutes=1), [])):
        ended(instance, "tracking", group_tags(EAST, HOUR, HOUR))
        assert Sensed(lake, instance, Roster(came={WEST.cameras[0]: came})).look()[-1:] == expected


def test_a_camera_that_left_is_not_waited_for(lake: Lake, instance: dg.DagsterInstance):
    """And the run over all cameras names the first and the last of those that stay."""
    campaign = in_two_groups()
    lake.write_campaign(replace(campaign, cameras=campaign.cameras[:2]))
    write(lake, ("tracks",), CAMERAS[:2], HOUR)
    ended(instance, "tracking", group_tags(EAST, HOUR, HOUR))
    assert Sensed(lake, instance, Roster(groups={CAMERAS[2]: "west"}, left={CAMERAS[2]: NEXT})).look() == [
        asked("matching", CAMERAS)
    ]


@pytest.mark.slow
def test_in_groups_the_same_tables_are_made_as_in_one_run(archive: Path, lake: Lake, instance: dg.DagsterInstance):
    """Jobs one after another as the sensor asks for them, against one job that makes all."""
    begin = HOUR - timedelta(hours=1)
    everything = [Partition.camera_hour(CAMERAS[0], begin), Partition.camera_hour(CAMERAS[-1], HOUR)]
    assert run(lake, "camera_hours", *everything, instance).success
    assert run(lake, "hours", Partition.of_hour(begin), Partition.of_hour(HOUR), instance).success
    tables = ("raw_frames", "detections", "crops", "features", "tracks", "passages", "matches")
    places = [(table, Partition.camera_hour(*place)) for table, *place in product(tables, CAMERAS, (begin, HOUR))]
    places += [("journeys", Partition.of_hour(hour)) for hour in (begin, HOUR)]
    before = [lake.read(*place) for place in places]
    assert sum(table.num_rows for table in before) > 100
    for place in places:
        lake.storage.delete(layout.key(*place))
    lake.write_campaign(replace(lake.require_campaign(), cameras=in_two_groups().cameras))
    with dg.DagsterInstance.ephemeral() as fresh:
        sensed, jobs = Sensed(lake, fresh), list[str]()
        for group in (WEST, EAST):
            assert run(lake, "frames", *partitions_of(group_tags(group, begin, HOUR)), fresh).success
        while requests := sensed.requests():
            for request in requests:
                jobs.append(f"{request.job_name} {request.tags.get(GROUP, '')}".strip())
                assert run(lake, request.job_name, *partitions_of(request.tags), fresh).success
    assert sorted(jobs[:2]) == ["vision east", "vision west"]
    assert sorted(jobs[2:4]) == ["tracking east", "tracking west"]
    assert jobs[4:] == ["matching", "matching", "hours"]
    assert [lake.read(*place).equals(rows) for place, rows in zip(places, before, strict=True)] == [True] * len(places)
