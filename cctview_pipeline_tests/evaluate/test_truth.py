"""The rule, and which detection lies on which vehicle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.evaluate.truth import assign, counts, rows_by_frame, vehicles_of_tracks
from cctview_pipeline_tests.factories.boxes import BOX, found, moved, truth


@pytest.mark.parametrize(
    ("size", "visible", "expected"),
    [((8, 30), 0.3, True), ((30, 8), 1.0, True), ((7.9, 30), 1.0, False), ((30, 7.9), 1.0, False), ((30, 20), 0.29, False)],
)
def test_the_rule(size, visible, expected):
    box = np.array([[10, 10, 10 + size[0], 10 + size[1]]], np.float32)
    assert counts(box, np.array([visible], np.float32)).tolist() == [expected]


def test_rows_by_frame():
    rows = rows_by_frame(np.array([0, 0, 2]), 4)
    assert [each.tolist() for each in rows] == [[0, 1], [], [2], []]
    assert [each.tolist() for each in rows_by_frame(np.zeros(0, np.int64), 2)] == [[], []]
    assert rows_by_frame(np.zeros(0, np.int64), 0) == []


def test_boxes_are_assigned_for_the_highest_sum_of_overlaps():
    """The left detection overlaps both vehicles by a half; it goes left because the right one has its own."""
    true = truth((0, "a", BOX, True), (0, "b", moved(BOX, 6), True))
    seen = found((0, 0, moved(BOX, 3)), (0, 1, moved(BOX, 7)), (0, 2, moved(BOX, 200)))
    result = assign(true, seen, 1)
    assert result.hit.tolist() == [0, 1, -1]
    assert result.kept.tolist() == [True, True, True]


def test_counted_vehicles_are_matched_before_ignored_ones():
    """The detection lies on a hidden vehicle exactly, and on a counted one well enough: a hit."""
    true = truth((0, "a", moved(BOX, 4), True), (0, "hidden", BOX, False))
    assert assign(true, found((0, 0, BOX)), 1).hit.tolist() == [0]


def test_what_lies_on_an_ignored_vehicle_is_left_out():
    small = moved(BOX, 40)
    true = truth((0, "small", small, False))
    inside = (small[0] + 2, small[1] + 2, small[0] + 8, small[1] + 8)
    result = assign(true, found((0, 0, small), (0, 1, inside), (0, 2, BOX), (0, -1, BOX)), 1)
    assert result.kept.tolist() == [False, False, True, False]
    assert [frame.found.tolist() for frame in result.overlaps] == [[2]]


@pytest.mark.parametrize(
    ("on", "vehicle"), [("aaab", "a"), ("aabb", "a"), ("aabc", "a"), ("abcc", "c"), ("a---", None), ("aa--", "a"), ("----", None)]
)
def test_vehicle_of_a_track(on, vehicle):
    """Four detections; - is one on nothing."""
    true = truth(*((i, name, BOX, True) for i, name in enumerate(on) if name != "-"))
    seen = found(*((i, 0, BOX) for i in range(4)))
    assert vehicles_of_tracks(true, seen, assign(true, seen, 4), 1) == [vehicle]


def test_detections_on_ignored_boxes_have_no_vote():
    true = truth((0, "a", BOX, True), (1, "b", BOX, False), (2, "b", BOX, False))
    seen = found(*((i, 0, BOX) for i in range(3)))
    assert vehicles_of_tracks(true, seen, assign(true, seen, 3), 1) == ["a"]


places = st.tuples(st.integers(0, 4), st.integers(0, 90), st.integers(0, 60), st.integers(8, 40), st.integers(8, 30))


@given(st.lists(places, max_size=8), st.lists(places, max_size=10), st.lists(places, max_size=4))
def test_ignored_vehicles_neither_help_nor_hurt(true, seen, ignored):
    """Whatever ignored vehicles are added: no hit changes, and only detections that lie on them leave."""

    def box(place: tuple) -> tuple:
        return place[1], place[2], place[1] + place[3], place[2] + place[4]

    counted = [(place[0], f"v{i}", box(place), True) for i, place in enumerate(true)]
    extra = [(place[0], f"w{i}", box(place), False) for i, place in enumerate(ignored)]
    dets = found(*((place[0], i, box(place)) for i, place in enumerate(sorted(seen))))
    plain = truth(*sorted(counted))
    more = truth(*sorted(counted + extra))
    before, after = assign(plain, dets, 5), assign(more, dets, 5)
    assert [plain.vehicle[row] if row >= 0 else "" for row in before.hit] == [
        more.vehicle[row] if row >= 0 else "" for row in after.hit
    ]
    left = before.kept & ~after.kept
    assert not (left & (before.hit >= 0)).any()
    for row in np.flatnonzero(left):
        frame, (x1, y1, x2, y2) = dets.frame[row], dets.boxes[row]
        assert any(f == frame and x1 < b[2] and b[0] < x2 and y1 < b[3] and b[1] < y2 for f, _, b, _ in extra)
