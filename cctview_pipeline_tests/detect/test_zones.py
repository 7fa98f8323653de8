"""Polygons in which nothing is detected."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.detect.zones import Zones

LEFT = ((0.0, 0.0), (99.0, 0.0), (99.0, 240.0), (0.0, 240.0))
EVERYWHERE = ((0, 0), (352, 0), (352, 240), (0, 240))


def hidden(zones: Zones, *box: float) -> bool:
    return bool(zones.hide(np.array([box], np.float32), 352, 240)[0])


@pytest.mark.parametrize(
    ("box", "by_mask", "by_privacy_zone"),
    [
        ((10, 50, 20, 60), True, True),
        ((90, 50, 100, 60), True, True),  # its centre is inside
        ((90, 50, 130, 60), False, True),  # it only reaches in
        ((99.5, 50, 130, 60), False, True),  # its first pixel is the zone's last
        ((100, 50, 130, 60), False, False),
        ((340, 230, 352, 240), False, False),
        ((-10, 230, 4, 240), True, True),
    ],
)
def test_a_mask_goes_by_the_centre_and_a_privacy_zone_by_any_pixel(box, by_mask, by_privacy_zone):
    assert hidden(Zones(masks=[LEFT]), *box) == by_mask
    assert hidden(Zones(privacy_zones=[LEFT]), *box) == by_privacy_zone


def test_a_centre_on_the_frames_last_edge_is_still_in_the_picture():
    assert hidden(Zones(masks=[EVERYWHERE]), 352, 240, 352, 240)


def test_without_polygons_or_without_boxes_nothing_is_hidden():
    assert Zones().hide(np.array([[0, 0, 9, 9]], np.float32), 352, 240).tolist() == [False]
    assert Zones([LEFT], [LEFT]).hide(np.zeros((0, 4), np.float32), 352, 240).tolist() == []


@given(st.tuples(st.floats(0, 351), st.floats(0, 239), st.floats(1, 352), st.floats(1, 240)))
def test_no_pixel_of_a_privacy_zone_is_in_what_is_kept(edges):
    x1, y1, x2, y2 = min(edges[0], edges[2] - 1), min(edges[1], edges[3] - 1), edges[2], edges[3]
    triangle = ((100.0, 100.0), (200.0, 120.0), (130.0, 180.0))
    if not hidden(Zones(privacy_zones=[triangle]), x1, y1, x2, y2):
        corners = np.array([[x, y] for x, y in triangle])
        assert not ((corners >= np.floor([x1, y1])) & (corners < np.ceil([x2, y2]))).all(1).any()
