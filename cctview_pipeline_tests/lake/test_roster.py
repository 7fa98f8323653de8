"""The roster: who is and was among a campaign's cameras, and since when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.roster import ROSTER, STAYS, Roster, enrolled, read_roster
from cctview_pipeline_tests.factories.many_cameras import camera, in_groups, with_cameras, without_links

NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=5)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def without(campaign: Campaign, *names: str) -> Campaign:
    return replace(campaign, cameras=tuple(each for each in campaign.cameras if each.id not in names))


def test_a_campaign_that_begins_has_nobody_who_came_later(lake: Lake):
    campaign, roster = enrolled(lake, without_links(3), NOW)
    assert [each.group for each in campaign.cameras] == ["group-1"] * 3
    assert roster == read_roster(lake) == Roster(groups=dict.fromkeys(("cam-0", "cam-1", "cam-2"), "group-1"))


def test_who_leaves_stays_for_a_while_in_its_group(lake: Lake):
    whole = in_groups(2, 2)
    enrolled(lake, whole, NOW)
    _, roster = enrolled(lake, without(whole, "cam-1", "cam-2"), LATER)
    assert roster.departed == {"cam-1": "group-1", "cam-2": "group-2"}
    assert roster == enrolled(lake, without(whole, "cam-1", "cam-2"), LATER + STAYS - timedelta(hours=1))[1]
    assert enrolled(lake, without(whole, "cam-1", "cam-2"), LATER + STAYS)[1].groups == {"cam-0": "group-1", "cam-3": "group-2"}


def test_who_comes_is_expected_from_the_hour_in_which_it_came(lake: Lake):
    enrolled(lake, without_links(2), NOW)
    _, roster = enrolled(lake, without_links(3), NOW)
    ten = NOW.replace(hour=10, minute=0)
    assert [roster.expects("cam-2", ten + timedelta(hours=n)) for n in (-2, -1, 0)] == [False, True, True]
    assert all(roster.expects(name, ten - timedelta(days=400)) for name in ("cam-0", "cam-1"))


def test_who_comes_back_came_when_it_came_back(lake: Lake):
    enrolled(lake, without_links(2), NOW)
    enrolled(lake, without_links(1), NOW)
    _, roster = enrolled(lake, without_links(2), LATER)
    assert (roster.departed, roster.came) == ({}, {"cam-1": LATER})


def test_groups_that_nobody_has_written_down_hold_all_the_same(lake: Lake):
    """Twenty-five cameras are one group; the next one begins another, and the cut of all anew is never asked for."""
    enrolled(lake, without_links(25), NOW)
    campaign, _ = enrolled(lake, with_cameras(without_links(25), camera("new", 3, 0)), LATER)
    assert {each.id: each.group for each in campaign.cameras} == dict.fromkeys((f"cam-{n}" for n in range(25)), "group-1") | {
        "new": "group-2"
    }


def test_what_the_file_says_counts_more(lake: Lake):
    enrolled(lake, without_links(2), NOW)
    said = replace(without_links(2), cameras=tuple(replace(each, group="mine") for each in without_links(2).cameras))
    assert enrolled(lake, said, LATER)[1].groups == {"cam-0": "mine", "cam-1": "mine"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"cameras": 3}', '{"cameras": {"cam-0": {}}}', '{"cameras": {"a": {"group": "g", "left": "x"}}}']
)
def test_one_that_cannot_be_read_is_made_anew(lake: Lake, text: str):
    lake.storage.write(ROSTER, text.encode())
    assert read_roster(lake) == Roster()
    assert enrolled(lake, without_links(1), NOW)[1] == read_roster(lake) == Roster(groups={"cam-0": "group-1"})


def test_it_is_written_when_it_changes_and_goes_with_its_campaign(lake: Lake):
    enrolled(lake, without_links(2), NOW)
    version = lake.storage.version(ROSTER)
    enrolled(lake, without_links(2), LATER)
    assert lake.storage.version(ROSTER) == version
    lake.write_campaign(without_links(2))
    lake.withdraw_campaign()
    assert not lake.storage.exists(ROSTER)
