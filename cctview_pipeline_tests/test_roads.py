"""A campaign's graph: edges of corridors and links, and the roads that they make."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.links import Link
from cctview_pipeline.roads import Edge, Road, RoadNetwork, heading
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign

ROAD = tuple(replace(NORTH, id=f"c-{i}", order=i, latitude=40.75 - i / 100) for i in range(5))
LOOSE = tuple(replace(camera, faces="", corridor="", order=0) for camera in ROAD)


def linked(*pairs: str, both: bool = False, **sides: str) -> Campaign:
    """``"01"``: from c-0 to c-1. Vehicles drive away from every camera, and back towards it."""
    links = [link(*pair, leaves="away", enters="away", **sides) for pair in pairs]
    if both:
        links += [link(*pair[::-1], leaves="towards", enters="towards") for pair in pairs]
    return campaign(cameras=LOOSE, links=tuple(links))


def link(one: str, other: str, **sides: str) -> Link:
    return Link(from_camera=f"c-{one}", to_camera=f"c-{other}", metres=5000.0 + int(one), **sides)


def told(edges: Iterable[Edge]) -> list[str]:
    return [f"{edge.source.id[2:]}{edge.target.id[2:]}" for edge in edges]


def ways(road: Road) -> dict[str, list[str]]:
    return {side: told(edges) for side, edges in road.carriageways.items()}


def test_a_corridor_is_linked_there_and_back():
    network = RoadNetwork.of(campaign(cameras=ROAD[:3]))
    assert {edge.source.id: edge.leaves for edge in network.edges_into("c-1")} == {"c-0": "S", "c-2": "N"}
    (road,) = network.roads
    assert (road.name, ways(road)) == (NORTH.corridor, {"S": ["01", "12"], "N": ["21", "10"]})
    assert road.metres == pytest.approx((0, 1112, 2224), abs=1)


def test_a_corridor_of_cameras_that_face_nobody_knows_where_has_no_links():
    network = RoadNetwork.of(campaign(cameras=tuple(replace(camera, faces="") for camera in ROAD)))
    assert network.edges == ()
    assert [road.ids for road in network.roads] == [[camera.id for camera in ROAD]]


def test_a_link_says_how_far_it_is_along_a_corridor():
    (road,) = RoadNetwork.of(campaign(cameras=ROAD[:3], links=(link("0", "1"), link("1", "0")))).roads
    assert road.metres == pytest.approx((0, 5000, 6112), abs=1)
    assert ways(road) == {"S": ["01", "12"], "N": ["21", "10"]}


def test_links_chain_into_roads_there_and_back():
    network = RoadNetwork.of(linked("01", "12", "23", both=True))
    road, alone = network.roads
    assert (road.name, road.ids) == ("c-0 to c-3", ["c-0", "c-1", "c-2", "c-3"])
    assert ways(road) == {"onward": ["01", "12", "23"], "back": ["32", "21", "10"]}
    assert alone.ids == ["c-4"]
    assert {(edge.road, edge.carriageway) for edge in network.edges} == {("c-0 to c-3", "onward"), ("c-0 to c-3", "back")}


def test_a_road_ends_where_there_is_a_choice():
    """From c-1 it goes on to c-2 and to c-3, which come together at c-4."""
    roads = RoadNetwork.of(linked("01", "12", "13", "24", "34")).roads
    assert [road.name for road in roads] == ["c-0 to c-1", "c-1 to c-4 via c-2", "c-1 to c-4 via c-3"]
    assert [edge.source.id for edge in RoadNetwork.of(linked("01", "12", "13", "24", "34")).edges_into("c-4")] == ["c-2", "c-3"]


def test_a_loop_is_one_road_that_begins_anywhere():
    (road, *_) = RoadNetwork.of(linked("01", "12", "20")).roads
    assert told(road.carriageways["onward"]) == ["01", "12"]
    assert sorted(told(RoadNetwork.of(linked("01", "12", "20")).edges)) == ["01", "12", "20"]


def test_traffic_that_turns_round_at_a_camera_does_not_go_on():
    """Into c-1 away from it, and out of c-1 towards it: other vehicles."""
    links = (link("0", "1", leaves="away", enters="away"), link("1", "2", leaves="towards", enters="away"))
    assert [road.name for road in RoadNetwork.of(campaign(cameras=LOOSE[:3], links=links)).roads] == ["c-0 to c-1", "c-1 to c-2"]


def test_sides_follow_the_compass_where_the_facings_are_known():
    corner = replace(SOUTH, faces="east", longitude=NORTH.longitude + 0.05, corridor="")
    links = (Link(from_camera=NORTH.id, to_camera=corner.id, metres=4600.0),)
    (edge,) = RoadNetwork.of(campaign(cameras=(NORTH, corner), links=links)).edges
    assert (edge.leaves, edge.enters) == ("S", "E")


def test_neighbours_are_the_cameras_before_and_after():
    network = RoadNetwork.of(linked("01", "12", "13"))
    assert [camera.id for camera in network.neighbours("c-1")] == ["c-0", "c-2", "c-3"]
    assert network.neighbours("c-4") == []


def test_a_journey_over_several_roads_has_a_road_of_its_own():
    network = RoadNetwork.of(linked("01", "12", "13"))
    assert network.road_past([LOOSE[0], LOOSE[1]]).name == "c-0 to c-1"
    past = network.road_past([LOOSE[0], LOOSE[1], LOOSE[3]])
    assert (past.ids, past.metres) == (["c-0", "c-1", "c-3"], (0.0, 5000.0, 10001.0))


@given(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda pair: pair[0] != pair[1])))
def test_every_link_is_a_part_of_one_road_and_every_camera_stands_at_one(pairs: set[tuple[int, int]]):
    network = RoadNetwork.of(linked(*(f"{one}{other}" for one, other in sorted(pairs))))
    on_roads = [edge for road in network.roads for way in road.carriageways.values() for edge in way]
    assert sorted(told(on_roads)) == sorted(told(network.edges)) == sorted(f"{one}{other}" for one, other in pairs)
    assert {camera for road in network.roads for camera in road.ids} == {camera.id for camera in LOOSE}
    assert len({road.name for road in network.roads}) == len(network.roads)
    for way in (way for road in network.roads for way in road.carriageways.values()):
        assert all(one.target == other.source for one, other in pairwise(way))


@pytest.mark.parametrize(
    ("faces", "latitude", "longitude", "expected"),
    [
        ("north", 41, -73, "N"),
        ("south", 41, -75, "N"),
        ("north", 40, -73, "S"),
        ("east", 41, -73, "E"),
        ("west", 40, -75, "W"),
    ],
)
def test_heading_is_one_of_the_two_ways_that_the_road_has(faces: str, latitude: float, longitude: float, expected: str):
    source: Camera = replace(NORTH, latitude=40.5, longitude=-74)
    assert heading(faces, source, replace(source, id="t", latitude=latitude, longitude=longitude)) == expected
