"""Which earlier tracks could be the same vehicle at all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.campaign import Camera
from cctview_pipeline.match.gate import MAX_DURATION_S, MAX_SPEED_KMH, SIGHT_M, admits, longest_s, shortest_s, speed_kmh
from cctview_pipeline.match.matching import match
from cctview_pipeline.roads import Edge, RoadNetwork
from cctview_pipeline_tests.factories.corridor import EDGE, track_set
from cctview_pipeline_tests.factories.tables import campaign

SIXTH_STREET = Camera(
    id="732-680-N", name="FDR @ E 6 St", latitude=40.721494, longitude=-73.974554, faces="north", corridor="fdr-drive", order=5
)
GRAND_STREET = Camera(
    id="731-679-N", name="FDR @ Grand St", latitude=40.713209, longitude=-73.977491, faces="north", corridor="fdr-drive", order=6
)
ROAD = campaign(cameras=(SIXTH_STREET, GRAND_STREET))


def southbound() -> Edge:
    (edge,) = RoadNetwork.of(ROAD).edges_into(GRAND_STREET.id)
    return edge


def long(metres: float) -> Edge:
    return replace(EDGE, metres=metres)


def test_traffic_from_6_street_reaches_grand_street_southbound():
    edge = southbound()
    assert (edge.source, edge.target, edge.leaves, edge.enters) == (SIXTH_STREET, GRAND_STREET, "S", "S")
    assert edge.metres == pytest.approx(954, abs=2)
    assert shortest_s(edge) == pytest.approx((954 - 200) / (130 / 3.6), abs=0.1)


def test_look_alike_3_seconds_later_and_a_kilometre_away_is_never_proposed():
    looks = [np.eye(4)[[0]]]
    source, target = track_set([100.0], [102.0], looks), track_set([105.1], [110.0], looks)
    assert match(target, [(southbound(), source)])[0].candidates is None
    in_time = track_set([102.0 + 60], [170.0], looks)
    assert match(in_time, [(southbound(), source)])[0].candidates.gallery.tolist() == [0]


def test_look_alike_3_seconds_later_is_not_proposed_among_others_either():
    looks = [np.eye(4)[[0]], np.eye(4)[[1]]]
    source, target = track_set([40.0, 100.0], [42.0, 102.0], looks), track_set([105.1], [110.0], looks[1:])
    assert match(target, [(southbound(), source)])[0].candidates.gallery.tolist() == [0]


@given(st.floats(-10_000, 10_000))
def test_gate_admits_what_neither_flies_nor_crawls(gap):
    edge = southbound()
    admitted = bool(admits(edge, np.array([gap]), np.array([gap + 10]))[0])
    assert admitted == (shortest_s(edge) <= gap <= longest_s(edge))
    assert not admits(edge, np.array([gap]), np.array([edge.metres / (200 / 3.6)]))[0]
    if admitted:
        assert (edge.metres - 2 * SIGHT_M) / gap * 3.6 <= MAX_SPEED_KMH + 1e-6
        assert speed_kmh(edge, np.array(gap)) >= 5 - 1e-6


def test_cameras_that_see_each_other_s_road_admit_any_gap():
    assert shortest_s(long(150.0)) == 0


def test_no_way_takes_longer_than_an_hour():
    assert longest_s(long(100_000.0)) == MAX_DURATION_S
