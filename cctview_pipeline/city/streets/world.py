"""The world of the streets, as ``city/world.py`` asks for it."""

from datetime import datetime
from functools import lru_cache, partial

import pyarrow as pa

from cctview_pipeline.campaign import Camera
from cctview_pipeline.city.mounts import Mount
from cctview_pipeline.city.scenery import Scenery
from cctview_pipeline.city.streets.mounts import CAMERAS, mounts
from cctview_pipeline.city.streets.scenery import build_scenery
from cctview_pipeline.city.streets.traffic import StreetTraffic, simulate
from cctview_pipeline.city.streets.truth import movements_table, passages_table
from cctview_pipeline.city.streets.walking import StreetCrowd
from cctview_pipeline.city.world import Crowd, Traffic


class Streets:
    """An arterial with four crossings, whose lights let vehicles, people and cyclists take turns."""

    cameras: tuple[Camera, ...] = CAMERAS
    usual_people = 120

    def mounts(self, seed: int) -> list[Mount]:
        return mounts(seed)

    def scenery(self, seed: int, mount: Mount) -> Scenery:
        return build_scenery(seed, mount)

    def crowd(self, seed: int, mount: Mount, people: int) -> Crowd:
        return partial(_crowd(seed, people).at, mount)

    def drive(self, seed: int, begin: datetime, end: datetime, people: int, jam: bool) -> StreetTraffic:
        """Who turns off waits for the people who cross."""
        return simulate(seed, begin, end, _crowd(seed, people).held, jam)

    def passages(self, mount: Mount, traffic: Traffic, begin: datetime, end: datetime) -> pa.Table:
        assert isinstance(traffic, StreetTraffic)
        return passages_table(mount, traffic, begin, end)

    def movements(self, mount: Mount, traffic: Traffic, begin: datetime, end: datetime) -> pa.Table:
        assert isinstance(traffic, StreetTraffic)
        return movements_table(mount, traffic, begin, end)


@lru_cache(maxsize=2)
def _crowd(seed: int, people: int) -> StreetCrowd:
    """Its cameras share the people of a city."""
    return StreetCrowd(seed, people)
