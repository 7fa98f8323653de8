"""A small z-buffer renderer: triangles to samples, for the scenery (once a camera) and the vehicles (every frame).

A picture is the mean of several passes. Every pass looks through another point of the pixel, which smooths edges, and
at another moment of the exposure, which blurs what moves. World coordinates are metres: x to the right of a southbound
driver, y to the south, z up. Buffers hold 1 / depth, which is linear over the picture, and 0 where nothing is.
"""

import numpy as np
from numba import njit

NEAR_M = 0.5
"""Nothing nearer than this is drawn."""


@njit(cache=True, nogil=True, inline="always")
def _to_camera(x, y, z, rotation, position):
    dx, dy, dz = x - position[0], y - position[1], z - position[2]
    return (
        rotation[0, 0] * dx + rotation[0, 1] * dy + rotation[0, 2] * dz,
        rotation[1, 0] * dx + rotation[1, 1] * dy + rotation[1, 2] * dz,
        rotation[2, 0] * dx + rotation[2, 1] * dy + rotation[2, 2] * dz,
    )


@njit(cache=True, nogil=True)
def _clip_near(triangle, clipped):
    """Cut a triangle (3, 4: camera x, y, z and a value) at the near plane; returns the number of corners, 0, 3 or 4."""
    count = 0
    for i in range(3):
        j = (i + 1) % 3
        inside, next_inside = triangle[i, 2] >= NEAR_M, triangle[j, 2] >= NEAR_M
        if inside:
            clipped[count] = triangle[i]
            count += 1
        if inside != next_inside:
            share = (NEAR_M - triangle[i, 2]) / (triangle[j, 2] - triangle[i, 2])
            clipped[count] = triangle[i] + share * (triangle[j] - triangle[i])
            count += 1
    return count


@njit(cache=True, nogil=True)
def _project(clipped, count, focal, centre_x, centre_y):
    """Camera coordinates -> px, px, 1 / depth, in place."""
    for i in range(count):
        inverse = 1.0 / clipped[i, 2]
        clipped[i, 0] = centre_x + focal * clipped[i, 0] * inverse
        clipped[i, 1] = centre_y + focal * clipped[i, 1] * inverse
        clipped[i, 2] = inverse


@njit(cache=True, nogil=True)
def _span(low, high, offset, size):
    """Samples at integer + offset between low and high: first and one past the last, inside [0, size)."""
    return max(0, int(np.ceil(low - offset))), min(size, int(np.floor(high - offset)) + 1)


@njit(cache=True, nogil=True)
def _fill(a, b, c, offset_x, offset_y, inverse_depth, owner, ident, light, stamp, mark):
    """One triangle (corners: px, px, 1 / depth, brightness) into the buffers; both windings are drawn.

    Returns the number of samples that this mark covers for the first time, hidden or not.
    """
    height, width = inverse_depth.shape
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if abs(area) < 1e-9:
        return 0
    share = 1.0 / area
    first_y, last_y = _span(min(a[1], b[1], c[1]), max(a[1], b[1], c[1]), offset_y, height)
    first_x, last_x = _span(min(a[0], b[0], c[0]), max(a[0], b[0], c[0]), offset_x, width)
    covered = 0
    for row in range(first_y, last_y):
        y = row + offset_y
        for column in range(first_x, last_x):
            x = column + offset_x
            u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) * share
            v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) * share
            w = 1.0 - u - v
            if u < 0 or v < 0 or w < 0:
                continue
            if stamp[row, column] != mark:
                stamp[row, column] = mark
                covered += 1
            near = u * a[2] + v * b[2] + w * c[2]
            if near > inverse_depth[row, column]:
                inverse_depth[row, column] = near
                owner[row, column] = ident
                light[row, column] = u * a[3] + v * b[3] + w * c[3]
    return covered


@njit(cache=True, nogil=True)
def draw_scenery(vertices, triangles, rotation, position, focal, centre_x, centre_y, offset_x, offset_y, inverse_depth, owner):
    """Standing triangles (M, 3) of vertices (N, 3) m into inverse_depth and owner (H, W), in place."""
    corners, clipped = np.empty((3, 4)), np.empty((4, 4))
    light, stamp = np.zeros(owner.shape, np.float32), np.zeros(owner.shape, np.int32)
    for t in range(len(triangles)):
        for i in range(3):
            x, y, z = vertices[triangles[t, i]]
            corners[i, 0], corners[i, 1], corners[i, 2] = _to_camera(x, y, z, rotation, position)
            corners[i, 3] = 1.0
        count = _clip_near(corners, clipped)
        _project(clipped, count, focal, centre_x, centre_y)
        for i in range(2, count):
            _fill(clipped[0], clipped[i - 1], clipped[i], offset_x, offset_y, inverse_depth, owner, t, light, stamp, -1)


@njit(cache=True, nogil=True)
def _outline_area(vertices, triangles, place, rotation, position, focal, centre_x, centre_y, stamp, mark):
    """Area, px^2, of one vehicle's silhouette, also where it is outside the frame, on the grid of stamp over its extent."""
    points = np.empty((len(vertices), 3))
    low_x = low_y = 1e9
    high_x = high_y = -1e9
    for i in range(len(vertices)):
        x, y, z = _placed(vertices[i], place, 0.0)
        points[i, 0], points[i, 1], points[i, 2] = _to_camera(x, y, z, rotation, position)
        depth = max(points[i, 2], NEAR_M)
        points[i, 0] = centre_x + focal * points[i, 0] / depth
        points[i, 1] = centre_y + focal * points[i, 1] / depth
        low_x, high_x = min(low_x, points[i, 0]), max(high_x, points[i, 0])
        low_y, high_y = min(low_y, points[i, 1]), max(high_y, points[i, 1])
    size = stamp.shape[0]
    step = max(high_x - low_x, high_y - low_y) / (size - 2) + 1e-9
    depth, owner, light = np.zeros(stamp.shape, np.float32), np.zeros(stamp.shape, np.int32), np.zeros(stamp.shape, np.float32)
    corners = np.zeros((3, 4))
    covered = 0
    for t in range(len(triangles)):
        for i in range(3):
            corners[i, 0] = (points[triangles[t, i], 0] - low_x) / step
            corners[i, 1] = (points[triangles[t, i], 1] - low_y) / step
        covered += _fill(corners[0], corners[1], corners[2], 0.5, 0.5, depth, owner, 0, light, stamp, mark)
    return covered * step * step


@njit(cache=True, nogil=True, inline="always")
def _placed(vertex, place, moment):
    """A vehicle's own coordinates (x ahead, y left, z up) -> world. place: x, y, cos, sin of the heading, velocity x, y."""
    ahead, left = vertex[0], vertex[1]
    return (
        place[0] + moment * place[4] + place[2] * ahead - place[3] * left,
        place[1] + moment * place[5] + place[3] * ahead + place[2] * left,
        vertex[2],
    )


@njit(cache=True, nogil=True)
def draw_vehicles(
    vertices,
    triangles,
    colours,
    brightness,
    first_vertex,
    first_triangle,
    places,
    rotation,
    position,
    focal,
    centre_x,
    centre_y,
    offsets,
    exposure_s,
    scenery,
):
    """Draw V vehicles, all passes.

    vertices (N, 3) m and brightness (N,) in their own coordinates, triangles (M, 3) into them, colours (M, 3) linear
    light; first_vertex, first_triangle (V + 1,): whose rows are whose; places (V, 6): as ``_placed``; offsets (P, 2):
    where in the pixel a pass looks; scenery (P, H, W): 1 / depth of what stands.

    Returns the sum of colours (H, W, 3) and number of passes (H, W) that see a vehicle, and for each vehicle its
    samples inside the frame (V,), those of them that are visible (V,), the visible box (V, 4) px, and the area of its
    whole silhouette (V,) in samples.
    """
    passes, height, width = scenery.shape
    count = len(places)
    colour, cover = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    inside, visible, whole = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count)
    boxes = np.empty((count, 4))
    boxes[:, :2], boxes[:, 2:] = 1e9, -1e9
    owner, light = np.empty((height, width), np.int32), np.empty((height, width), np.float32)
    stamp, grid = np.full((height, width), -1, np.int32), np.full((96, 96), -1, np.int32)
    corners, clipped = np.empty((3, 4)), np.empty((4, 4))
    reaches_out = np.zeros(count, np.bool_)
    seen = np.empty((len(vertices), 3))
    for p in range(passes):
        depth = scenery[p].copy()
        owner[:] = -1
        moment = exposure_s * ((p + 0.5) / passes - 0.5)
        for v in range(count):
            for i in range(first_vertex[v], first_vertex[v + 1]):
                x, y, z = _placed(vertices[i], places[v], moment)
                seen[i, 0], seen[i, 1], seen[i, 2] = _to_camera(x, y, z, rotation, position)
            for t in range(first_triangle[v], first_triangle[v + 1]):
                for i in range(3):
                    j = triangles[t, i]
                    corners[i, :3] = seen[j]
                    corners[i, 3] = brightness[j]
                corner_count = _clip_near(corners, clipped)
                reaches_out[v] |= corner_count != 3
                _project(clipped, corner_count, focal, centre_x, centre_y)
                for i in range(corner_count):
                    reaches_out[v] |= not (0 <= clipped[i, 0] <= width and 0 <= clipped[i, 1] <= height)
                for i in range(2, corner_count):
                    inside[v] += _fill(
                        clipped[0],
                        clipped[i - 1],
                        clipped[i],
                        offsets[p, 0],
                        offsets[p, 1],
                        depth,
                        owner,
                        t,
                        light,
                        stamp,
                        p * count + v,
                    )
        _gather(p, offsets, owner, light, colours, first_triangle, colour, cover, visible, boxes)
    for v in range(count):
        whole[v] = inside[v]
        if reaches_out[v] and visible[v] > 0:
            own = slice(first_vertex[v], first_vertex[v + 1])
            mine = triangles[first_triangle[v] : first_triangle[v + 1]] - first_vertex[v]
            area = _outline_area(vertices[own], mine, places[v], rotation, position, focal, centre_x, centre_y, grid, v)
            whole[v] = max(area * passes, inside[v])
    return colour, cover, inside, visible, boxes, whole


@njit(cache=True, nogil=True)
def _gather(p, offsets, owner, light, colours, first_triangle, colour, cover, visible, boxes):
    """Add one pass to the picture, and what is visible of every vehicle to its box (half a sample around each)."""
    height, width = owner.shape
    vehicle_of = np.empty(first_triangle[-1], np.int32)
    for v in range(len(first_triangle) - 1):
        vehicle_of[first_triangle[v] : first_triangle[v + 1]] = v
    half = 0.25
    for row in range(height):
        for column in range(width):
            t = owner[row, column]
            if t < 0:
                continue
            v = vehicle_of[t]
            cover[row, column] += 1
            for k in range(3):
                colour[row, column, k] += colours[t, k] * light[row, column]
            visible[v] += 1
            x, y = column + offsets[p, 0], row + offsets[p, 1]
            boxes[v, 0], boxes[v, 1] = min(boxes[v, 0], x - half), min(boxes[v, 1], y - half)
            boxes[v, 2], boxes[v, 3] = max(boxes[v, 2], x + half), max(boxes[v, 3], y + half)


@njit(cache=True, nogil=True)
def fill_shadow(points, offsets, width, height, count):
    """Add a convex polygon (N, 2) px, in order, to count (H, W): the number of passes that see it."""
    low_y, high_y = points[:, 1].min(), points[:, 1].max()
    for p in range(len(offsets)):
        first, last = _span(low_y, high_y, offsets[p, 1], height)
        for row in range(first, last):
            y = row + offsets[p, 1]
            left, right = 1e9, -1e9
            for i in range(len(points)):
                a, b = points[i], points[(i + 1) % len(points)]
                if (a[1] <= y) != (b[1] <= y):
                    x = a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0])
                    left, right = min(left, x), max(right, x)
            if right < left:
                continue
            begin, end = _span(left, right, offsets[p, 0], width)
            for column in range(begin, end):
                count[row, column] += 1
