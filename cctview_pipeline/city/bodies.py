"""Vehicles as triangles: the body of each kind, with its own proportions, paint and lights.

A vehicle's own coordinates are metres: x ahead from its middle, y to its left, z up from the road.
"""

import itertools
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from cctview_pipeline.city.vehicles import Vehicle


class Material(IntEnum):
    """How a surface takes light: PAINT shines a little, GLASS mirrors the sky, MATT doesn't, lamps shine themselves."""

    PAINT = 0
    GLASS = 1
    MATT = 2
    HEADLIGHT = 3
    TAILLIGHT = 4


TYRE = (0.025, 0.025, 0.025)
TRIM = (0.035, 0.035, 0.04)
LAMP = (0.55, 0.55, 0.52)
RED = (0.28, 0.015, 0.012)


@dataclass(frozen=True, kw_only=True)
class Body:
    """vertices (N, 3) float32 m; triangles (M, 3) int32; albedo (M, 3) float32 linear; material (M,) uint8;
    normals (M, 3) float32, outwards; brightness (N,) float32: how much light reaches a vertex, less near the road."""

    vertices: np.ndarray
    triangles: np.ndarray
    albedo: np.ndarray
    material: np.ndarray
    normals: np.ndarray
    brightness: np.ndarray


class BodyBuilder:
    """Collects the faces of one body."""

    def __init__(self) -> None:
        self.vertices: list[tuple[float, float, float]] = []
        self.triangles: list[tuple[int, int, int]] = []
        self.albedo: list[tuple[float, float, float]] = []
        self.material: list[int] = []

    def face(self, corners: list[tuple[float, float, float]], colour: tuple, material: Material) -> None:
        """A convex polygon as a fan of triangles."""
        first = len(self.vertices)
        self.vertices.extend(corners)
        for i in range(2, len(corners)):
            self.triangles.append((first, first + i - 1, first + i))
            self.albedo.append(colour)
            self.material.append(material)

    def body(self) -> Body:
        vertices = np.array(self.vertices, np.float32)
        triangles = np.array(self.triangles, np.int32)
        corners = vertices[triangles]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        middle = (vertices.min(0) + vertices.max(0)) / 2
        outwards = ((corners.mean(1) - middle) * normals).sum(1)
        normals *= np.where(outwards < 0, -1, 1)[:, None]
        brightness = np.clip(0.45 + 0.55 * vertices[:, 2] / 0.9, 0.45, 1)
        albedo, material = np.array(self.albedo, np.float32), np.array(self.material, np.uint8)
        return Body(
            vertices=vertices,
            triangles=triangles,
            albedo=albedo,
            material=material,
            normals=normals.astype(np.float32),
            brightness=brightness.astype(np.float32),
        )


def build_body(vehicle: Vehicle) -> Body:
    """The triangles of one vehicle."""
    builder = BodyBuilder()
    {"car": _car, "suv": _suv, "van": _van, "truck": _truck, "bus": _bus, "motorcycle": _motorcycle}[vehicle.kind.name](
        builder, vehicle
    )
    return builder.body()


def _dirty(colour: tuple, dirt: float) -> tuple:
    dust = (0.16, 0.14, 0.115)
    return tuple(a + 0.5 * dirt * (b - a) for a, b in zip(colour, dust, strict=True))


def _glass(vehicle: Vehicle) -> tuple:
    shade = 0.012 + 0.05 * (1 - vehicle.glass)
    return (shade, shade * 1.05, shade * 1.1)


def _shell(
    builder: BodyBuilder, stations: list[tuple[float, float]], half: float, bottom: float, paint: tuple, shoulder: float
) -> None:
    """The lower body: a top line of (x, z) from front to rear, sides down to bottom, with slanting shoulders."""
    inner = half * 0.90
    for sign in (1, -1):
        for (xa, za), (xb, zb) in itertools.pairwise(stations):
            low_a, low_b = max(bottom, za - shoulder), max(bottom, zb - shoulder)
            top = [(xa, sign * inner, za), (xb, sign * inner, zb)]
            rim = [(xb, sign * half, low_b), (xa, sign * half, low_a)]
            builder.face(top + rim, paint, Material.PAINT)
            builder.face([*reversed(rim), (xb, sign * half, bottom), (xa, sign * half, bottom)], paint, Material.PAINT)
    for (xa, za), (xb, zb) in itertools.pairwise(stations):
        builder.face([(xa, inner, za), (xb, inner, zb), (xb, -inner, zb), (xa, -inner, za)], paint, Material.PAINT)
    for x, z in (stations[0], stations[-1]):
        low = max(bottom, z - shoulder)
        edge = [(x, half, bottom), (x, half, low), (x, inner, z), (x, -inner, z), (x, -half, low), (x, -half, bottom)]
        builder.face(edge, paint, Material.PAINT)


def _greenhouse(
    builder: BodyBuilder, line: list[tuple[float, float]], half: float, roof_half: float, vehicle: Vehicle, paint, roof
) -> None:
    """The cabin: (x, z) of the windscreen's foot and head, the roof's end and the rear window's foot."""
    (xa, za), (xb, zb), (xc, zc), (xd, zd) = line
    glass = _glass(vehicle)
    builder.face([(xa, half, za), (xb, roof_half, zb), (xb, -roof_half, zb), (xa, -half, za)], glass, Material.GLASS)
    builder.face([(xd, half, zd), (xc, roof_half, zc), (xc, -roof_half, zc), (xd, -half, zd)], glass, Material.GLASS)
    builder.face([(xb, roof_half, zb), (xc, roof_half, zc), (xc, -roof_half, zc), (xb, -roof_half, zb)], roof, Material.PAINT)
    for sign in (1, -1):
        side = [(xa, sign * half, za), (xb, sign * roof_half, zb), (xc, sign * roof_half, zc), (xd, sign * half, zd)]
        builder.face(side, paint, Material.PAINT)
        middle = np.mean(side, axis=0)
        # The windows lie a little outside the frame that they sit in, or the two would fight over the same depth.
        pane = [tuple(middle + (np.array(point) - middle) * (0.86, 1.0, 0.74) + (0, sign * 0.03, 0.02)) for point in side]
        builder.face(pane, glass, Material.GLASS)
        pillar = middle[0] + 0.04 * (xd - xa)
        builder.face(
            [
                (pillar, sign * (half + 0.04), za),
                (pillar + 0.09, sign * (half + 0.04), za),
                (pillar + 0.09, sign * (roof_half + 0.05), zb),
                (pillar, sign * (roof_half + 0.05), zb),
            ],
            paint,
            Material.PAINT,
        )


def _wheels(builder: BodyBuilder, places: list[float], half: float, radius: float) -> None:
    around = np.linspace(0, 2 * np.pi, 9)[:-1]
    for x in places:
        for sign in (1, -1):
            for size, colour, out in ((radius, TYRE, 0.02), (radius * 0.55, (0.20, 0.20, 0.21), 0.04)):
                y = sign * (half + out)
                rim = [(x + size * np.cos(a), y, max(0.0, radius + size * np.sin(a))) for a in around]
                builder.face(rim, colour, Material.MATT)


def _lamps(builder: BodyBuilder, front: float, rear: float, half: float, front_z: float, rear_z: float, height: float) -> None:
    for sign in (1, -1):
        inner, outer = sign * half * 0.55, sign * half * 0.93
        ahead, behind = front + 0.03, rear - 0.03
        for x, z, colour, material in ((ahead, front_z, LAMP, Material.HEADLIGHT), (behind, rear_z, RED, Material.TAILLIGHT)):
            builder.face([(x, inner, z), (x, outer, z), (x, outer, z + height), (x, inner, z + height)], colour, material)
    half *= 0.5
    builder.face(
        [(front + 0.03, half, 0.35), (front + 0.03, -half, 0.35), (front + 0.03, -half, front_z), (front + 0.03, half, front_z)],
        TRIM,
        Material.MATT,
    )
    builder.face(
        [
            (rear - 0.02, half * 1.7, 0.28),
            (rear - 0.02, -half * 1.7, 0.28),
            (rear - 0.02, -half * 1.7, 0.45),
            (rear - 0.02, half * 1.7, 0.45),
        ],
        TRIM,
        Material.MATT,
    )


def _stripe(builder: BodyBuilder, vehicle: Vehicle, front: float, rear: float, half: float, low: float, high: float) -> None:
    if vehicle.stripe:
        top = low + (high - low) * vehicle.stripe
        for sign in (1, -1):
            y = sign * (half + 0.015)
            builder.face([(front, y, low), (rear, y, low), (rear, y, top), (front, y, top)], vehicle.second, Material.PAINT)


def _roof_extras(builder: BodyBuilder, vehicle: Vehicle, x: float, half: float, z: float) -> None:
    if vehicle.roof == "rack":
        for sign in (1, -1):
            y = sign * half * 0.9
            builder.face([(x + 0.8, y, z + 0.08), (x - 1.2, y, z + 0.08), (x - 1.2, y, z), (x + 0.8, y, z)], TRIM, Material.MATT)
    elif vehicle.roof == "sign":
        _box(builder, (x - 0.15, x + 0.15), (-0.35, 0.35), (z, z + 0.22), (0.75, 0.7, 0.45), Material.MATT)


def _box(builder: BodyBuilder, xs: tuple, ys: tuple, zs: tuple, colour: tuple, material: Material) -> None:
    (xa, xb), (ya, yb), (za, zb) = xs, ys, zs
    builder.face([(xa, ya, za), (xa, yb, za), (xa, yb, zb), (xa, ya, zb)], colour, material)
    builder.face([(xb, ya, za), (xb, yb, za), (xb, yb, zb), (xb, ya, zb)], colour, material)
    builder.face([(xa, ya, za), (xb, ya, za), (xb, ya, zb), (xa, ya, zb)], colour, material)
    builder.face([(xa, yb, za), (xb, yb, za), (xb, yb, zb), (xa, yb, zb)], colour, material)
    builder.face([(xa, ya, zb), (xb, ya, zb), (xb, yb, zb), (xa, yb, zb)], colour, material)


def _car(builder: BodyBuilder, vehicle: Vehicle) -> None:
    length, half, height = vehicle.length_m, vehicle.width_m / 2, vehicle.height_m
    front, rear = length / 2, -length / 2
    paint = _dirty(vehicle.paint, vehicle.dirt)
    belt = 0.60 * height + 0.03
    bonnet = front - (1.05 + 0.25 * vehicle.bonnet)
    boot = rear + 0.25 + 0.75 * vehicle.cabin
    stations = [
        (front, 0.62),
        (front - 0.25, 0.70),
        (bonnet, belt),
        (boot, belt + 0.02),
        (rear + 0.12, belt - 0.05),
        (rear, 0.66),
    ]
    _shell(builder, stations, half, 0.22, paint, 0.14)
    roof_front, roof_rear = bonnet - (0.65 + 0.25 * vehicle.rake), boot + 0.45 + 0.35 * vehicle.rake
    line = [(bonnet + 0.05, belt), (roof_front, height), (roof_rear, height - 0.02), (boot - 0.05, belt)]
    _greenhouse(builder, line, half * 0.90, half * 0.70, vehicle, paint, vehicle.second if vehicle.roof == "second" else paint)
    _finish_car(builder, vehicle, (roof_front + roof_rear) / 2, half * 0.70, belt)


def _suv(builder: BodyBuilder, vehicle: Vehicle) -> None:
    length, half, height = vehicle.length_m, vehicle.width_m / 2, vehicle.height_m
    front, rear = length / 2, -length / 2
    paint = _dirty(vehicle.paint, vehicle.dirt)
    belt = 0.60 * height
    bonnet = front - (1.0 + 0.3 * vehicle.bonnet)
    stations = [(front, 0.80), (front - 0.15, 0.90), (bonnet, belt), (rear + 0.1, belt), (rear, 0.85)]
    _shell(builder, stations, half, 0.30, paint, 0.14)
    roof_front, roof_rear = bonnet - (0.55 + 0.2 * vehicle.rake), rear + 0.30 + 0.35 * vehicle.cabin
    line = [(bonnet + 0.05, belt), (roof_front, height), (roof_rear, height - 0.03), (rear + 0.08, belt)]
    _greenhouse(builder, line, half * 0.92, half * 0.76, vehicle, paint, vehicle.second if vehicle.roof == "second" else paint)
    _finish_car(builder, vehicle, (roof_front + roof_rear) / 2, half * 0.76, belt)


def _finish_car(builder: BodyBuilder, vehicle: Vehicle, roof_x: float, roof_half: float, belt: float) -> None:
    front, half = vehicle.length_m / 2, vehicle.width_m / 2
    radius = 0.33 if vehicle.kind.name == "car" else 0.37
    _wheels(builder, [front - 0.85, -front + 0.95], half, radius)
    _lamps(builder, front, -front, half, 0.58 * belt + 0.05, 0.62 * belt + 0.08, 0.16)
    _stripe(builder, vehicle, front - 0.3, -front + 0.3, half, 0.35, belt - 0.15)
    _roof_extras(builder, vehicle, roof_x, roof_half, vehicle.height_m)


def _van(builder: BodyBuilder, vehicle: Vehicle) -> None:
    length, half, height = vehicle.length_m, vehicle.width_m / 2, vehicle.height_m
    front, rear = length / 2, -length / 2
    paint = _dirty(vehicle.paint, vehicle.dirt)
    belt = 1.15
    nose = front - (0.45 + 0.5 * vehicle.bonnet)
    _shell(builder, [(front, 0.85), (nose, belt), (rear, belt)], half, 0.32, paint, 0.1)
    roof_front = nose - (0.5 + 0.3 * vehicle.rake)
    line = [(nose, belt), (roof_front, height), (rear + 0.05, height), (rear, belt)]
    roof_half, glass = half * 0.88, _glass(vehicle)
    (xa, za), (xb, zb), (xc, zc), (xd, zd) = line
    side_half = half * 0.97
    builder.face([(xa, side_half, za), (xb, roof_half, zb), (xb, -roof_half, zb), (xa, -side_half, za)], glass, Material.GLASS)
    builder.face([(xd, side_half, zd), (xc, roof_half, zc), (xc, -roof_half, zc), (xd, -side_half, zd)], paint, Material.PAINT)
    builder.face([(xb, roof_half, zb), (xc, roof_half, zc), (xc, -roof_half, zc), (xb, -roof_half, zb)], paint, Material.PAINT)
    windows = rear + 0.4 if vehicle.cabin > 0.45 else roof_front - 0.9
    for sign in (1, -1):
        side = [(xa, sign * side_half, za), (xb, sign * roof_half, zb), (xc, sign * roof_half, zc), (xd, sign * side_half, zd)]
        builder.face(side, paint, Material.PAINT)
        y, top = sign * (side_half + 0.02), belt + 0.72 * (height - belt)
        builder.face(
            [(xa - 0.2, y, belt + 0.05), (roof_front, y * 0.95, top), (windows, y * 0.95, top), (windows, y, belt + 0.05)],
            glass,
            Material.GLASS,
        )
    builder.face(
        [
            (rear - 0.03, -half * 0.8, 1.25),
            (rear - 0.03, half * 0.8, 1.25),
            (rear, half * 0.75, height - 0.25),
            (rear, -half * 0.75, height - 0.25),
        ],
        glass,
        Material.GLASS,
    )
    _wheels(builder, [front - 0.9, rear + 1.0], half, 0.36)
    _lamps(builder, front, rear, half, 0.65, 0.95, 0.22)
    _stripe(builder, vehicle, front - 0.8, rear + 0.1, half, 0.55, 1.15)
    _roof_extras(builder, vehicle, 0.0, roof_half, height)


def _truck(builder: BodyBuilder, vehicle: Vehicle) -> None:
    length, half, height = vehicle.length_m, vehicle.width_m / 2, vehicle.height_m
    front, rear = length / 2, -length / 2
    paint, load = (
        _dirty(vehicle.paint, vehicle.dirt),
        _dirty(vehicle.second if vehicle.roof == "second" else (0.62, 0.62, 0.60), vehicle.dirt),
    )
    cab = front - (1.7 + 0.5 * vehicle.bonnet)
    roof = min(2.45, height - 0.3)
    _shell(builder, [(front, 1.05), (front - 0.5 * vehicle.bonnet, 1.2), (cab, 1.2)], half * 0.95, 0.45, paint, 0.1)
    line = [(front - 0.5 * vehicle.bonnet - 0.05, 1.2), (front - 0.55 - 0.5 * vehicle.bonnet, roof), (cab, roof), (cab, 1.2)]
    _greenhouse(builder, line, half * 0.93, half * 0.85, vehicle, paint, paint)
    _box(builder, (rear, cab - 0.15), (-half, half), (0.85, height), load, Material.PAINT)
    _box(builder, (rear + 0.3, cab), (-half * 0.7, half * 0.7), (0.4, 0.9), TRIM, Material.MATT)
    _wheels(builder, [front - 0.9, rear + 1.6], half * 0.95, 0.45)
    _lamps(builder, front, rear, half, 0.7, 0.9, 0.2)
    _stripe(builder, vehicle, cab - 0.4, rear + 0.2, half, 1.3, height - 0.2)


def _bus(builder: BodyBuilder, vehicle: Vehicle) -> None:
    length, half, height = vehicle.length_m, vehicle.width_m / 2, vehicle.height_m
    front, rear = length / 2, -length / 2
    paint, glass = _dirty(vehicle.paint, vehicle.dirt), _glass(vehicle)
    _box(builder, (rear, front), (-half, half), (0.35, height), paint, Material.PAINT)
    low, high = 1.25, height - 0.55
    for sign in (1, -1):
        y = sign * (half + 0.02)
        panes = 6
        for i in range(panes):
            a, b = front - 0.5 - (length - 1) * i / panes, front - 0.5 - (length - 1) * (i + 0.9) / panes
            builder.face([(a, y, low), (b, y, low), (b, y, high), (a, y, high)], glass, Material.GLASS)
    builder.face(
        [
            (front + 0.02, -half * 0.92, 1.0),
            (front + 0.02, half * 0.92, 1.0),
            (front + 0.02, half * 0.92, high + 0.15),
            (front + 0.02, -half * 0.92, high + 0.15),
        ],
        glass,
        Material.GLASS,
    )
    builder.face(
        [
            (rear - 0.02, -half * 0.7, 1.5),
            (rear - 0.02, half * 0.7, 1.5),
            (rear - 0.02, half * 0.7, high),
            (rear - 0.02, -half * 0.7, high),
        ],
        glass,
        Material.GLASS,
    )
    _box(builder, (rear + 1.0, rear + 3.2), (-half * 0.6, half * 0.6), (height, height + 0.2), (0.5, 0.5, 0.5), Material.MATT)
    _wheels(builder, [front - 2.6, rear + 3.0], half, 0.48)
    _lamps(builder, front, rear, half, 0.6, 0.9, 0.22)
    _stripe(builder, vehicle, front - 0.1, rear + 0.1, half, 0.45, 1.2)


def _motorcycle(builder: BodyBuilder, vehicle: Vehicle) -> None:
    front = vehicle.length_m / 2
    paint = vehicle.paint
    _wheels(builder, [front - 0.3, -front + 0.3], 0.06, 0.31)
    _box(builder, (-0.55, 0.5), (-0.14, 0.14), (0.4, 0.85), paint, Material.PAINT)
    _box(builder, (0.45, 0.75), (-0.3, 0.3), (0.8, 1.05), paint, Material.PAINT)
    jacket = tuple(0.5 * value for value in vehicle.second)
    _box(builder, (-0.4, 0.1), (-0.24, 0.24), (0.75, 1.32), jacket, Material.MATT)
    _box(builder, (-0.15, 0.45), (-0.3, 0.3), (0.45, 0.8), TRIM, Material.MATT)
    _box(
        builder, (-0.2, 0.1), (-0.13, 0.13), (1.32, vehicle.height_m + 0.12), tuple(0.6 * v + 0.02 for v in paint), Material.PAINT
    )
    builder.face([(0.78, -0.1, 0.7), (0.78, 0.1, 0.7), (0.78, 0.1, 0.9), (0.78, -0.1, 0.9)], LAMP, Material.HEADLIGHT)
    builder.face(
        [(-front + 0.2, -0.1, 0.7), (-front + 0.2, 0.1, 0.7), (-front + 0.2, 0.1, 0.85), (-front + 0.2, -0.1, 0.85)],
        RED,
        Material.TAILLIGHT,
    )
