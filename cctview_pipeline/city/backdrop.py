"""A camera's picture without vehicles, and its depth: drawn once for each half hour of light."""

from dataclasses import dataclass

import numpy as np

from cctview_pipeline.city.light import Light
from cctview_pipeline.city.mounts import Mount
from cctview_pipeline.city.raster import draw_scenery
from cctview_pipeline.city.scenery import SHOULDER_M, Scenery
from cctview_pipeline.city.shading import shade

PASSES = np.array([(0.375, 0.125), (0.875, 0.375), (0.125, 0.625), (0.625, 0.875)])
"""Where in the pixel the four passes of every frame look (a rotated grid)."""

_SHADOW_TEXELS, _SUN_DISTANCE_M, _SHADOW_REACH_M = 1024, 6_000.0, 260.0


@dataclass(frozen=True, kw_only=True)
class Backdrop:
    """standing (H, W, 3): linear light of sky and lamps; sunny (H, W, 3): of the sun, which a vehicle's shadow takes
    away; ground (H, W): 1 where a shadow can fall; inverse_depth (4, H, W): 1 / m, of each of PASSES;
    mean: of the linear light."""

    standing: np.ndarray
    sunny: np.ndarray
    ground: np.ndarray
    inverse_depth: np.ndarray
    mean: float


def draw_backdrop(seed: int, mount: Mount, scenery: Scenery, light: Light) -> Backdrop:
    """The scenery in this light, with eight looks a pixel."""
    rotation, position = mount.pose()
    width, height = mount.size
    standing, sunny = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 3), np.float32)
    ground = np.zeros((height, width), np.float32)
    shadow = _sun_view(scenery, mount, light)
    depths = []
    looks = np.concatenate([PASSES, (PASSES + 0.25) % 1.0])
    for offset_x, offset_y in looks:
        depth, owner = np.zeros((height, width), np.float32), np.full((height, width), -1, np.int32)
        view = rotation, position, mount.focal, width / 2, height / 2, offset_x, offset_y
        draw_scenery(scenery.vertices, scenery.triangles, *view, depth, owner)
        shade(
            depth, owner, scenery.normals, scenery.surface, scenery.tint, *view,
            mount.s, mount.bend, mount.wave,
            np.array(scenery.edges), np.array([scenery.west, scenery.east], np.int64), SHOULDER_M, scenery.crossings,
            light.sun_from, light.sun, light.sky, light.night, light.wet, light.cloud, scenery.lamps,
            mount.haze * (1 + 2 * light.wet), *shadow, seed * 64 + mount.index * 7, standing, sunny, ground,
        )  # fmt: skip
        depths.append(depth)
    count = len(looks)
    return Backdrop(
        standing=standing / count,
        sunny=sunny / count,
        ground=ground / count,
        inverse_depth=np.stack(depths[: len(PASSES)]),
        mean=float((standing + sunny).mean() / count),
    )


def _sun_view(scenery: Scenery, mount: Mount, light: Light) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """1 / depth as the sun sees the scenery, and the sun's view: a camera far away, which is as good as parallel."""
    ahead = -light.sun_from
    right = np.cross(ahead, (0, 0, 1.0))
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    position = np.array([0.0, mount.ahead * 120.0, 0.0]) + light.sun_from * _SUN_DISTANCE_M
    focal = _SHADOW_TEXELS / 2 * _SUN_DISTANCE_M / _SHADOW_REACH_M
    depth = np.zeros((_SHADOW_TEXELS, _SHADOW_TEXELS), np.float32)
    if light.sun.max() > 0:
        owner, middle = np.full(depth.shape, -1, np.int32), _SHADOW_TEXELS / 2
        draw_scenery(scenery.vertices, scenery.triangles, rotation, position, focal, middle, middle, 0.5, 0.5, depth, owner)
    return depth, rotation, position, focal
