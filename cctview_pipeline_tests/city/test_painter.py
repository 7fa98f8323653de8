"""Painting and looking: who is seen, where in the picture, and what a vehicle does to the light around it."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.city.backdrop import Backdrop, draw_backdrop
from cctview_pipeline.city.bodies import build_body
from cctview_pipeline.city.light import light_at
from cctview_pipeline.city.mounts import HEIGHT, WIDTH, Mount, mounts
from cctview_pipeline.city.network import START
from cctview_pipeline.city.painter import Painter, Seen
from cctview_pipeline.city.scenery import build_scenery
from cctview_pipeline.city.traffic import Vehicles
from cctview_pipeline.city.vehicles import draw_vehicle

SEED = 1000
SIX = mounts(SEED)


def someone(
    s: float, d: float, side: int = 1, heading: float = 0.0, number: int = 5, kind: int = 0, braking: bool = False
) -> Vehicles:
    """One vehicle on the road, 4.6 m long, that stands still."""
    float32 = {"length": 4.6, "s": s, "d": d, "speed": 0.0, "heading": heading}
    return Vehicles(
        vehicle=np.array([number]),
        side=np.array([side], np.int8),
        kind=np.array([kind], np.int8),
        braking=np.array([braking]),
        dark=np.array([False]),
        **{name: np.array([value], np.float32) for name, value in float32.items()},
    )


def open_air() -> Backdrop:
    """Nothing but grey ground: no scenery hides anybody."""
    grey = np.full((HEIGHT, WIDTH, 3), 0.2, np.float32)
    return Backdrop(
        standing=grey,
        sunny=grey,
        ground=np.ones((HEIGHT, WIDTH), np.float32),
        inverse_depth=np.zeros((4, HEIGHT, WIDTH), np.float32),
        mean=0.4,
    )


def assert_same(a: Seen, b: Seen) -> None:
    for name in Seen.__annotations__:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def straight(mount: Mount) -> Mount:
    return replace(mount, bend=0.0, wave=0.0)


@pytest.fixture(scope="module")
def noon():
    return light_at(SEED, START, False, False)


@pytest.fixture(scope="module")
def scene(noon):
    """The third camera's painter and its backdrop with scenery."""
    return Painter(SEED, SIX[2]), draw_backdrop(SEED, SIX[2], build_scenery(SEED, SIX[2]), noon)


@pytest.mark.parametrize("minute", [0.5, 4.0, 9.25])
def test_looking_and_painting_agree_on_who_is_seen(network, scene, noon, minute):
    painter, backdrop = scene
    vehicles = network.traffic(START).at(START + timedelta(minutes=minute))
    picture, seen = painter.paint(vehicles, backdrop, noon)
    assert_same(seen, painter.look(vehicles, backdrop))
    assert len(seen.number) > 5
    assert len(set(seen.number.tolist())) == len(seen.number)
    assert set(seen.number.tolist()) <= set(vehicles.vehicle.tolist())
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()
    assert picture.min() >= 0


@given(
    index=st.integers(0, 5),
    ahead=st.floats(20, 120),
    lane=st.integers(0, 2),
    side=st.sampled_from([1, -1]),
    heading=st.floats(-0.1, 0.1),
)
def test_a_vehicle_s_box_is_where_its_corners_are_projected(index, ahead, lane, side, heading):
    """With the pinhole formula and the road's bend, and without the renderer."""
    mount = SIX[index]
    d = side * (3.05 + 3.5 * lane)
    seen = Painter(SEED, mount).look(someone(mount.s + mount.ahead * ahead, d, side, heading), open_air())
    # In single precision, as the traffic has it.
    y = float(np.float32(mount.s + mount.ahead * ahead)) - mount.s
    # A car drives along the tangent of the road; a positive heading turns it away from the road's middle line, towards growing d.
    tangent = np.array([mount.slope(y), 1.0]) * side
    tangent /= np.linalg.norm(tangent)
    right = np.array([tangent[1], -tangent[0]]) * side
    forward = np.cos(heading) * tangent + np.sin(heading) * right
    vertices = build_body(draw_vehicle(SEED, 5, 0, 4.6)).vertices.astype(np.float64)
    left = np.array([-forward[1], forward[0]])
    flat = np.array([mount.centre_x(y) + d, y]) + vertices[:, :1] * forward + vertices[:, 1:2] * left
    rotation, position = mount.pose()
    across, down, depth = rotation @ (np.column_stack([flat, vertices[:, 2]]) - position).T
    columns, rows = WIDTH / 2 + mount.focal * across / depth, HEIGHT / 2 + mount.focal * down / depth
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    limits = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    if (box[:2] >= 0).all() and (box[2:] <= limits[2:]).all():
        # A corner that ends in a point, such as the foot of a wheel, may lie between the samples.
        np.testing.assert_allclose(seen.boxes[0], box, atol=2.0)
        assert seen.fraction.tolist() == [1.0]
    elif (box[:2] >= limits[:2]).any() or (box[2:] <= 0).any():
        assert len(seen.number) == 0
    elif len(seen.number):
        assert seen.fraction[0] < 1
        inside = np.clip(box, 0, limits)
        assert (seen.boxes[0, :2] >= inside[:2] - 1.2).all()
        assert (seen.boxes[0, 2:] <= inside[2:] + 1.2).all()


@pytest.mark.parametrize("ahead", [-30.0, 345.0, 2000.0])
def test_who_is_behind_the_camera_or_far_away_is_not_seen(ahead, noon):
    mount = SIX[3]
    vehicles = someone(mount.s + mount.ahead * ahead, 3.0)
    painter, backdrop = Painter(SEED, mount), open_air()
    picture, seen = painter.paint(vehicles, backdrop, noon)
    assert len(seen.number) == 0
    assert seen.boxes.shape == (0, 4)
    np.testing.assert_array_equal(picture, backdrop.standing + backdrop.sunny)
    assert_same(seen, painter.look(vehicles, backdrop))


def test_a_vehicle_changes_the_picture_where_it_is_and_under_it_only(noon):
    mount = straight(SIX[0])
    painter, backdrop = Painter(SEED, mount), open_air()
    picture, seen = painter.paint(someone(mount.s + mount.ahead * 60, 4.0), backdrop, noon)
    x1, y1, x2, y2 = seen.boxes[0].astype(int)
    changed = np.abs(picture - backdrop.standing - backdrop.sunny).max(2) > 1e-4
    assert changed[y1 : y2 + 1, x1 : x2 + 1].mean() > 0.6
    rows, columns = np.nonzero(changed)
    assert rows.min() >= y1 - 1, "nothing above it"
    wide = x2 - x1
    assert columns.min() > x1 - 3 * wide
    assert columns.max() < x2 + 3 * wide
    shadow = picture[changed & (backdrop.ground > 0)]
    assert (shadow.max(1) < 0.39).mean() > 0.1


def test_a_nearer_vehicle_hides_a_farther_one_in_the_picture(noon):
    """In a straight line below the camera: a truck and, behind it, a car."""
    mount = replace(straight(SIX[1]), d=3.0, yaw=0.0, height=4.0, roll=0.0)
    truck, car = (
        someone(mount.s + mount.ahead * 40, 3.0, -1, kind=3, number=1),
        someone(mount.s + mount.ahead * 48, 3.0, -1, number=2),
    )
    both = Vehicles(**{name: np.concatenate([values, getattr(car, name)]) for name, values in vars(truck).items()})
    painter = Painter(SEED, mount)
    seen, alone = painter.look(both, open_air()), painter.look(car, open_air())
    fractions = dict(zip(seen.number.tolist(), seen.fraction.tolist(), strict=True))
    assert fractions[1] == 1
    assert fractions.get(2, 0.0) < 0.7
    assert alone.fraction.tolist() == [1.0]


def test_a_wall_of_scenery_hides_who_is_behind_it():
    mount = SIX[1]
    vehicles = someone(mount.s + mount.ahead * 60, 4.0)
    backdrop = open_air()
    assert len(Painter(SEED, mount).look(vehicles, backdrop).number) == 1
    backdrop.inverse_depth[:] = 1 / 20
    assert len(Painter(SEED, mount).look(vehicles, backdrop).number) == 0


def test_brakes_shine_red_and_headlights_at_night(noon):
    night, mount = light_at(SEED, START, False, True), straight(SIX[0])
    painter, away = Painter(SEED, mount), mount.ahead
    black = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    dark = replace(open_air(), standing=black, sunny=black)

    def painted(side: int, braking: bool, light, backdrop: Backdrop) -> np.ndarray:
        return painter.paint(someone(mount.s + mount.ahead * 45, side * 4.0, side, braking=braking), backdrop, light)[0]

    for light, backdrop in ((night, dark), (noon, open_air())):
        added = painted(away, True, light, backdrop) - painted(away, False, light, backdrop)
        assert added[..., 0].max() > 0.1
        assert np.abs(added[..., 1:]).max() < 0.1 * added[..., 0].max(), "red and nothing else"
    from_ahead = painted(-away, True, noon, open_air()) != painted(-away, False, noon, open_air())
    assert np.count_nonzero(from_ahead) < 5, "behind, as good as"
    blinding = painted(-away, False, night, dark)
    assert blinding.max() > 2 * painted(away, False, night, dark).max()
    assert blinding.max() > 1


def test_two_shadows_over_each_other_are_no_darker_than_one():
    """A low sun behind two cars side by side: their shadows overlap, and no light is taken away twice."""
    evening = light_at(SEED, START.replace(hour=22), False, False)
    mount, ground = straight(SIX[0]), open_air()
    ground = replace(ground, standing=0.2 * ground.standing, sunny=5 * ground.sunny)
    painter, s = Painter(SEED, mount), mount.s + mount.ahead * 50

    def darkest(*ds: float) -> float:
        cars = [someone(s, d, number=i) for i, d in enumerate(ds)]
        together = Vehicles(**{name: np.concatenate([getattr(car, name) for car in cars]) for name in Vehicles.__annotations__})
        picture, seen = painter.paint(together, ground, evening)
        for x1, y1, x2, y2 in seen.boxes.astype(int):
            picture[y1 : y2 + 1, x1 : x2 + 1] = 9
        return float(picture.min())

    assert evening.sun.max() > 0.1
    assert darkest(4.0, 6.2) > 0.99 * min(darkest(4.0), darkest(6.2)) > 0
