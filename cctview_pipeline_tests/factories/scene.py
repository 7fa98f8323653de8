"""Bodies before a camera, for what draws them: where they stand, what is seen of them, and the pinhole's own answer."""

from types import SimpleNamespace

import numpy as np

from cctview_pipeline.city.bodies import Body
from cctview_pipeline.city.mounts import HEIGHT, WIDTH
from cctview_pipeline.city.raster import draw_vehicles

FOCAL = 600.0
LEVEL = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
"""A camera that looks south without pitch: right is +x, down is -z, ahead is +y."""

PASSES = np.array([(0.375, 0.125), (0.875, 0.375), (0.125, 0.625), (0.625, 0.875)])


def crate(low: tuple[float, float, float], high: tuple[float, float, float]) -> Body:
    """A box-shaped body between two corners, x ahead, y left, z up."""
    places = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    sides = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
    triangles = np.array([t for a, b, c, d in sides for t in ((a, b, c), (a, c, d))], np.int32)
    vertices = np.array(places, np.float32)
    return Body(
        vertices=vertices,
        triangles=triangles,
        albedo=np.ones((12, 3), np.float32),
        material=np.zeros(12, np.uint8),
        normals=np.zeros((12, 3), np.float32),
        brightness=np.ones(8),
    )


def draw(
    bodies: list[Body],
    places: list[tuple],
    rotation: np.ndarray = LEVEL,
    position: tuple = (0.0, 0.0, 5.0),
    focal: float = FOCAL,
    scenery: np.ndarray | None = None,
) -> SimpleNamespace:
    """What ``draw_vehicles`` says of these bodies, each at (x, y, cos, sin of its heading), all standing still."""
    first_vertex = np.cumsum([0] + [len(body.vertices) for body in bodies])
    first_triangle = np.cumsum([0] + [len(body.triangles) for body in bodies])
    triangles = np.concatenate([body.triangles + first for body, first in zip(bodies, first_vertex, strict=False)])
    standing = np.array([(*place, 0.0, 0.0) for place in places], np.float64)
    vertices, colours = (np.concatenate([getattr(body, name) for body in bodies]) for name in ("vertices", "albedo"))
    brightness = np.ones(len(vertices), np.float32)
    empty = np.zeros((len(PASSES), HEIGHT, WIDTH), np.float32)
    found = draw_vehicles(
        vertices, triangles.astype(np.int32), colours, brightness, first_vertex, first_triangle, standing, rotation,
        np.array(position, np.float64), focal, WIDTH / 2, HEIGHT / 2, PASSES, 0.01, empty if scenery is None else scenery,
    )  # fmt: skip
    names = ("colour", "cover", "inside", "visible", "boxes", "whole")
    return SimpleNamespace(**dict(zip(names, found, strict=True)), fraction=found[3] / np.maximum(found[5], 1e-9))


def corners(body: Body, place: tuple, rotation: np.ndarray = LEVEL, position: tuple = (0.0, 0.0, 5.0)) -> np.ndarray:
    """(N, 3): the picture's column and row and the depth in m of a body's vertices, by the pinhole formula."""
    x, y, cosine, sine = place
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    seen = (body.vertices.astype(np.float64) @ turn.T + (x, y, 0.0) - np.array(position)) @ rotation.T
    return np.column_stack(
        [WIDTH / 2 + FOCAL * seen[:, 0] / seen[:, 2], HEIGHT / 2 + FOCAL * seen[:, 1] / seen[:, 2], seen[:, 2]]
    )
