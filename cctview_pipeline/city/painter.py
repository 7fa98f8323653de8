"""One camera's view of the traffic at a moment: what is where in the picture, and the light that reaches the sensor."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numba import njit

from cctview_pipeline.city.backdrop import PASSES, Backdrop
from cctview_pipeline.city.bodies import Body, Material, build_body
from cctview_pipeline.city.crowd import Walkers
from cctview_pipeline.city.light import Light
from cctview_pipeline.city.mounts import Mount
from cctview_pipeline.city.people import build_person, draw_person
from cctview_pipeline.city.raster import draw_vehicles, fill_shadow
from cctview_pipeline.city.traffic import Vehicles
from cctview_pipeline.city.vehicles import draw_vehicle

SIGHT_M = 330.0
"""Vehicles farther away are less than three pixels high and not drawn."""

_GLASS, _PAINT = int(Material.GLASS), int(Material.PAINT)
_HEADLIGHT, _TAILLIGHT = int(Material.HEADLIGHT), int(Material.TAILLIGHT)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Vehicles and people of whom at least one sample is visible, V of them. number (V,); kind, side (V,) as in the traffic,
    or PERSON and BICYCLE; boxes (V, 4): what is visible of each, px inside the frame; fraction (V,): visible share of the
    whole silhouette."""

    number: np.ndarray
    kind: np.ndarray
    side: np.ndarray
    boxes: np.ndarray
    fraction: np.ndarray


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """Who may be in the picture, V of them, vehicles before people. places (V, 6): as ``draw_vehicles`` takes them;
    braking, number, kind, side (V,); vehicles: how many of them are; lit (vehicles,): whose lights are on."""

    bodies: list[Body]
    places: np.ndarray
    braking: np.ndarray
    number: np.ndarray
    kind: np.ndarray
    side: np.ndarray
    vehicles: int
    lit: np.ndarray

    @property
    def shining(self) -> tuple[list[Body], np.ndarray]:
        """Bodies and places of the vehicles whose lights are on."""
        bodies = [body for body, lit in zip(self.bodies, self.lit, strict=False) if lit]
        return bodies, self.places[: self.vehicles][self.lit]


class Painter:
    """Paints what one camera of one city sees."""

    def __init__(self, seed: int, mount: Mount) -> None:
        self.seed, self.mount = seed, mount
        self.rotation, self.position = mount.pose()
        self.middle = mount.size[0] / 2, mount.size[1] / 2
        # A few hundred vehicles are in sight within minutes, and each is seen many times.
        self.body = lru_cache(maxsize=2048)(self._body)
        self.person = lru_cache(maxsize=512)(self._person)

    def paint(
        self, vehicles: Vehicles, backdrop: Backdrop, light: Light, walkers: Walkers | None = None
    ) -> tuple[np.ndarray, Seen]:
        """Linear light (H, W, 3) float32 and who is seen."""
        scene = self._scene(vehicles, walkers)
        standing, sunny = backdrop.standing, backdrop.sunny
        if not scene.bodies:
            return standing + sunny, _nobody()
        sun_count, under_count = self._shadows(scene.bodies, scene.places, light)
        picture = _shaded(standing, sunny, backdrop.ground, sun_count, under_count)
        shining, driving = scene.shining
        if light.night > 0.3 and len(driving):
            self._headlight_pools(picture, driving, backdrop, light)
        colours = self._colours(scene.bodies, scene.places, scene.braking, light)
        colour, cover, seen = self._draw(scene.bodies, scene.places, colours, backdrop)
        _overlay(picture, colour, cover)
        if light.night > 0.3 and len(driving):
            self._glow(picture, shining, driving, light, backdrop)
        return picture, self._seen(scene, *seen)

    def look(self, vehicles: Vehicles, backdrop: Backdrop, walkers: Walkers | None = None) -> Seen:
        """Who is seen, without painting: a third of the work."""
        scene = self._scene(vehicles, walkers)
        if not scene.bodies:
            return _nobody()
        colours = np.zeros((sum(len(body.triangles) for body in scene.bodies), 3), np.float32)
        return self._seen(scene, *self._draw(scene.bodies, scene.places, colours, backdrop)[2])

    def _scene(self, vehicles: Vehicles, walkers: Walkers | None) -> _Scene:
        rows, places = self._in_sight(vehicles)
        lit = ~vehicles.dark[rows]
        drawn = zip(vehicles.vehicle[rows], vehicles.kind[rows], vehicles.length[rows], lit, strict=True)
        bodies = [self.body(int(number), int(kind), float(length), bool(on)) for number, kind, length, on in drawn]
        driving = _Scene(
            bodies=bodies,
            places=places,
            braking=vehicles.braking[rows],
            number=vehicles.vehicle[rows],
            kind=vehicles.kind[rows],
            side=vehicles.side[rows],
            vehicles=len(bodies),
            lit=lit,
        )
        if walkers is None:
            return driving
        walkers = walkers.select(~_run_over(walkers.places, places, vehicles.length[rows]))
        each = zip(walkers.number.tolist(), walkers.kind.tolist(), walkers.stride.tolist(), strict=True)
        persons = [self.person(*key) for key in each]
        return _Scene(
            bodies=bodies + persons,
            places=np.concatenate([driving.places, walkers.places]),
            braking=np.concatenate([driving.braking, np.zeros(len(persons), bool)]),
            number=np.concatenate([driving.number, walkers.number]),
            kind=np.concatenate([driving.kind, walkers.kind]),
            side=np.concatenate([driving.side, walkers.side]),
            vehicles=len(bodies),
            lit=lit,
        )

    def _body(self, number: int, kind: int, length: float, lit: bool = True) -> Body:
        body = build_body(draw_vehicle(self.seed, number, kind, length))
        lamps = (body.material == _HEADLIGHT) | (body.material == _TAILLIGHT)
        return body if lit else replace(body, material=np.where(lamps, np.uint8(Material.MATT), body.material))

    def _person(self, number: int, kind: int, stride: int) -> Body:
        return build_person(draw_person(self.seed, number), kind, stride)

    def _in_sight(self, vehicles: Vehicles) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of the vehicles that may be in the picture, and their places (V, 6) as ``draw_vehicles`` takes them."""
        mount, (width, height) = self.mount, self.mount.size
        rows = np.flatnonzero(np.abs(vehicles.s - mount.s - mount.ahead * SIGHT_M / 2) < SIGHT_M / 2 + mount.behind)
        y = vehicles.s[rows].astype(np.float64) - mount.s
        slope = mount.slope(y)
        x = mount.centre_x(y) + vehicles.d[rows]
        # Southbound traffic drives towards +y. heading: towards growing d, whatever the direction of travel.
        along = np.sign(vehicles.side[rows]).astype(np.float64)
        direction = np.arctan(along * slope) + vehicles.heading[rows]
        cosine, sine = np.sin(direction), along * np.cos(direction)
        speed = vehicles.speed[rows]
        points = np.stack([x, y, np.full_like(x, 0.8)], axis=1) - self.position
        right, down, depth = self.rotation @ points.T
        reach = vehicles.length[rows] * 1.2 + 3
        room = mount.focal * reach / np.maximum(depth, 1.0)
        inside = (depth > -reach) & (np.abs(mount.focal * right / np.maximum(depth, 1.0)) < width / 2 + room)
        inside &= np.abs(mount.focal * down / np.maximum(depth, 1.0)) < height / 2 + room
        places = np.stack([x, y, cosine, sine, cosine * speed, sine * speed], axis=1)
        return rows[inside], np.ascontiguousarray(places[inside])

    def _draw(self, bodies: list[Body], places: np.ndarray, colours: np.ndarray, backdrop: Backdrop):
        first_vertex = np.cumsum([0] + [len(body.vertices) for body in bodies])
        first_triangle = np.cumsum([0] + [len(body.triangles) for body in bodies])
        triangles = np.concatenate([body.triangles + first for body, first in zip(bodies, first_vertex, strict=False)])
        vertices, brightness = (np.concatenate([getattr(body, name) for body in bodies]) for name in ("vertices", "brightness"))
        colour, cover, _inside, visible, boxes, whole = draw_vehicles(
            vertices, triangles.astype(np.int32), colours, brightness, first_vertex, first_triangle, places,
            self.rotation, self.position, self.mount.focal, *self.middle,
            PASSES, self.mount.exposure_s, backdrop.inverse_depth,
        )  # fmt: skip
        return colour, cover, (visible, boxes, whole)

    def _seen(self, scene: _Scene, visible: np.ndarray, boxes: np.ndarray, whole: np.ndarray) -> Seen:
        shown = visible > 0
        boxes = np.clip(boxes[shown], 0, self.mount.size * 2).astype(np.float32)
        fraction = (visible[shown] / whole[shown]).astype(np.float32)
        return Seen(number=scene.number[shown], kind=scene.kind[shown], side=scene.side[shown], boxes=boxes, fraction=fraction)

    def _colours(self, bodies: list[Body], places: np.ndarray, braking: np.ndarray, light: Light) -> np.ndarray:
        """(M, 3) light that every triangle sends to the camera."""
        counts = [len(body.triangles) for body in bodies]
        albedo, material, normals = (
            np.concatenate([getattr(b, name) for b in bodies]) for name in ("albedo", "material", "normals")
        )
        middles = np.stack([places[:, 0], places[:, 1], np.full(len(places), 0.8)], axis=1) - self.position
        depth = np.linalg.norm(middles, axis=1)
        veil = 1 - np.exp(-self.mount.haze * (1 + 2 * light.wet) * depth)
        air = light.sky * 1.35 + 0.10 * light.sun
        owner = np.repeat(np.arange(len(bodies)), counts)
        return _light_triangles(
            albedo, material, normals, owner, places, middles / depth[:, None], braking, veil,
            air, light.sun_from, light.sun, light.sky, light.night, max(light.wet, 0.0),
        )  # fmt: skip

    def _shadows(self, bodies: list[Body], places: np.ndarray, light: Light) -> tuple[np.ndarray, np.ndarray]:
        """How many passes (H, W) see a vehicle's shadow on the road, of the sun and of the sky just under it."""
        sun, under = (np.zeros(self.mount.size[::-1], np.float32) for _ in range(2))
        for body, place in zip(bodies, places, strict=True):
            half_length, half_width, height = (
                np.abs(body.vertices[:, 0]).max(),
                np.abs(body.vertices[:, 1]).max(),
                body.vertices[:, 2].max(),
            )
            _cast(
                half_length,
                half_width,
                height,
                place,
                self.rotation,
                self.position,
                self.mount.focal,
                light.sun_from,
                light.sun.max() > 0,
                sun,
                under,
            )
        return sun, under

    def _headlight_pools(self, picture: np.ndarray, places: np.ndarray, backdrop: Backdrop, light: Light) -> None:
        _pools(
            picture,
            places,
            backdrop.ground,
            self.rotation,
            self.position,
            self.mount.focal,
            0.055 * light.night,
            self.mount.scale,
        )

    def _glow(self, picture: np.ndarray, bodies: list[Body], places: np.ndarray, light: Light, backdrop: Backdrop) -> None:
        """Halos of the headlights that point at the camera."""
        fronts = np.array([np.abs(body.vertices[:, 0]).max() for body in bodies])
        halves = np.array([np.abs(body.vertices[:, 1]).max() for body in bodies])
        _halos(
            picture,
            places,
            fronts,
            halves,
            backdrop.inverse_depth[0],
            self.rotation,
            self.position,
            self.mount.focal,
            light.night,
            self.mount.scale,
        )


def _run_over(people: np.ndarray, vehicles: np.ndarray, length: np.ndarray) -> np.ndarray:
    """(P,) who of the people, (P, 6) places, would stand inside a vehicle, (V, 6) and (V,) m. Neither sees the other, so it is
    as if they had passed a moment earlier or later."""
    apart = people[:, None, :2] - vehicles[None, :, :2]
    ahead = apart[..., 0] * vehicles[:, 2] + apart[..., 1] * vehicles[:, 3]
    left = apart[..., 1] * vehicles[:, 2] - apart[..., 0] * vehicles[:, 3]
    return ((np.abs(ahead) < length / 2 + 0.5) & (np.abs(left) < 1.6)).any(1)


def _nobody() -> Seen:
    empty = np.zeros(0, np.int64)
    return Seen(
        number=empty,
        kind=empty.astype(np.int8),
        side=empty.astype(np.int8),
        boxes=np.zeros((0, 4), np.float32),
        fraction=np.zeros(0, np.float32),
    )


@njit(cache=True, nogil=True)
def _shaded(standing, sunny, ground, sun_count, under_count):
    """The scenery with the vehicles' shadows: the sun's is full, the one under a vehicle takes half of the sky as well."""
    picture, most = np.empty_like(standing), np.float32(len(PASSES))
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            share = ground[row, column] / most
            # The counts are sums over vehicles: where shadows overlap, light is taken away only once.
            open_sky = 1 - np.float32(0.55) * min(under_count[row, column], most) * share
            sunlit = open_sky * (1 - min(sun_count[row, column], most) * share)
            for k in range(3):
                picture[row, column, k] = standing[row, column, k] * open_sky + sunny[row, column, k] * sunlit
    return picture


@njit(cache=True, nogil=True)
def _overlay(picture, colour, cover):
    """Put the vehicles' summed colours (H, W, 3), seen by cover (H, W) of the passes, over the picture, in place."""
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            if cover[row, column] > 0:
                rest = 1 - cover[row, column] / np.float32(len(PASSES))
                for k in range(3):
                    picture[row, column, k] = picture[row, column, k] * rest + colour[row, column, k] / np.float32(len(PASSES))


@njit(cache=True, nogil=True)
def _light_triangles(albedo, material, normals, owner, places, views, braking, veil, air, sun_from, sun, sky, night, wet):
    out = np.empty((len(albedo), 3), np.float32)
    for t in range(len(albedo)):
        v = owner[t]
        c, s = places[v, 2], places[v, 3]
        nx, ny, nz = c * normals[t, 0] - s * normals[t, 1], s * normals[t, 0] + c * normals[t, 1], normals[t, 2]
        vx, vy, vz = views[v]
        if nx * vx + ny * vy + nz * vz > 0:
            nx, ny, nz = -nx, -ny, -nz
        facing = nx * vx + ny * vy + nz * vz
        rx, ry, rz = vx - 2 * facing * nx, vy - 2 * facing * ny, vz - 2 * facing * nz
        kind = material[t]
        strength = 0.85 if kind == _GLASS else (0.30 if kind == _PAINT else 0.04)
        fresnel = strength * (0.10 + 0.90 * (1 - abs(facing)) ** 3) + 0.1 * wet * strength
        # What the surface mirrors: the sky above, the road and the buildings below.
        mirrored = min(1.0, max(0.0, 0.5 + 2.2 * rz))
        glint = max(0.0, rx * sun_from[0] + ry * sun_from[1] + rz * sun_from[2]) ** 40
        lit = max(0.0, nx * sun_from[0] + ny * sun_from[1] + nz * sun_from[2])
        bounce = 0.60 + 0.40 * nz
        for k in range(3):
            value = albedo[t, k] * (
                sun[k] * lit + sky[k] * bounce + 0.12 * max(0.0, -nz + 0.6) * (sun[k] * sun_from[2] + sky[k]) * 0.5
            )
            value += fresnel * (sky[k] * 1.5 * mirrored + 0.14 * (sun[k] * sun_from[2] + sky[k]) * (1 - mirrored))
            if kind <= _GLASS:
                value += strength * 1.6 * glint * sun[k]
            if kind == _HEADLIGHT:
                value += (2.5 * night + 0.25 * wet) * (1.0 if k < 2 else 0.85) * max(0.0, -facing)
            elif kind == _TAILLIGHT and k == 0:
                value += 0.16 * night + (0.9 if braking[v] else 0.0) * (0.25 + 0.75 * night)
            out[t, k] = value * (1 - veil[v]) + air[k] * veil[v]
    return out


@njit(cache=True, nogil=True)
def _pixel(x, y, z, rotation, position, focal, width, height):
    dx, dy, dz = x - position[0], y - position[1], z - position[2]
    depth = rotation[2, 0] * dx + rotation[2, 1] * dy + rotation[2, 2] * dz
    across = rotation[0, 0] * dx + rotation[0, 1] * dy + rotation[0, 2] * dz
    down = rotation[1, 0] * dx + rotation[1, 1] * dy + rotation[1, 2] * dz
    return width / 2 + focal * across / max(depth, 1.0), height / 2 + focal * down / max(depth, 1.0), depth


@njit(cache=True, nogil=True)
def _hull(points, count):
    """Convex hull (Andrew's monotone chain) of the first count points (N, 2)."""
    for i in range(1, count):
        for j in range(i, 0, -1):
            if points[j, 0] < points[j - 1, 0] or (points[j, 0] == points[j - 1, 0] and points[j, 1] < points[j - 1, 1]):
                for k in range(2):
                    points[j, k], points[j - 1, k] = points[j - 1, k], points[j, k]
            else:
                break
    hull = np.empty((2 * count, 2))
    size = 0
    for turn in range(2):
        floor = size + 1 if turn else 1
        for i in range(count):
            j = count - 1 - i if turn else i
            if turn and i == 0:
                continue
            while size > floor:
                ax, ay = hull[size - 1, 0] - hull[size - 2, 0], hull[size - 1, 1] - hull[size - 2, 1]
                if ax * (points[j, 1] - hull[size - 2, 1]) - ay * (points[j, 0] - hull[size - 2, 0]) > 0:
                    break
                size -= 1
            hull[size] = points[j]
            size += 1
    return hull[: size - 1]


@njit(cache=True, nogil=True)
def _cast(half_length, half_width, height, place, rotation, position, focal, sun_from, sunny, sun, under):
    points = np.empty((8, 2))
    height_px, width_px = sun.shape
    for target in range(2):
        if target == 0 and not sunny:
            continue
        count = 0
        for level in range(2):
            z = 0.0 if level == 0 else height * 0.96
            long = half_length * (0.97 if level == 0 or half_length > 3 else 0.55)
            wide = half_width * (0.98 if level == 0 or half_length > 3 else 0.75)
            if target == 1 and level == 1:
                break
            for i in range(4):
                ahead, left = long * (1 if i < 2 else -1), wide * (1 if i % 2 else -1)
                if target == 1:
                    ahead, left = ahead * 1.03, left * 1.12
                x = place[0] + place[2] * ahead - place[3] * left - z * sun_from[0] / sun_from[2]
                y = place[1] + place[3] * ahead + place[2] * left - z * sun_from[1] / sun_from[2]
                points[count, 0], points[count, 1], depth = _pixel(x, y, 0.0, rotation, position, focal, width_px, height_px)
                if depth < 1.5:
                    break
                count += 1
        if count == (8 if target == 0 else 4):
            fill_shadow(_hull(points, count), PASSES, width_px, height_px, sun if target == 0 else under)


@njit(cache=True, nogil=True)
def _pools(picture, places, ground, rotation, position, focal, strength, scale):
    height, width = ground.shape
    for v in range(len(places)):
        c, s = places[v, 2], places[v, 3]
        x, y, depth = _pixel(places[v, 0] + 11 * c, places[v, 1] + 11 * s, 0.0, rotation, position, focal, width, height)
        if depth < 4 or depth > 180:
            continue
        reach_x, reach_y = 18 * focal / depth, min(110.0 * scale, 18 * focal / depth)
        for row in range(max(0, int(y - reach_y)), min(height, int(y + reach_y))):
            for column in range(max(0, int(x - reach_x)), min(width, int(x + reach_x))):
                if ground[row, column] == 0:
                    continue
                across, down = (column + 0.5 - width / 2) / focal, (row + 0.5 - height / 2) / focal
                dx = rotation[0, 0] * across + rotation[1, 0] * down + rotation[2, 0]
                dy = rotation[0, 1] * across + rotation[1, 1] * down + rotation[2, 1]
                dz = rotation[0, 2] * across + rotation[1, 2] * down + rotation[2, 2]
                far = -position[2] / min(dz, -1e-6)
                px, py = position[0] + far * dx - places[v, 0], position[1] + far * dy - places[v, 1]
                ahead, left = c * px + s * py, -s * px + c * py
                light = strength * np.exp(-((ahead - 10) ** 2) / 60 - left**2 / 4.5) * ground[row, column]
                for k in range(3):
                    picture[row, column, k] += light * (1.0 if k < 2 else 0.8)


@njit(cache=True, nogil=True)
def _halos(picture, places, fronts, halves, inverse_depth, rotation, position, focal, night, scale):
    height, width = inverse_depth.shape
    for v in range(len(places)):
        c, s = places[v, 2], places[v, 3]
        for sign in (-1, 1):
            ahead, left = fronts[v], sign * halves[v] * 0.7
            px, py = places[v, 0] + c * ahead - s * left, places[v, 1] + s * ahead + c * left
            x, y, depth = _pixel(px, py, 0.75, rotation, position, focal, width, height)
            towards = -(c * (px - position[0]) + s * (py - position[1])) / max(depth, 1.0)
            if (
                depth < 3
                or towards < 0.2
                or not (0 <= x < width and 0 <= y < height)
                or inverse_depth[int(y), int(x)] > 1 / (depth - 2)
            ):
                continue
            size = (1.0 + 14.0 / depth) * scale
            strength = 1.3 * night * towards
            for row in range(max(0, int(y - 4 * size)), min(height, int(y + 4 * size) + 1)):
                for column in range(max(0, int(x - 4 * size)), min(width, int(x + 4 * size) + 1)):
                    square = ((column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2) / size**2
                    light = strength * (np.exp(-square) + 0.05 * np.exp(-square / 6))
                    for k in range(3):
                        picture[row, column, k] += light * (1.0 if k < 2 else 0.88)
