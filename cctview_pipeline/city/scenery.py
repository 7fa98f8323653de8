"""What stands around the road at one camera, as triangles: barriers, walls, lamps, signs, bridges, trees, buildings."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from cctview_pipeline.city.corridor import LANE_M, MEDIAN_M, NORTHBOUND, SOUTHBOUND, lanes_at
from cctview_pipeline.city.mounts import Mount

SHOULDER_M = 1.6
REACH_M = 420.0
"""How far from the pole there is scenery."""


class Surface(IntEnum):
    """What a triangle or the ground is made of."""

    CONCRETE = 0
    FACADE = 1
    FOLIAGE = 2
    METAL = 3
    SIGN = 4
    GROUND = 5
    SKY = 6


class Side(IntEnum):
    """What lies beyond the road."""

    RIVER = 0
    PARK = 1
    PAVEMENT = 2


@dataclass(frozen=True, kw_only=True)
class Scenery:
    """vertices (N, 3) float32 m; triangles (M, 3) int32; surface (M,) uint8; tint (M, 3) float32 linear; normals (M, 3)
    float32; west, east: what lies beyond the road; lamps (L, 3): street lamps, m; edges: road's width to each side, m;
    crossings (C,): y of the streets' crossings, where the ground is theirs."""

    vertices: np.ndarray
    triangles: np.ndarray
    surface: np.ndarray
    tint: np.ndarray
    normals: np.ndarray
    west: Side
    east: Side
    lamps: np.ndarray
    edges: tuple[float, float]
    crossings: np.ndarray = field(default_factory=lambda: np.zeros(0))


class Builder:
    """Collects what stands around one camera."""

    def __init__(self, mount: Mount, rng: np.random.Generator) -> None:
        self.mount, self.rng = mount, rng
        self.corners: list[np.ndarray] = []
        self.surface: list[int] = []
        self.tint: list[tuple] = []
        self.lamps: list[tuple[float, float, float]] = []

    def quad(self, a: tuple, b: tuple, c: tuple, d: tuple, surface: Surface, tint: tuple) -> None:
        for triangle in ((a, b, c), (a, c, d)):
            self.corners.append(np.array(triangle, np.float64))
            self.surface.append(surface)
            self.tint.append(tint)

    def box(self, xs: tuple, ys: tuple, zs: tuple, surface: Surface, tint: tuple) -> None:
        (xa, xb), (ya, yb), (za, zb) = xs, ys, zs
        self.quad((xa, ya, za), (xb, ya, za), (xb, ya, zb), (xa, ya, zb), surface, tint)
        self.quad((xa, yb, za), (xb, yb, za), (xb, yb, zb), (xa, yb, zb), surface, tint)
        self.quad((xa, ya, za), (xa, yb, za), (xa, yb, zb), (xa, ya, zb), surface, tint)
        self.quad((xb, ya, za), (xb, yb, za), (xb, yb, zb), (xb, ya, zb), surface, tint)
        self.quad((xa, ya, zb), (xb, ya, zb), (xb, yb, zb), (xa, yb, zb), surface, tint)
        self.quad((xa, ya, za), (xb, ya, za), (xb, yb, za), (xa, yb, za), surface, tint)

    def along(self, d: float, profile: list[tuple[float, float]], surface: Surface, tint: tuple, far: float = REACH_M) -> None:
        """A wall that follows the road at d; profile: (sideways, up) from one foot over the top to the other, m."""
        steps = np.concatenate([np.arange(-25, 60, 4.0), np.arange(60, far, 12.0), [far]]) * self.mount.ahead
        for ya, yb in itertools.pairwise(steps):
            xa, xb = self.mount.centre_x(ya) + d, self.mount.centre_x(yb) + d
            for (sa, za), (sb, zb) in itertools.pairwise(profile):
                self.quad((xa + sa, ya, za), (xb + sa, yb, za), (xb + sb, yb, zb), (xa + sb, ya, zb), surface, tint)

    def ball(self, centre: np.ndarray, radius: float, tint: tuple) -> None:
        """A clump of leaves."""
        rings, around = 4, 7
        polar = np.linspace(0, np.pi, rings + 1)
        turn = np.linspace(0, 2 * np.pi, around + 1)
        bumps = 1 + 0.28 * self.rng.standard_normal((rings + 1, around))
        bumps = np.concatenate([bumps, bumps[:, :1]], axis=1)
        points = np.stack(
            [
                np.sin(polar)[:, None] * np.cos(turn),
                np.sin(polar)[:, None] * np.sin(turn),
                np.cos(polar)[:, None] * np.ones(around + 1),
            ],
            axis=2,
        )
        points = centre + radius * bumps[..., None] * points
        for i in range(rings):
            for j in range(around):
                self.quad(points[i, j], points[i, j + 1], points[i + 1, j + 1], points[i + 1, j], Surface.FOLIAGE, tint)

    def done(self, west: Side, east: Side, edges: tuple[float, float], crossings: Sequence[float] = ()) -> Scenery:
        corners = np.array(self.corners)
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        triangles = np.arange(3 * len(corners), dtype=np.int32).reshape(-1, 3)
        return Scenery(
            vertices=corners.reshape(-1, 3).astype(np.float32),
            triangles=triangles,
            surface=np.array(self.surface, np.uint8),
            tint=np.array(self.tint, np.float32),
            normals=normals.astype(np.float32),
            west=west,
            east=east,
            lamps=np.array(self.lamps, np.float64).reshape(-1, 3),
            edges=edges,
            crossings=np.array(crossings, np.float64),
        )


def build_scenery(seed: int, mount: Mount) -> Scenery:
    """What stands at this camera in the city of this seed."""
    rng = np.random.default_rng((seed, 17, mount.index))
    build = Builder(mount, rng)
    south, north = (
        MEDIAN_M + LANE_M * lanes_at(side, mount.s + 40 * mount.ahead) + SHOULDER_M for side in (SOUTHBOUND, NORTHBOUND)
    )
    edges = south, north
    west = Side(rng.choice([Side.PARK, Side.PAVEMENT], p=[0.4, 0.6]))
    east = Side(rng.choice([Side.RIVER, Side.PARK, Side.PAVEMENT], p=[0.6, 0.25, 0.15]))
    concrete = tuple(float(v) for v in rng.uniform(0.22, 0.38) * np.array([1.0, 0.97, 0.9]))
    _median(build, concrete)
    for sign, edge, side in ((1, south, west), (-1, north, east)):
        _roadside(build, sign, edge, side, concrete)
        _beyond(build, sign, edge, side)
    _lamps(build, edges)
    if rng.random() < 0.55:
        _bridge(build, edges, concrete)
    if rng.random() < 0.6:
        _gantry(build, edges)
    return build.done(west, east, edges)


def _median(build: Builder, concrete: tuple) -> None:
    build.along(
        0.0,
        [(-0.42, 0), (-0.36, 0.1), (-0.18, 0.35), (-0.15, 1.05), (0.15, 1.05), (0.18, 0.35), (0.36, 0.1), (0.42, 0)],
        Surface.CONCRETE,
        concrete,
    )
    if build.rng.random() < 0.4:
        build.along(0.0, [(-0.03, 1.25), (0.03, 1.25), (0.03, 1.15), (-0.03, 1.15)], Surface.METAL, (0.3, 0.18, 0.08))


def _roadside(build: Builder, sign: int, edge: float, side: Side, concrete: tuple) -> None:
    d = sign * (edge + 0.2)
    kind = build.rng.choice(["jersey", "rail", "wall"], p=[0.5, 0.4, 0.1] if side == Side.RIVER else [0.45, 0.25, 0.3])
    pole_side = sign * build.mount.d > 0
    if kind == "wall" and not (pole_side and abs(build.mount.d) > edge):
        height = float(build.rng.uniform(2.5, 5.0))
        dark = tuple(v * 0.6 for v in concrete)
        build.along(d, [(0, 0), (0, height), (sign * 0.6, height), (sign * 0.6, 0)], Surface.CONCRETE, dark)
        return
    if kind == "rail":
        for z in (0.45, 0.75):
            build.along(d, [(0, z - 0.12), (0, z + 0.04)], Surface.METAL, (0.33, 0.32, 0.30), 250)
        for y in np.arange(-12, 220, 4.0) * build.mount.ahead:
            x = build.mount.centre_x(y) + d
            build.box((x - 0.06, x + 0.06), (y - 0.06, y + 0.06), (0, 0.8), Surface.METAL, (0.28, 0.27, 0.25))
        return
    build.along(d, [(-0.2, 0), (-0.1, 0.8), (0.1, 0.8), (0.2, 0)], Surface.CONCRETE, concrete)


def _beyond(build: Builder, sign: int, edge: float, side: Side) -> None:
    rng, ahead = build.rng, build.mount.ahead
    if side == Side.RIVER:
        _skyline(build, sign, 420.0, 30, (8, 60))
        if rng.random() < 0.6:
            _trees(build, sign, edge + 6, 3, 10)
        for y in np.arange(4, 200, 2.5) * ahead:
            x = build.mount.centre_x(y) + sign * (edge + 9)
            build.box((x - 0.04, x + 0.04), (y - 0.04, y + 0.04), (0, 1.1), Surface.METAL, (0.05, 0.05, 0.05))
        build.along(sign * (edge + 9), [(0, 1.0), (0, 1.1)], Surface.METAL, (0.05, 0.05, 0.05), 220)
        return
    _skyline(build, sign, 330.0, 30, (30, 130))
    if side == Side.PARK:
        _trees(build, sign, edge + 4, 22, 26)
        _skyline(build, sign, edge + 70, 14, (15, 70))
        return
    _skyline(build, sign, edge + float(rng.uniform(9, 16)), 16, (12, 95))
    _trees(build, sign, edge + 3.5, 7, 3)


def _trees(build: Builder, sign: int, nearest: float, count: int, depth: float) -> None:
    rng = build.rng
    spring = np.array([0.10, 0.13, 0.035]) * rng.uniform(0.7, 1.2)
    for _ in range(count):
        y = float(rng.uniform(18, 260)) * build.mount.ahead
        x = build.mount.centre_x(y) + sign * (nearest + float(rng.uniform(1.5, depth)))
        size = float(rng.uniform(1.3, 2.6))
        top = float(rng.uniform(3.2, 6.5))
        build.box((x - 0.15, x + 0.15), (y - 0.15, y + 0.15), (0, top), Surface.METAL, (0.05, 0.035, 0.025))
        tint = tuple(float(v) for v in spring * rng.uniform(0.7, 1.3) * rng.normal(1, 0.08, 3))
        for _ in range(6):
            build.ball(np.array([x, y, top]) + rng.normal(0, 0.55, 3) * size, size * float(rng.uniform(0.5, 0.85)), tint)


def _skyline(build: Builder, sign: int, nearest: float, count: int, heights: tuple[float, float]) -> None:
    rng = build.rng
    y = float(rng.uniform(10, 40))
    colours = np.array(
        [(0.20, 0.13, 0.10), (0.26, 0.22, 0.17), (0.16, 0.17, 0.18), (0.32, 0.31, 0.29), (0.08, 0.10, 0.13), (0.24, 0.17, 0.13)]
    )
    far = nearest > 300
    for _ in range(count):
        wide = float(rng.uniform(18, 55)) * (2.5 if far else 1)
        deep, tall = float(rng.uniform(14, 40)), float(np.exp(rng.uniform(*np.log(heights))))
        near = nearest + float(rng.uniform(0, 18))
        # Along the road and its bend, or a building of the distance would stand on the lanes.
        place = build.mount.centre_x(np.array([y, y + wide]) * build.mount.ahead)
        near += max(0.0, float((sign * place).max()))
        xs = sorted((sign * near, sign * (near + deep)))
        ys = sorted((y * build.mount.ahead, (y + wide) * build.mount.ahead))
        tint = tuple(float(v) for v in colours[rng.integers(len(colours))] * rng.uniform(0.6, 1.2))
        build.box(tuple(xs), tuple(ys), (-3 if far else 0, tall), Surface.FACADE, tint)
        y += wide + float(rng.choice([0.5, rng.uniform(8, 30)]))
        if y > (1500 if far else REACH_M):
            break


def _lamps(build: Builder, edges: tuple[float, float]) -> None:
    rng, grey = build.rng, (0.16, 0.17, 0.17)
    sign = int(rng.choice([1, -1]))
    edge = edges[0] if sign > 0 else edges[1]
    for y in (np.arange(float(rng.uniform(14, 40)), 330, float(rng.uniform(38, 50))) * build.mount.ahead).tolist():
        x = build.mount.centre_x(y) + sign * (edge + 0.7)
        if abs(x - build.mount.d) < 2.5 and abs(y) < 14:
            continue
        build.box((x - 0.09, x + 0.09), (y - 0.09, y + 0.09), (0, 9.0), Surface.METAL, grey)
        reach = x - sign * 2.6
        build.box((min(x, reach), max(x, reach)), (y - 0.06, y + 0.06), (8.95, 9.1), Surface.METAL, grey)
        build.box((reach - 0.35, reach + 0.35), (y - 0.15, y + 0.15), (8.9, 9.08), Surface.METAL, (0.4, 0.4, 0.4))
        build.lamps.append((reach, y, 8.8))


def _bridge(build: Builder, edges: tuple[float, float], concrete: tuple) -> None:
    rng = build.rng
    y = float(rng.uniform(110, 240)) * build.mount.ahead
    x = float(build.mount.centre_x(y))
    deep, low = float(rng.uniform(4, 14)), float(rng.uniform(5.2, 6.5))
    dark = tuple(v * float(rng.uniform(0.3, 0.9)) for v in concrete)
    ys = tuple(sorted((y, y + deep * build.mount.ahead)))
    build.box((x - edges[1] - 60, x + edges[0] + 60), ys, (low, low + float(rng.uniform(1.2, 2.5))), Surface.CONCRETE, dark)
    for at in (x - edges[1] - 1.2, x, x + edges[0] + 1.2):
        build.box((at - 0.45, at + 0.45), ys, (0, low), Surface.CONCRETE, dark)


def _gantry(build: Builder, edges: tuple[float, float]) -> None:
    rng = build.rng
    y = float(rng.uniform(60, 140)) * build.mount.ahead
    x = float(build.mount.centre_x(y))
    sign = int(rng.choice([1, -1]))
    edge = edges[0] if sign > 0 else edges[1]
    foot = x + sign * (edge + 0.6)
    build.box((foot - 0.15, foot + 0.15), (y - 0.15, y + 0.15), (0, 7.6), Surface.METAL, (0.3, 0.3, 0.3))
    reach = foot - sign * float(rng.uniform(5, 9))
    build.box((min(foot, reach), max(foot, reach)), (y - 0.1, y + 0.1), (7.2, 7.5), Surface.METAL, (0.3, 0.3, 0.3))
    xs = tuple(sorted((reach, reach + sign * float(rng.uniform(2.5, 4)))))
    build.box(xs, (y - 0.18, y - 0.12), (5.6, 7.4), Surface.SIGN, (0.010, 0.12, 0.055))
