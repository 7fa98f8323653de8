"""The colour of every point of the scenery: road, markings, facades, leaves, water, sky. Linear light."""

import numpy as np
from numba import njit

from cctview_pipeline.city.corridor import LANE_M, MEDIAN_M
from cctview_pipeline.city.scenery import Side, Surface
from cctview_pipeline.city.streets.ground import street_ground
from cctview_pipeline.city.texture import hashed, noise, rough

_FACADE, _FOLIAGE, _SIGN = int(Surface.FACADE), int(Surface.FOLIAGE), int(Surface.SIGN)
_RIVER, _PARK = int(Side.RIVER), int(Side.PARK)


@njit(cache=True, nogil=True)
def _road(d, s, edge, salt, out):
    """Asphalt with lanes, patches, cracks and tyre tracks. d: to one side of the road's middle (>= 0), s: along it, m."""
    base = 0.165 + 0.03 * rough(d * 0.15, s * 0.03, salt) + 0.03 * noise(d * 3.0, s * 3.0, salt + 1) - 0.015
    lane = (d - MEDIAN_M) / LANE_M
    within = lane - np.floor(lane)
    on_lanes = MEDIAN_M < d < edge
    if on_lanes:
        base *= 0.93 + 0.14 * abs(np.sin(np.pi * 2 * within))
        patch = hashed(int(np.floor(lane)), int(np.floor(s / 17.0)), salt + 2)
        if patch > 0.86:
            base *= 0.75 + 0.4 * hashed(int(np.floor(lane)), int(np.floor(s / 17.0)), salt + 3)
    if abs(s / 18.0 - np.round(s / 18.0)) * 18.0 < 0.10 + 0.1 * noise(d, s, salt + 4):
        base *= 0.62
    out[0], out[1], out[2] = base, base * 0.99, base * 0.965
    worn = 0.75 + 0.5 * rough(d * 1.3, s * 1.3, salt + 6)
    white = 0.50 * worn
    nearest = np.round(lane)
    lines = np.round((edge - MEDIAN_M) / LANE_M)
    from_line = abs(lane - nearest) * LANE_M
    if (0 < nearest < lines and from_line < 0.09 and (s % 12.0) < 3.2) or (nearest == lines and from_line < 0.09 and on_lanes):
        out[0] = out[1] = out[2] = white
    elif abs(d - (MEDIAN_M - 0.15)) < 0.065:
        out[0], out[1], out[2] = 0.42 * worn, 0.28 * worn, 0.06 * worn


@njit(cache=True, nogil=True)
def _ground(x, y, s, middle, edge_west, edge_east, west, east, shoulder, salt, out):
    d = x - middle
    edge = edge_west if d > 0 else edge_east
    side = west if d > 0 else east
    away = abs(d)
    if away < edge + 0.3:
        _road(away, s, edge - shoulder, salt + (0 if d > 0 else 50), out)
        return
    if side == _RIVER and away > edge + 9.2:
        wave = rough(x * 0.35, y * 0.10, salt + 8)
        out[0], out[1], out[2] = 0.045 + 0.06 * wave, 0.075 + 0.075 * wave, 0.115 + 0.09 * wave
        return
    fine = rough(x * 0.5, y * 0.5, salt + 9)
    if side == _PARK:
        out[0], out[1], out[2] = 0.07 + 0.07 * fine, 0.085 + 0.07 * fine, 0.03 + 0.03 * fine
        if abs(away - edge - 12) < 1.6:
            out[0] = out[1] = out[2] = 0.24
        return
    joint = 0.82 if (x % 3.0) < 0.1 or (y % 3.0) < 0.1 else 1.0
    grey = (0.20 + 0.10 * fine) * joint
    out[0], out[1], out[2] = grey, grey * 0.98, grey * 0.93


@njit(cache=True, nogil=True)
def _facade(u, z, depth, tint, night, salt, out, glow):
    """Rows of windows. u: along the wall, z: up, m; some windows are lit at night."""
    wide, tall = 2.4 + 1.6 * hashed(salt, 1, 3), 3.1 + 0.6 * hashed(salt, 2, 3)
    strip = hashed(salt, 5, 3) > 0.6
    cell_u, cell_z = int(np.floor(u / wide)), int(np.floor(z / tall))
    fu, fz = u / wide - cell_u, z / tall - cell_z
    grain = 0.85 + 0.3 * noise(u * 0.7, z * 0.7, salt)
    window = 0.28 < fz < 0.86 and (strip or 0.22 < fu < 0.80)
    for k in range(3):
        out[k] = tint[k] * grain
        glow[k] = 0.0
    if window:
        mirror = 0.03 + 0.16 * hashed(cell_u, cell_z, salt)
        out[0], out[1], out[2] = mirror * 0.85, mirror * 0.95, mirror * 1.1
        if night > 0 and hashed(cell_u, cell_z, salt + 1) > 0.68:
            lit = 0.10 * night * hashed(cell_u, cell_z, salt + 2)
            glow[0], glow[1], glow[2] = lit, lit * 0.85, lit * 0.6


@njit(cache=True, nogil=True)
def _sky(direction, sky, sun, cloud, salt, out):
    up = max(direction[2], 0.0)
    lift = direction[2] + 0.08
    veil = 0.0
    if lift > 0.02:
        veil = rough(direction[0] / lift * 0.9, direction[1] / lift * 0.9, salt)
    cover = min(1.0, max(0.0, (veil - (0.85 - 0.75 * cloud)) * 4.0))
    for k in range(3):
        clear = sky[k] * (1.55 - 0.55 * min(1.0, up * 2.2)) * (1.0 if k < 2 else 1.12)
        grey = (sky[0] + sky[1] + sky[2]) / 3 * (1.35 + 0.7 * veil) + 0.12 * sun[k]
        out[k] = (clear * (1 - cover) + grey * cover) * 1.5


@njit(cache=True, nogil=True)
def shade(
    inverse_depth, owner, normals, surface, tint, rotation, position, focal, centre_x, centre_y, offset_x, offset_y,
    s, bend, wave, edges, sides, shoulder, crossings, sun_from, sun, sky, night, wet, cloud, lamps, haze,
    shadow_map, shadow_rotation, shadow_position, shadow_focal, salt, standing, sunny, ground,
):  # fmt: skip
    """Add one pass of the scenery: to standing (H, W, 3) what the sky and lamps light, to sunny (H, W, 3) what the sun
    lights, to ground (H, W) whether a vehicle's shadow can fall there. inverse_depth (H, W) gets the ground's, too.
    crossings (C,): of the streets, on whose ground it then is; none on the expressway."""
    height, width = owner.shape
    colour, glow, direction = np.zeros(3), np.zeros(3), np.zeros(3)
    size = shadow_map.shape[0]
    for row in range(height):
        for column in range(width):
            across, down = (column + offset_x - centre_x) / focal, (row + offset_y - centre_y) / focal
            for k in range(3):
                direction[k] = rotation[0, k] * across + rotation[1, k] * down + rotation[2, k]
            length = np.sqrt(direction[0] ** 2 + direction[1] ** 2 + direction[2] ** 2)
            on_ground = 0.0
            if direction[2] < -1e-6:
                on_ground = -direction[2] / position[2]
            near = inverse_depth[row, column]
            t = owner[row, column]
            glow[:] = 0.0
            if t < 0 and on_ground * 2500.0 < 1.0:
                for k in range(3):
                    direction[k] /= length
                _sky(direction, sky, sun, cloud, salt, colour)
                for k in range(3):
                    standing[row, column, k] += colour[k]
                continue
            is_ground = t < 0 or on_ground > near
            depth = 1.0 / (on_ground if is_ground else near)
            x, y, z = position[0] + depth * direction[0], position[1] + depth * direction[1], position[2] + depth * direction[2]
            nx, ny, nz = 0.0, 0.0, 1.0
            mirror = 0.0
            if is_ground:
                inverse_depth[row, column] = on_ground
                reach = max(-600.0, min(600.0, y))
                middle = bend * reach * reach + wave * reach * reach * reach
                if len(crossings):
                    street_ground(x, s + y, crossings, salt, colour)
                else:
                    _ground(x, y, s + y, middle, edges[0], edges[1], sides[0], sides[1], shoulder, salt, colour)
                away = x - middle
                if (sides[0] if away > 0 else sides[1]) == _RIVER and abs(away) > (edges[0] if away > 0 else edges[1]) + 9.2:
                    mirror = 0.45
                ground[row, column] += 1.0
                if wet > 0 and mirror == 0:
                    for k in range(3):
                        colour[k] *= 1 - 0.45 * wet
                    mirror = 0.22 * wet
            else:
                nx, ny, nz = normals[t, 0], normals[t, 1], normals[t, 2]
                if nx * direction[0] + ny * direction[1] + nz * direction[2] > 0:
                    nx, ny, nz = -nx, -ny, -nz
                kind = surface[t]
                if kind == _FACADE:
                    _facade(x if abs(ny) > 0.5 else y, z, depth, tint[t], night, salt + int(1000 * tint[t, 0]), colour, glow)
                elif kind == _FOLIAGE:
                    leaf = 0.35 + 1.3 * rough((x + z) * 1.7, (y - z) * 1.7, salt + 3)
                    for k in range(3):
                        colour[k] = tint[t, k] * leaf
                elif kind == _SIGN:
                    letters = hashed(int(np.floor(x * 5)), int(np.floor(z * 2.5)), salt) > 0.45 and 0.25 < (z * 1.25) % 1.0 < 0.7
                    for k in range(3):
                        colour[k] = 0.6 if letters else tint[t, k]
                else:
                    stain = 0.75 + 0.5 * rough((x + y) * 0.35, z * 1.2 + y * 0.05, salt + 2)
                    for k in range(3):
                        colour[k] = tint[t, k] * stain
            facing = nx * sun_from[0] + ny * sun_from[1] + nz * sun_from[2]
            lit = 0.0
            if facing > 0 and sun[0] > 0:
                lit = facing * _sunlight(x, y, z, nx, ny, nz, shadow_map, shadow_rotation, shadow_position, shadow_focal, size)
            lamp = 0.0
            if night > 0:
                for i in range(len(lamps)):
                    px, py, pz = lamps[i, 0] - x, lamps[i, 1] - y, lamps[i, 2] - z
                    square = px * px + py * py + pz * pz
                    lamp += 15.0 * max(0.1, (nx * px + ny * py + nz * pz) / np.sqrt(square)) / (square + 6.0)
                lamp *= night
            open_sky = 0.62 + 0.38 * nz
            veil = 1 - np.exp(-haze * depth)
            for k in range(3):
                warm = 1.0 if k == 0 else (0.72 if k == 1 else 0.40)
                direct = colour[k] * (sky[k] * open_sky + lamp * warm) + glow[k] + mirror * sky[k] * 1.1
                air = sky[k] * 1.35 + 0.10 * sun[k]
                standing[row, column, k] += direct * (1 - veil) + air * veil
                sunny[row, column, k] += colour[k] * sun[k] * lit * (1 - veil)


@njit(cache=True, nogil=True)
def _sunlight(x, y, z, nx, ny, nz, shadow_map, rotation, position, focal, size):
    """0 in shadow to 1 in the sun: four looks at the depth that the sun sees."""
    dx, dy, dz = x + 0.25 * nx - position[0], y + 0.25 * ny - position[1], z + 0.25 * nz - position[2]
    depth = rotation[2, 0] * dx + rotation[2, 1] * dy + rotation[2, 2] * dz
    u = size / 2 + focal * (rotation[0, 0] * dx + rotation[0, 1] * dy + rotation[0, 2] * dz) / depth
    v = size / 2 + focal * (rotation[1, 0] * dx + rotation[1, 1] * dy + rotation[1, 2] * dz) / depth
    total = 0.0
    for i in range(2):
        for j in range(2):
            column, row = int(np.floor(u - 0.5 + i)), int(np.floor(v - 0.5 + j))
            hidden = 0 <= column < size and 0 <= row < size and shadow_map[row, column] > 1.0 / (depth - 0.35)
            total += 0.0 if hidden else 0.25
    return total
