"""Vehicles look like vehicles: their sizes, their paints, and closed bodies with lamps at the right ends."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from cctview_pipeline.city.bodies import Body, Material, build_body
from cctview_pipeline.city.vehicles import KINDS, PAINTS, Vehicle, draw_vehicle
from cctview_pipeline_tests.factories.scene import PASSES, corners, draw

NAMES = [kind.name for kind in KINDS]
SIZES = {
    "car": ((3.9, 5.5), (1.6, 2.0), (1.3, 1.6)),
    "suv": ((4.1, 5.5), (1.7, 2.1), (1.55, 1.9)),
    "van": ((4.4, 6.5), (1.8, 2.2), (1.7, 2.8)),
    "truck": ((5.0, 11.0), (2.1, 2.6), (2.6, 4.0)),
    "bus": ((10.0, 13.5), (2.4, 2.6), (2.8, 3.4)),
    "motorcycle": ((1.8, 2.5), (0.6, 1.0), (1.2, 1.7)),
}
"""Length, width and height in m of what one meets on North American roads."""


def some_vehicle(kind: int, number: int) -> Vehicle:
    mean, deviation = KINDS[kind].length
    return draw_vehicle(1000, number, kind, mean + deviation * (number % 5 - 2))


vehicles = st.builds(some_vehicle, st.integers(0, len(KINDS) - 1), st.integers(0, 10**12))


def common_kinds(count: int) -> np.ndarray:
    return np.random.default_rng(1).choice(len(KINDS), count, p=[kind.share for kind in KINDS])


@given(vehicle=vehicles)
def test_a_vehicle_is_as_large_as_its_kind(vehicle):
    sizes = vehicle.length_m, vehicle.width_m, vehicle.height_m
    for size, (least, most) in zip(sizes, SIZES[vehicle.kind.name], strict=True):
        assert least <= size <= most


@given(vehicle=vehicles)
def test_a_body_fills_its_vehicle_s_dimensions_and_stands_on_the_road(vehicle):
    body = build_body(vehicle)
    low, high = body.vertices.min(0), body.vertices.max(0)
    assert -0.001 <= low[2] < 0.1, "on its wheels"
    assert high[0] - low[0] == pytest.approx(vehicle.length_m, abs=0.15)
    assert high[2] == pytest.approx(vehicle.height_m, abs=0.25)
    assert high[1] - low[1] <= vehicle.width_m + 0.12
    if vehicle.kind.name != "motorcycle":
        assert high[1] - low[1] >= 0.9 * vehicle.width_m
        np.testing.assert_allclose([low[1], low[0]], [-high[1], -high[0]], atol=0.06)


@given(vehicle=vehicles)
def test_a_body_s_arrays_are_as_documented(vehicle):
    body = build_body(vehicle)
    count = len(body.triangles)
    assert [array.dtype for array in (body.vertices, body.triangles, body.albedo, body.material)] == ["f4", "i4", "f4", "u1"]
    assert body.albedo.shape == body.normals.shape == (count, 3)
    assert 0 <= body.triangles.min() <= body.triangles.max() < len(body.vertices)
    np.testing.assert_allclose(np.linalg.norm(body.normals, axis=1), 1, atol=1e-5)
    assert (body.albedo > 0).all()
    assert (body.albedo < 1).all()
    assert ((body.brightness > 0) & (body.brightness <= 1)).all()


@given(vehicle=vehicles)
def test_headlights_are_in_front_and_taillights_behind(vehicle):
    body = build_body(vehicle)
    along = body.vertices[body.triangles].mean(1)[:, 0]
    headlights, taillights = (along[body.material == lamp] for lamp in (Material.HEADLIGHT, Material.TAILLIGHT))
    assert len(headlights) >= 2
    assert len(taillights) >= 2
    assert headlights.min() > 0.3
    assert taillights.max() < -0.3
    red = body.albedo[body.material == Material.TAILLIGHT]
    assert (red[:, 0] > 5 * red[:, 1]).all()


def filled(body: Body, angle: float) -> float:
    """Which share of the convex hull of its silhouette a body covers, seen from a camera above."""
    place = (0.0, 40.0, np.cos(angle), np.sin(angle))
    return draw([body], [place]).visible[0] / len(PASSES) / ConvexHull(corners(body, place)[:, :2]).volume


@pytest.mark.parametrize(("kind", "least"), [("car", 0.78), ("suv", 0.82), ("van", 0.85), ("truck", 0.80), ("bus", 0.9)])
def test_bodies_are_closed_on_every_side(kind, least):
    for number in range(4):
        body = build_body(some_vehicle(NAMES.index(kind), number))
        for angle in np.linspace(-np.pi, np.pi, 9):
            assert filled(body, angle) > least, f"{kind} {number} has holes, seen at {np.degrees(angle):.0f} degrees"


@given(number=st.integers(0, 10**12), kind=st.integers(0, len(KINDS) - 1))
@settings(max_examples=20, deadline=None)
def test_a_vehicle_looks_the_same_whenever_it_is_drawn(number, kind):
    assert draw_vehicle(1000, number, kind, 4.5) == draw_vehicle(1000, number, kind, 4.5)
    assert draw_vehicle(1000, number, kind, 4.5) != draw_vehicle(1001, number, kind, 4.5)


def test_most_vehicles_have_no_colour():
    """White, black, grey and silver, by the nearest of the paints: what makes re-identification by colour hopeless."""
    names, paints = [name for name, _, _ in PAINTS], np.log([paint for _, _, paint in PAINTS])
    drawn = [draw_vehicle(1000, number, int(kind), 4.5).paint for number, kind in enumerate(common_kinds(2000))]
    # Logarithms less their mean tell colours apart whatever their brightness, which only then decides among the greys.
    apart = np.linalg.norm(np.log(drawn)[:, None] - paints, axis=2)
    counted = Counter(names[i] for i in apart.argmin(1))
    colourless = sum(counted[name] for name in ("white", "black", "grey", "silver")) / len(drawn)
    assert 0.65 < colourless < 0.92
    assert min(counted[name] for name in ("white", "black", "grey", "silver")) > 0.08 * len(drawn)
    assert min(counted.values()) > 0
    chroma = np.ptp(drawn, axis=1) / np.max(drawn, axis=1)
    assert np.mean(chroma < 0.35) > 0.65


def test_shares_are_shares():
    assert sum(kind.share for kind in KINDS) == pytest.approx(1)
    assert sum(share for _, share, _ in PAINTS) == pytest.approx(1)
    assert {kind.label for kind in KINDS} == {"car", "bus", "truck", "motorcycle"}
