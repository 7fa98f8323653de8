"""The z-buffer against polygons computed by hand, by scipy and by a slow rasteriser."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from cctview_pipeline.city.bodies import build_body
from cctview_pipeline.city.mounts import HEIGHT, WIDTH, mounts
from cctview_pipeline.city.raster import draw_scenery, draw_vehicles, fill_shadow
from cctview_pipeline.city.vehicles import KINDS, draw_vehicle
from cctview_pipeline_tests.factories.scene import FOCAL, LEVEL, PASSES, corners, crate, draw

CRATE = crate((-2.3, -0.9, 0.0), (2.3, 0.9, 1.5))
headings = st.floats(-np.pi, np.pi).map(lambda a: (np.cos(a), np.sin(a)))


def board(width: float, height: float, bottom: float = 0.0):
    """A thin upright board that faces a camera that looks south: its silhouette is a rectangle."""
    return crate((-width / 2, -0.001, bottom), (width / 2, 0.001, bottom + height))


def covered_samples(body, place: tuple) -> np.ndarray:
    """(P, H, W): which samples lie in any projected triangle, by the signs of cross products, one triangle after another."""
    points = corners(body, place)[:, :2]
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    found = np.zeros((len(PASSES), HEIGHT, WIDTH), bool)
    for p, (right, down) in enumerate(PASSES):
        x, y = columns + right, rows + down
        for triangle in points[body.triangles]:
            a, b, c = triangle
            turns = [(q[0] - p_[0]) * (y - p_[1]) - (q[1] - p_[1]) * (x - p_[0]) for p_, q in ((a, b), (b, c), (c, a))]
            found[p] |= np.all([turn >= 0 for turn in turns], axis=0) | np.all([turn <= 0 for turn in turns], axis=0)
    return found


@given(y=st.floats(32, 90), across=st.floats(-0.1, 0.1), heading=headings)
def test_the_silhouette_of_a_box_is_its_convex_hull(y, across, heading):
    place = (across * y, y, *heading)
    hull = ConvexHull(corners(CRATE, place)[:, :2])
    drawn = draw([CRATE], [place])
    # scipy calls a flat hull's area "volume" and its perimeter "area"; samples are right to a fraction of a pixel's edge.
    assert drawn.visible[0] / len(PASSES) == pytest.approx(hull.volume, rel=0.01, abs=0.12 * hull.area)
    assert drawn.visible[0] == drawn.inside[0]
    assert drawn.fraction[0] == 1
    points = hull.points[hull.vertices]
    np.testing.assert_allclose(drawn.boxes[0], [*points.min(0), *points.max(0)], atol=1.0)


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=[kind.name for kind in KINDS])
def test_every_kind_of_body_covers_what_a_slow_rasteriser_covers(kind):
    rng = np.random.default_rng(kind)
    body = build_body(draw_vehicle(1000, kind, kind, KINDS[kind].length[0]))
    for _ in range(2):
        angle = rng.uniform(-np.pi, np.pi)
        place = (rng.uniform(-2, 2), rng.uniform(32, 50), np.cos(angle), np.sin(angle))
        slow, drawn = covered_samples(body, place), draw([body], [place])
        # The renderer's bodies are of single precision: a sample on an edge may fall to the other side.
        assert np.count_nonzero(slow) == pytest.approx(drawn.visible[0], abs=6)
        assert np.abs(slow.sum(0) - drawn.cover).sum() <= 6
        rows, columns = np.flatnonzero(slow.any((0, 2))), np.flatnonzero(slow.any((0, 1)))
        np.testing.assert_allclose(drawn.boxes[0], [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], atol=1.01)


@settings(max_examples=20, deadline=None)
@given(
    index=st.integers(0, 5), ahead=st.floats(5, 200), across=st.floats(-20, 20), up=st.floats(0, 20), seed=st.integers(1000, 1010)
)
def test_a_mount_sees_points_where_a_camera_would(index, ahead, across, up, seed):
    """Pitch, yaw and roll taken apart: their order and signs, written down once more."""
    mount = mounts(seed)[index]
    rotation, position = mount.pose()
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1), "nothing is mirrored"
    point = np.array([across, mount.ahead * ahead, up])
    right, down, depth = rotation @ (point - position)
    # Flat: to the right of the road as the camera sees it, which looks south or north, and along it.
    side, along, below = mount.ahead * (across - mount.d), ahead, mount.height - up
    yaw, roll = np.radians(mount.yaw), np.radians(mount.roll)
    pitch = np.arctan2(HEIGHT / 2 - mount.horizon, mount.focal)
    turned, forward = side * np.cos(yaw) - along * np.sin(yaw), side * np.sin(yaw) + along * np.cos(yaw)
    low, far = below * np.cos(pitch) - forward * np.sin(pitch), below * np.sin(pitch) + forward * np.cos(pitch)
    expected = turned * np.cos(roll) + low * np.sin(roll), low * np.cos(roll) - turned * np.sin(roll), far
    np.testing.assert_allclose((right, down, depth), expected, atol=1e-9)


def test_the_horizon_lies_in_its_row():
    for mount in mounts(1000):
        rotation, position = mount.pose()
        far = np.array([0, mount.ahead * 1e7, mount.height])
        far[0] = mount.ahead * np.tan(np.radians(mount.yaw)) * 1e7
        _, down, depth = rotation @ (far - position)
        assert HEIGHT / 2 + mount.focal * down / depth == pytest.approx(mount.horizon, abs=0.1 + 2 * abs(mount.roll))


def test_a_board_in_front_of_another_hides_what_the_rectangles_share():
    """Far, 4 x 2 m at 40 m: 60 x 30 px. Near, 2 x 1 m at 20 m: 60 x 30 px, whose top is lower by 30 x 5 / 2 px."""
    far, near = board(4, 2), board(2, 1, 1.5)
    level = (1.0, 0.0)
    drawn = draw([far, near], [(0, 40, *level), (0.5, 20, *level)])
    # Rows: far 45 to 75 below the middle, near (5 - 2.5) * 30 = 75 to 105: they only touch.
    assert drawn.fraction.tolist() == pytest.approx([1, 1])
    drawn = draw([far, board(2, 1, 2.5)], [(0, 40, *level), (0.5, 20, *level)])
    # The near one now covers rows 45 to 75, and columns -15 to 45 of the far one's -30 to 30: three quarters of it.
    assert drawn.fraction[0] == pytest.approx(0.25, abs=0.01)
    assert drawn.fraction[1] == 1
    np.testing.assert_allclose(drawn.boxes[0], [WIDTH / 2 - 30, HEIGHT / 2 + 45, WIDTH / 2 - 15, HEIGHT / 2 + 75], atol=0.6)
    assert drawn.inside[0] == pytest.approx(60 * 30 * len(PASSES), rel=0.02), "hidden samples are counted too"


@settings(max_examples=25, deadline=None)
@given(data=st.data(), count=st.integers(2, 5))
def test_a_farther_vehicle_never_hides_a_nearer_one(data, count):
    places = [(data.draw(st.floats(-3, 3)), 32.0 + 6 * i, 0.0, 1.0) for i in range(count)]
    order = data.draw(st.permutations(range(count)))
    together = draw([CRATE] * count, [places[i] for i in order])
    for rank, i in enumerate(order):
        nearer = [places[j] for j in range(i + 1)]
        alone = draw([CRATE] * (i + 1), nearer)
        assert together.visible[rank] == alone.visible[i], "only who is nearer hides, whatever is drawn first"
    assert together.fraction[order.index(0)] == 1
    assert together.cover.sum() == together.visible.sum()


def test_scenery_hides_what_is_behind_it_only():
    """A wall at 30 m in the left half of the picture."""
    wall = np.zeros((len(PASSES), HEIGHT, WIDTH), np.float32)
    wall[:, :, : WIDTH // 2] = 1 / 30
    level = (1.0, 0.0)
    drawn = draw([board(4, 2), board(2, 1)], [(0, 40, *level), (0, 20, *level)], position=(0, 0, 1), scenery=wall)
    assert drawn.fraction[1] == 1
    behind = draw([board(4, 2)], [(0, 40, *level)], scenery=wall)
    assert behind.fraction[0] == pytest.approx(0.5, abs=0.01)
    assert behind.boxes[0, 0] == pytest.approx(WIDTH / 2, abs=0.5)
    wall[:] = 1 / 30
    hidden = draw([board(4, 2)], [(0, 40, *level)], scenery=wall)
    assert hidden.visible[0] == 0
    assert hidden.inside[0] > 1000
    assert hidden.cover.sum() == 0


@settings(max_examples=20, deadline=None)
@given(share=st.floats(0.05, 0.95), edge=st.sampled_from(["left", "right", "bottom", "top"]))
def test_the_frame_s_edge_cuts_the_right_share(share, edge):
    """A board of 60 x 60 px of which this share is inside the frame."""
    out = 60 * (1 - share)
    left = {"left": -out, "right": WIDTH - 60 + out}.get(edge, 100.0)
    top = {"top": -out, "bottom": HEIGHT - 60 + out}.get(edge, 100.0)
    x = (left + 30 - WIDTH / 2) / 15
    drawn = draw([board(4, 4, 5 - (top + 60 - HEIGHT / 2) / 15)], [(x, 40, 1.0, 0.0)])
    assert drawn.fraction[0] == pytest.approx(share, abs=0.03)
    x1, y1, x2, y2 = drawn.boxes[0]
    assert (x2 - x1) * (y2 - y1) == pytest.approx(3600 * share, abs=45)
    assert x1 >= -0.5
    assert y1 >= -0.5
    assert x2 <= WIDTH + 0.5
    assert y2 <= HEIGHT + 0.5


@given(x=st.floats(-4, 4), y=st.floats(-6, 6), heading=headings, height=st.floats(0.2, 8))
def test_what_is_beside_and_behind_the_camera_is_cut_at_the_near_plane(x, y, heading, height):
    drawn = draw([CRATE, CRATE], [(x, y, *heading), (0, 30, 0.0, 1.0)], position=(0, 0, height))
    assert np.isfinite(drawn.colour).all()
    assert drawn.whole[0] >= drawn.visible[0]
    assert (drawn.visible > 0).tolist() == [bool(v) for v in np.isfinite(drawn.boxes).all(1) & (drawn.boxes[:, 0] < 1e8)]
    if drawn.visible[0]:
        assert 0 < drawn.fraction[0] <= 1
    if y < -3:
        assert drawn.inside[0] == 0, "all of it is behind"
    elif abs(x) < 0.5 and abs(y) < 0.5 and 0.6 < height < 0.9:
        assert drawn.cover.min() == len(PASSES), "the camera is inside of it"


def test_what_moves_is_smeared_over_the_exposure():
    """20 m/s across at 20 m for 1 / 20 s: 30 px, of which the middles of four passes span three quarters."""
    fast = np.array([[0.0, 20.0, 1.0, 0.0, 20.0, 0.0]])
    body = board(1, 1)
    ends, empty = np.array([0, 8]), np.zeros((len(PASSES), HEIGHT, WIDTH), np.float32)
    *_, boxes, _ = draw_vehicles(
        body.vertices, body.triangles, body.albedo, np.ones(8, np.float32), ends, np.array([0, 12]), fast,
        LEVEL, np.array([0, 0, 1.0]), FOCAL, WIDTH / 2, HEIGHT / 2, PASSES, 0.05, empty,
    )  # fmt: skip
    assert boxes[0, 2] - boxes[0, 0] == pytest.approx(30 + 0.75 * 30, abs=1.5)


def test_scenery_keeps_the_nearest_triangle_and_its_depth():
    depth, owner = np.zeros((HEIGHT, WIDTH), np.float32), np.full((HEIGHT, WIDTH), -1, np.int32)
    wall = [(-9.0, 0, -9), (9, 0, -9), (0, 0, 9)]
    vertices = np.array([(x, y, z) for y in (30, 10, 50) for x, _, z in wall], np.float32)
    view = LEVEL, np.zeros(3), FOCAL, WIDTH / 2, HEIGHT / 2, 0.5, 0.5
    draw_scenery(vertices, np.arange(9, dtype=np.int32).reshape(3, 3), *view, depth, owner)
    assert owner[120, 176] == 1
    assert depth[120, 176] == pytest.approx(0.1, rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_shadow_fills_a_convex_polygon(seed):
    points = np.random.default_rng(seed).uniform(20, 200, (8, 2))
    hull = ConvexHull(points)
    count = np.zeros((HEIGHT, WIDTH), np.float32)
    fill_shadow(points[hull.vertices], PASSES, WIDTH, HEIGHT, count)
    assert count.sum() / len(PASSES) == pytest.approx(hull.volume, rel=0.02)
    assert count.max() == len(PASSES)
    x, y = hull.points[hull.vertices].mean(0)
    assert count[int(y), int(x)] == len(PASSES)
