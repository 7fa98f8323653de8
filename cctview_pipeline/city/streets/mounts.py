"""The cameras of the streets: at corners, 5 to 8 m high, down one arm of a crossing or across it; one goes from view to view."""

import math
from dataclasses import dataclass

import numpy as np

from cctview_pipeline.campaign import Camera
from cctview_pipeline.city.mounts import HEIGHT, WIDTH, Mount, Preset, electronics
from cctview_pipeline.city.streets.plan import ARMS, CROSSINGS_Y

LATITUDE, LONGITUDE = 40.7480, -73.9850
"""Of the northernmost crossing."""
_NAMES = ("1 St", "5 St", "11 St", "16 St")
_FACES = {"N": "north", "E": "east", "S": "south", "W": "west"}
CORRIDOR = "avenue"


@dataclass(frozen=True, kw_only=True)
class Post:
    """A camera before any city has it: at which crossing and corner (x, y from its middle, m), the arms down which it looks,
    in turn where they are several, and its place along the arterial, 0 for none; across: whether it shows the crossing itself."""

    crossing: int
    corner: tuple[float, float]
    arms: str
    order: int = 0
    across: bool = False


POSTS = (
    Post(crossing=0, corner=(13.2, 10.5), arms="N", order=1),
    Post(crossing=1, corner=(-13.4, 10.8), arms="N", order=2),
    Post(crossing=1, corner=(14.5, -9.2), arms="E", across=True),
    Post(crossing=2, corner=(13.2, -10.5), arms="S", order=3),
    Post(crossing=2, corner=(-14.0, 9.4), arms="NWS"),
    Post(crossing=3, corner=(-13.3, -10.4), arms="S", order=4),
    Post(crossing=3, corner=(-14.5, 9.2), arms="W", across=True),
)


def _camera(place: int, post: Post) -> Camera:
    x, y = post.corner[0], CROSSINGS_Y[post.crossing] + post.corner[1]
    return Camera(
        id=f"street-{place}",
        name=f"Synthetic streets @ Avenue and {_NAMES[post.crossing]}",
        latitude=round(LATITUDE - y / 111_195, 6),
        longitude=round(LONGITUDE - x / (111_195 * math.cos(math.radians(LATITUDE))), 6),
        faces=_FACES[post.arms[0]],
        corridor=CORRIDOR if post.order else "",
        order=post.order,
        network="city",
    )


CAMERAS = tuple(_camera(place, post) for place, post in enumerate(POSTS, 1))


def mounts(seed: int) -> list[Mount]:
    """The cameras of the city of this seed."""
    return [_mount(seed, index, post) for index, post in enumerate(POSTS)]


def _mount(seed: int, index: int, post: Post) -> Mount:
    rng = np.random.default_rng((seed, 83, index))
    x, y = post.corner[0], CROSSINGS_Y[post.crossing] + post.corner[1]
    height, focal = float(rng.uniform(5.4, 8.0)), float(rng.uniform(330, 430) * (0.72 if post.across else 1.0))
    ahead = {"N": -1, "S": 1}.get(post.arms[0], 1)
    presets = [_preset(rng, post, arm, ahead, height, focal) for arm in post.arms]
    return Mount(
        camera=CAMERAS[index],
        index=index,
        size=(WIDTH, HEIGHT),
        s=y,
        d=x,
        height=height,
        ahead=ahead,
        yaw=presets[0].yaw,
        horizon=presets[0].horizon,
        roll=float(rng.normal(0, 0.8)),
        focal=presets[0].focal,
        bend=0.0,
        wave=0.0,
        behind=400.0,
        presets=tuple(presets) if len(presets) > 1 else (),
        **electronics(rng),
    )


def _preset(rng: np.random.Generator, post: Post, arm: str, ahead: int, height: float, focal: float) -> Preset:
    """Where a camera looks that shows an arm: at its middle some way off, and so low that the road fills the picture."""
    aim = float(rng.uniform(20, 26) if post.across else rng.uniform(52, 66))
    out_x, out_y = {"N": (0, -1), "E": (-1, 0), "S": (0, 1), "W": (1, 0)}[arm]
    # From the corner to a point on the arm, in x and y.
    across_x, across_y = out_x * aim - post.corner[0], out_y * aim - post.corner[1]
    if post.across:
        across_x, across_y = out_x * (aim - 14) - post.corner[0], out_y * (aim - 14) - post.corner[1]
    yaw = np.degrees(np.arctan2(ahead * across_x, ahead * across_y))
    horizon = float(rng.uniform(26, 46))
    if post.across:
        horizon -= 34
    return Preset(yaw=float(yaw + rng.normal(0, 1.0)), horizon=horizon, focal=focal, arm=ARMS.index(arm))
