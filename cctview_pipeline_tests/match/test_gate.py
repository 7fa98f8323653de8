"""Which earlier tracks could be the same vehicle at all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.campaign import Camera
from cctview_pipeline.match.gate import MAX_DURATION_S, MAX_SPEED_KMH, SIGHT_M, Edge, edges_into, heading
from cctview_pipeline.match.matching import match
from cctview_pipeline_tests.factories.corridor import track_set
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign

SIXTH_STREET = Camera(
    id="732-680-N", name="FDR @ E 6 St", latitude=40.721494, longitude=-73.974554, faces="north", corridor="fdr-drive", order=5
)
GRAND_STREET = Camera(
    id="731-679-N", name="FDR @ Grand St", latitude=40.713209, longitude=-73.977491, faces="north", corridor="fdr-drive", order=6
)
ROAD = campaign(cameras=(SIXTH_STREET, GRAND_STREET))


def southbound() -> Edge:
    (edge,) = edges_into(ROAD, GRAND_STREET.id)
    return edge


def test_traffic_from_6_street_reaches_grand_street_southbound():
    edge = southbound()
    assert (edge.source, edge.target, edge.carriageway) == (SIXTH_STREET, GRAND_STREET, "S")
    assert edge.metres == pytest.approx(954, abs=2)
    assert edge.shortest_s == pytest.approx((954 - 200) / (130 / 3.6), abs=0.1)


def test_look_alike_3_seconds_later_and_a_kilometre_away_is_never_proposed():
    looks = [np.eye(4)[[0]]]
    source, target = track_set([100.0], [102.0], looks), track_set([105.1], [110.0], looks)
    assert match(southbound(), target, source).candidates == []
    in_time = track_set([102.0 + 60], [170.0], looks)
    assert [found.gallery for found in match(southbound(), in_time, source).candidates] == [0]


def test_look_alike_3_seconds_later_is_not_proposed_among_others_either():
    looks = [np.eye(4)[[0]], np.eye(4)[[1]]]
    source, target = track_set([40.0, 100.0], [42.0, 102.0], looks), track_set([105.1], [110.0], looks[1:])
    assert [found.gallery for found in match(southbound(), target, source).candidates] == [0]


@given(st.floats(-10_000, 10_000))
def test_gate_admits_what_neither_flies_nor_crawls(gap):
    edge = southbound()
    admitted = bool(edge.admits(np.array([gap]), np.array([gap + 10]))[0])
    assert admitted == (edge.shortest_s <= gap <= edge.longest_s)
    assert not edge.admits(np.array([gap]), np.array([edge.metres / (200 / 3.6)]))[0]
    if admitted:
        assert (edge.metres - 2 * SIGHT_M) / gap * 3.6 <= MAX_SPEED_KMH + 1e-6
        assert edge.speed_kmh(np.array(gap)) >= 5 - 1e-6


def test_cameras_that_see_each_other_s_road_admit_any_gap():
    assert Edge(NORTH, SOUTH, "S", 150.0).shortest_s == 0


def test_no_way_takes_longer_than_an_hour():
    assert Edge(NORTH, SOUTH, "S", 100_000.0).longest_s == MAX_DURATION_S


def test_cameras_in_the_middle_have_an_edge_from_each_side():
    road = [replace(NORTH, id=f"c-{i}", order=i, latitude=40.75 - i / 100) for i in range(3)]
    edges = {edge.source.id: edge.carriageway for edge in edges_into(campaign(cameras=tuple(road)), "c-1")}
    assert edges == {"c-0": "S", "c-2": "N"}


def test_camera_alone_has_no_edge():
    assert edges_into(campaign(cameras=(NORTH,)), NORTH.id) == []


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
def test_heading_is_one_of_the_two_ways_the_corridor_has(faces, latitude, longitude, expected):
    source = replace(NORTH, faces=faces, latitude=40.5, longitude=-74)
    assert heading(source, replace(source, id="t", latitude=latitude, longitude=longitude)) == expected
