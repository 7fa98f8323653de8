"""Polygons as people draw them: which of them cross themselves."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.polygons import crosses_itself

ROUND = [(100 + 80 * math.cos(i * math.tau / 7), 100 + 80 * math.sin(i * math.tau / 7)) for i in range(7)]


@given(st.permutations(ROUND))
def test_corners_on_a_circle_cross_unless_they_are_walked_around(corners):
    """The only two orders without a crossing are those of the clock, wherever one begins."""
    places = [ROUND.index(corner) for corner in corners]
    steps = {(after - before) % 7 for before, after in zip(places, [*places[1:], places[0]], strict=True)}
    assert crosses_itself(tuple(corners)) == (steps not in ({1}, {6}))


@pytest.mark.parametrize(
    "corners",
    [
        ((0, 0), (9, 0), (9, 9), (0, 9), (0, 0)),  # closed, as GeoJSON has it
        ((0, 0), (9, 0), (9, 9), (5, 2), (0, 9)),  # a notch
        ((0, 0), (9, 0), (9, 9), (4, 0), (0, 9)),  # the notch reaches the other edge
        ((0, 0), (20, 0), (20, 20), (0, 20), (0, 0), (5, 5), (5, 15), (15, 15), (15, 5), (5, 5)),  # with a hole
        ((0, 0), (5, 0), (9, 0), (9, 9)),  # three in a line
        ((0, 0), (9, 0), (9, 9), (0, 9)) * 2,
    ],
)
def test_touching_is_no_crossing(corners):
    assert not crosses_itself(corners)
