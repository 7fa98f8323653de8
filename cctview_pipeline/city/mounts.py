"""The six cameras of a city: where each hangs, where it looks, and what its sensor does to the picture.

Positions, facings and spacing are those of six public cameras along an expressway; how high a camera hangs, what lens
it has and how good it is differ from city to city, drawn from the seed.
"""

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cctview_pipeline.campaign import Camera
from cctview_pipeline.city.corridor import LANE_M, MEDIAN_M, SOUTHBOUND, Length, lanes_at
from cctview_pipeline.images.size import Size

WIDTH, HEIGHT = 352, 240
"""px, of a picture that nobody asked to be of another size."""

PATROL_S = 240
"""So long a camera that goes from view to view stays at one."""

CORRIDOR = "city"
_PLACES = (
    ("E 53 St", 40.754739, -73.96219, "north"),
    ("E 48 St", 40.751693, -73.965239, "north"),
    ("E 38 St", 40.744441, -73.971242, "south"),
    ("E 23 St", 40.734804, -73.974681, "south"),
    ("E 6 St", 40.721494, -73.974554, "north"),
    ("Grand St", 40.713209, -73.977491, "north"),
)

CAMERAS = tuple(
    Camera(
        id=f"city-{i}",
        name=f"Synthetic city @ {name}",
        latitude=latitude,
        longitude=longitude,
        faces=faces,
        corridor=CORRIDOR,
        order=i,
        network="city",
    )
    for i, (name, latitude, longitude, faces) in enumerate(_PLACES, 1)
)
S_M = tuple(np.concatenate([[0.0], np.cumsum([a.distance_m(b) for a, b in itertools.pairwise(CAMERAS)])]).tolist())
"""Place of each camera's pole along the road, m."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One of the views of a camera that goes from one to the next. yaw, horizon, focal: as of a Mount; arm: where it looks, as
    the camera's world counts."""

    yaw: float
    horizon: float
    focal: float
    arm: int


@dataclass(frozen=True, kw_only=True)
class Mount:
    """One camera.

    size: width and height of its pictures, px; s, d, height: place of the lens, m; ahead: +1 looks south, -1 north; yaw:
    degrees to the right of the road;
    horizon: row of the picture in which the horizon lies; roll: degrees; focal: px; bend, wave: the road's
    sideways curve here, x = bend y^2 + wave y^3, m.
    tint: gain of red, green, blue; bias: of the exposure, in stops; contrast, saturation: 1 is neutral; blur: of
    the lens, px; sharpening: of the electronics; vignette: loss in the corners; noise: grey levels at middle grey;
    haze: per m; exposure_s: shutter at noon; quality: of the JPEG; clock: layout of the burned-in clock, or none;
    cadence_s: mean time between two pictures; behind: how far behind the pole there may be something to see, m; presets: the
    views of a camera that goes from one to the next, the first being its own.
    """

    camera: Camera
    index: int
    size: Size
    s: float
    d: float
    height: float
    ahead: int
    yaw: float
    horizon: float
    roll: float
    focal: float
    bend: float
    wave: float
    tint: tuple[float, float, float]
    bias: float
    contrast: float
    saturation: float
    blur: float
    sharpening: float
    vignette: float
    noise: float
    haze: float
    exposure_s: float
    quality: int
    clock: str
    cadence_s: float
    behind: float = 10.0
    presets: tuple[Preset, ...] = ()

    @property
    def scale(self) -> float:
        """Pixels of its pictures in one of a picture that is WIDTH wide."""
        return self.size[0] / WIDTH

    def sized(self, size: Size) -> "Mount":
        """The same camera with pictures of another size: as wide a view, its upper edge where it was; noise and blur
        are of single pixels and stay as they are."""
        times = size[0] / self.size[0]
        presets = tuple(replace(each, focal=each.focal * times, horizon=each.horizon * times) for each in self.presets)
        return replace(self, size=size, focal=self.focal * times, horizon=self.horizon * times, presets=presets)

    def at_preset(self, number: int) -> "Mount":
        """The same camera at one of its views, 0 being its own."""
        if not self.presets:
            return self
        preset = self.presets[number]
        return replace(self, yaw=preset.yaw, horizon=preset.horizon, focal=preset.focal)

    def turned(self) -> "Mount":
        """The same camera after somebody has moved it: it looks elsewhere, with another lens setting."""
        aside = float(np.degrees(np.arctan(105 * self.scale / self.focal))) * (1 if self.index % 2 else -1)
        return replace(self, yaw=self.yaw + aside, horizon=self.horizon - 22 * self.scale, focal=self.focal * 1.2)

    def pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Rotation (3, 3) from world to camera axes (right, down, ahead), and position (3,), of this camera's own world.

        Its origin is on the road at the pole: x to the right of a southbound driver, y to the south, z up.
        """
        yaw, roll = np.radians(self.yaw), np.radians(self.roll)
        pitch = np.arctan((self.size[1] / 2 - self.horizon) / self.focal)
        road = np.array([self.ahead * np.sin(yaw), self.ahead * np.cos(yaw), 0.0])
        ahead = np.cos(pitch) * road - np.array([0, 0, np.sin(pitch)])
        right = np.cross(road, (0, 0, 1.0))
        down = np.cross(ahead, right)
        right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
        return np.stack([right, down, ahead]), np.array([self.d, 0.0, self.height])

    def centre_x(self, y: Length) -> Length:
        """x of the middle of the road at y, m."""
        return self.bend * y**2 + self.wave * y**3

    def slope(self, y: Length) -> Length:
        """dx / dy of the road at y."""
        return 2 * self.bend * y + 3 * self.wave * y**2


def mounts(seed: int) -> list[Mount]:
    """The six cameras of the city of this seed, north to south."""
    return [_mount(seed, index) for index in range(len(CAMERAS))]


def _mount(seed: int, index: int) -> Mount:
    rng = np.random.default_rng((seed, 11, index))
    camera, s = CAMERAS[index], S_M[index]
    ahead = 1 if camera.faces == "south" else -1
    edge = MEDIAN_M + LANE_M * lanes_at(SOUTHBOUND, s)
    d = float(rng.choice([edge + rng.uniform(0.5, 3), -edge - rng.uniform(0.5, 3), rng.uniform(-4, 4), rng.uniform(3, edge)]))
    focal = float(rng.uniform(600, 950))
    bend = float(rng.uniform(-1, 1) * 4.5e-4)
    # The camera looks at the middle of the road some way ahead, more or less.
    aim = float(rng.uniform(50, 110))
    yaw = np.degrees(np.arctan2(bend * aim**2 - d, ahead * aim)) if ahead > 0 else np.degrees(np.arctan2(d - bend * aim**2, aim))
    base: dict[str, Any] = {
        "camera": camera,
        "index": index,
        "size": (WIDTH, HEIGHT),
        "s": s,
        "d": d,
        "height": float(rng.uniform(5.5, 9.0)),
        "ahead": ahead,
        "yaw": float(yaw + rng.normal(0, 2.5)),
        "horizon": float(rng.uniform(10, 62)),
        "roll": float(rng.normal(0, 1.0)),
        "focal": focal,
        "bend": bend,
        "wave": float(rng.uniform(-1, 1) * 6e-7),
    }
    return Mount(**base, **electronics(rng))


def electronics(rng: np.random.Generator) -> dict[str, Any]:
    """What a camera's sensor does to the picture, as a Mount has it."""
    return {
        "tint": tuple(float(v) for v in rng.normal(1, (0.03, 0.015, 0.045))),
        "bias": float(rng.normal(0.15, 0.22)),
        "contrast": float(rng.uniform(0.9, 1.18)),
        "saturation": float(rng.uniform(0.8, 1.2)),
        "blur": float(rng.uniform(0.45, 0.85)),
        "sharpening": float(rng.choice([0.25, 0.6, 1.0]) * rng.uniform(0.7, 1.2)),
        "vignette": float(rng.uniform(0, 0.25)),
        "noise": float(rng.uniform(1.0, 3.0)),
        "haze": float(rng.choice([0.0002, 0.0005, 0.0010])),
        "exposure_s": float(rng.uniform(1 / 250, 1 / 60)),
        # Above 88 a sharp and noisy camera sends more than 24 KB a picture, which no real one of this size does.
        "quality": min(int(rng.integers(84, 92)), 88),
        "clock": str(rng.choice(["", "banner", "outline", "date"], p=[0.35, 0.25, 0.25, 0.15])),
        "cadence_s": float(rng.uniform(1.55, 1.9)),
    }
