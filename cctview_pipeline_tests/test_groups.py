"""Camera groups: who is worked on together, and that it stays so when cameras come and go."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.groups import SIZE, CameraGroup, grouped, groups_of, kept_links, natural
from cctview_pipeline_tests.factories.many_cameras import camera, in_groups, streets, with_cameras, without_links

crossings = st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=90)
places = st.tuples(st.floats(-20, 20), st.floats(-20, 20))


def naive(campaign: Campaign) -> list[CameraGroup]:
    """A cut by position in the list."""
    ids = [each.id for each in campaign.cameras]
    return [CameraGroup(str(begin), tuple(ids[begin : begin + SIZE])) for begin in range(0, len(ids), SIZE)]


def said(campaign: Campaign) -> dict[str, str]:
    return {each.id: each.group for each in campaign.cameras}


@given(crossings)
def test_every_camera_is_in_one_group_of_a_size_that_a_run_can_take(keep: set[tuple[int, int]]):
    campaign = streets(10, 10, keep)
    groups = groups_of(campaign)
    assert sorted(each for group in groups for each in group.cameras) == sorted(each.id for each in campaign.cameras)
    assert all(0 < len(group.cameras) <= SIZE for group in groups)
    assert len(groups) <= 2 * -(-len(campaign.cameras) // SIZE)


@given(crossings)
def test_more_links_stay_within_a_group_than_by_position(keep: set[tuple[int, int]]):
    campaign = streets(10, 10, keep)
    assert kept_links(campaign, groups_of(campaign)) >= kept_links(campaign, naive(campaign))


def test_of_streets_with_a_hundred_crossings_most_links_stay_within_a_group():
    """Four squares of five by five would keep 320 of the 360; a cut of the list, whose order says nothing, a quarter."""
    campaign = streets(10, 10)
    assert kept_links(campaign, groups_of(campaign)) > 270
    assert kept_links(campaign, naive(campaign)) < 120


def test_a_road_is_cut_where_a_group_is_full_and_nowhere_else():
    road = streets(1, 60)
    groups = groups_of(road)
    assert [len(group.cameras) for group in groups] == [20, 20, 20]
    assert kept_links(road, groups) == 2 * 57


def test_roads_that_fit_into_a_group_stay_whole():
    """Three roads of twelve, side by side: two of them are one group."""
    roads = streets(5, 12, {(x, y) for x in (0, 2, 4) for y in range(12)})
    groups = groups_of(roads)
    assert kept_links(roads, groups) == len(roads.links) == 3 * 2 * 11
    assert sorted(len(group.cameras) for group in groups) == [12, 24]


def test_up_to_25_cameras_are_one_group_of_which_the_file_says_nothing():
    campaign = without_links(SIZE)
    (group,) = groups_of(campaign)
    assert group.cameras == tuple(f"cam-{n}" for n in range(SIZE))
    assert grouped(campaign) is campaign
    assert groups_of(replace(campaign, cameras=())) == ()


def test_of_more_the_file_names_every_group_and_says_so_for_good():
    campaign = grouped(without_links(60))
    assert Counter(said(campaign).values()) == {"group-1": 20, "group-2": 20, "group-3": 20}
    assert Campaign.from_toml(campaign.to_toml()) == campaign
    assert grouped(campaign) == campaign
    assert groups_of(campaign) == groups_of(without_links(60))


@given(st.lists(places, min_size=1, max_size=40), st.randoms())
def test_whoever_comes_moves_nobody_in_whatever_order_they_come(newcomers: list[tuple[float, float]], random):
    before = grouped(streets(6, 6))
    coming = [camera(f"new-{n}", *place) for n, place in enumerate(newcomers)]
    random.shuffle(coming)
    campaign = before
    for each in coming:
        known = said(campaign)
        campaign = grouped(with_cameras(campaign, each))
        assert {name: group for name, group in said(campaign).items() if name in known} == known
    assert campaign == grouped(with_cameras(before, *coming)), "one by one or all at once"
    assert max(Counter(said(campaign).values()).values()) <= SIZE


def test_a_newcomer_joins_the_nearest_group_by_road_then_by_place_that_has_room():
    campaign = in_groups(25, 20, 20)
    linked = streets(1, 3)
    near_full_group = camera("new", 0, 0)
    assert said(grouped(with_cameras(campaign, near_full_group)))["new"] == "group-2", "the nearest with room"
    one, other, third = (each.id for each in sorted(linked.cameras, key=lambda each: each.latitude))
    two = replace(linked, cameras=tuple(replace(c, group={one: "a", third: "b"}.get(c.id, "")) for c in linked.cameras))
    assert said(grouped(two))[other] == "a"
    apart = camera("new", 400, 400)
    assert said(grouped(with_cameras(in_groups(25, 25), apart)))["new"] == "group-3", "nobody has room"


def test_a_camera_whose_place_nobody_knows_joins_too():
    lost = replace(camera("new", 0, 0), latitude=0.0, longitude=0.0)
    assert said(grouped(with_cameras(in_groups(25, 3), lost)))["new"] == "group-2"


def test_who_leaves_moves_nobody():
    campaign = grouped(streets(8, 8))
    fewer = replace(campaign, cameras=campaign.cameras[3:], links=())
    assert said(grouped(fewer)) == {name: group for name, group in said(campaign).items() if name in said(fewer)}


def test_cameras_and_groups_are_sorted_as_people_count_and_not_as_the_file_has_them():
    names = ["cam-10", "cam-2", "cam-2b", "cam-02", "a", "10", "9"]
    assert sorted(names, key=natural) == ["9", "10", "a", "cam-02", "cam-2", "cam-2b", "cam-10"]
    campaign = in_groups(2, 1)
    assert groups_of(replace(campaign, cameras=campaign.cameras[::-1])) == groups_of(campaign)


def test_a_group_is_named_like_a_camera():
    with pytest.raises(CctviewError, match="group 'a b' is no name of a group"):
        camera("cam-1", 0, 0, group="a b")


def test_four_thousand_cameras_are_cut_in_seconds():
    campaign = streets(50, 80)
    groups = groups_of(campaign)
    assert kept_links(campaign, groups) > 0.7 * 2 * (49 * 80 + 50 * 79)
    assert len(groups) <= 190
