"""Polygons in which nothing is detected."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.images.size import same_shape
from cctview_pipeline.zones import Zones, painted, sizes_unplaceable

SIZE = (352, 240)
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
    assert hidden(Zones(masks=[LEFT], size=SIZE), *box) == by_mask
    assert hidden(Zones(privacy_zones=[LEFT], size=SIZE), *box) == by_privacy_zone


def test_a_centre_on_the_frames_last_edge_is_still_in_the_picture():
    assert hidden(Zones(masks=[EVERYWHERE], size=SIZE), 352, 240, 352, 240)


def test_without_polygons_or_without_boxes_nothing_is_hidden():
    assert Zones().hide(np.array([[0, 0, 9, 9]], np.float32), 352, 240).tolist() == [False]
    assert Zones([LEFT], [LEFT], SIZE).hide(np.zeros((0, 4), np.float32), 352, 240).tolist() == []


@given(st.tuples(st.floats(0, 351), st.floats(0, 239), st.floats(1, 352), st.floats(1, 240)))
def test_no_pixel_of_a_privacy_zone_is_in_what_is_kept(edges):
    x1, y1, x2, y2 = min(edges[0], edges[2] - 1), min(edges[1], edges[3] - 1), edges[2], edges[3]
    triangle = ((100.0, 100.0), (200.0, 120.0), (130.0, 180.0))
    if not hidden(Zones(privacy_zones=[triangle], size=SIZE), x1, y1, x2, y2):
        corners = np.array([[x, y] for x, y in triangle])
        assert not ((corners >= np.floor([x1, y1])) & (corners < np.ceil([x2, y2]))).all(1).any()


HOUSE = ((40.0, 30.0), (90.0, 30.0), (90.0, 80.0), (40.0, 80.0))


@pytest.mark.parametrize("size", [(352, 240), (704, 480), (1408, 960), (640, 436), (176, 120), (320, 218)])
def test_a_zone_covers_the_same_in_a_frame_of_another_size(size):
    zones = Zones(masks=[HOUSE], privacy_zones=[HOUSE], size=SIZE, camera_id="cam")
    scale = np.array([size[0] / 352, size[1] / 240] * 2, np.float32)
    for box, inside in (
        ((60, 50, 70, 60), True),
        ((88, 78, 120, 110), True),
        ((94, 84, 120, 110), False),
        ((10, 10, 36, 26), False),
    ):
        assert zones.hide(np.array([box], np.float32) * scale, *size).tolist() == [inside], box
    share = zones.private(*size).mean()
    assert share == pytest.approx(51 * 51 / (352 * 240), rel=0.05)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.data())
def test_no_part_of_a_drawn_pixel_comes_to_light_in_a_frame_of_another_size(w, h, width, height, data):
    x, y = (data.draw(st.integers(0, side - 1)) for side in (w, h))
    covered = painted((((x, y), (x, y), (x, y)),), (w, h), (width, height))
    place = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1)
    first, last = place / (width, height), (place + 1) / (width, height)
    over = (last * (w, h) > np.array([x, y]) + 1e-9).all(-1) & (first * (w, h) < np.array([x + 1, y + 1]) - 1e-9).all(-1)
    assert (covered[over]).all()
    assert not covered[~over].any()


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_whatever_is_drawn_within_a_frame_covers_something(w, h, data):
    """Also on its far edges, which are no pixels of their own."""
    assert painted((((w, 0), (w, h), (w, 0)),), (w, h), (w, h))[:, -1].all()
    x, y = data.draw(st.floats(0, w)), data.draw(st.floats(0, h))
    assert painted((((x, y), (w, y), (w, h)),), (w, h), (w, h)).any()


STAR = ((100, 10), (155, 180), (10, 75), (190, 75), (45, 180))
TWICE = (*HOUSE, *HOUSE)


@pytest.mark.parametrize("polygon", [STAR, TWICE], ids=["in one stroke", "around twice"])
def test_nothing_that_the_edges_of_a_zone_enclose_comes_to_light(polygon):
    """By the rule of even and odd, the middle of a star and all of a house drawn twice lie outside."""
    inside = painted((polygon,), SIZE, SIZE)
    assert inside[100, 100] if polygon is STAR else inside[55, 65]
    assert not inside[0, 0]


def test_between_zones_is_no_zone():
    """Four that stand around a place do not enclose it: each is filled by itself."""
    sides = (((50, 50), (90, 50), (90, 55), (50, 55)), ((50, 85), (90, 85), (90, 90), (50, 90)))
    sides += (((50, 50), (55, 50), (55, 90), (50, 90)), ((85, 50), (90, 50), (90, 90), (85, 90)))
    assert not painted(sides, SIZE, SIZE)[70, 70]


@pytest.mark.parametrize("size", [(720, 480), (352, 288), (240, 352), (1920, 1088), (352, 200)])
def test_in_a_frame_of_another_shape_nobody_knows_where_a_zone_is(size):
    zones = Zones(masks=[HOUSE], size=SIZE, camera_id="cam")
    assert "of another shape than the 352 x 240 that the zones of camera 'cam' were drawn on" in zones.unplaceable(*size)
    assert zones.hide(np.array([[0, 0, 9, 9]], np.float32), *size).tolist() == [True]
    assert sizes_unplaceable(zones, [SIZE, size, size]) == {f"{size[0]}x{size[1]}": 2}
    with pytest.raises(ValueError, match="another shape"):
        Zones(privacy_zones=[HOUSE], size=SIZE).private(*size)


def test_zones_without_a_size_have_no_place_in_any_frame():
    """As campaigns have them from before it was asked for."""
    zones = Zones(privacy_zones=[HOUSE], camera_id="cam")
    assert zones.unsized == zones.unplaceable(*SIZE)
    assert "write it beside them in campaign.toml, such as zones_size = [352, 240]" in zones.unsized
    assert zones.hide(np.array([[0, 0, 9, 9]], np.float32), *SIZE).tolist() == [True]
    assert Zones().unsized == Zones().unplaceable(7, 9) == ""


@given(st.integers(16, 4000), st.integers(16, 4000), st.floats(0.1, 10))
def test_a_picture_that_is_scaled_keeps_its_shape(width, height, scale):
    scaled = max(1, round(width * scale)), max(1, round(height * scale))
    assert same_shape((width, height), scaled)
    assert same_shape(scaled, (width, height))
