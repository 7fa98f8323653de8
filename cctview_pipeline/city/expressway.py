"""The world of the six cameras along an expressway."""

from datetime import datetime

import pyarrow as pa

from cctview_pipeline.campaign import Camera
from cctview_pipeline.city import traffic as driven
from cctview_pipeline.city.crowd import Crowd as RoadsideCrowd
from cctview_pipeline.city.mounts import CAMERAS, Mount, mounts
from cctview_pipeline.city.scenery import Scenery, build_scenery
from cctview_pipeline.city.truth import passages_table
from cctview_pipeline.city.world import Crowd, Traffic
from cctview_pipeline.lake.schemas import schema_of


class Expressway:
    """No crossing and no light: nobody turns, and who comes by goes by."""

    cameras: tuple[Camera, ...] = CAMERAS
    usual_people = 0

    def mounts(self, seed: int) -> list[Mount]:
        return mounts(seed)

    def scenery(self, seed: int, mount: Mount) -> Scenery:
        return build_scenery(seed, mount)

    def crowd(self, seed: int, mount: Mount, people: int) -> Crowd:
        return RoadsideCrowd(seed, mount, people).at

    def drive(self, seed: int, begin: datetime, end: datetime, people: int, jam: bool) -> driven.Traffic:
        """People keep out of everybody's way here."""
        return driven.simulate(seed, begin, end, jam)

    def passages(self, mount: Mount, traffic: Traffic, begin: datetime, end: datetime) -> pa.Table:
        assert isinstance(traffic, driven.Traffic)
        return passages_table(mount, traffic, begin, end)

    def movements(self, mount: Mount, traffic: Traffic, begin: datetime, end: datetime) -> pa.Table:
        return schema_of("truth_movements").empty_table()
