"""What one world has of its own, behind what all worlds share: how bodies, light, lenses and sensors make a picture of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from cctview_pipeline.campaign import Camera
from cctview_pipeline.city.crowd import Walkers
from cctview_pipeline.city.mounts import Mount
from cctview_pipeline.city.scenery import Scenery
from cctview_pipeline.city.traffic import Vehicles

Crowd = Callable[[datetime], Walkers]
"""Who is on foot or cycles near a camera at a moment."""


class Traffic(Protocol):
    """Who drives where in a window of time."""

    @property
    def begin(self) -> datetime: ...

    def at(self, moment: datetime | float) -> Vehicles:
        """Who is there at this moment, or so many seconds after begin."""
        ...


class World(Protocol):
    """The roads, cameras, traffic and people of one kind of city. seed: which city of the kind."""

    @property
    def cameras(self) -> tuple[Camera, ...]: ...

    @property
    def usual_people(self) -> int:
        """How many walk or cycle past a camera in an hour where nobody says so."""
        ...

    def mounts(self, seed: int) -> list[Mount]:
        """How the cameras hang, in the order of ``cameras``."""
        ...

    def scenery(self, seed: int, mount: Mount) -> Scenery: ...

    def crowd(self, seed: int, mount: Mount, people: int) -> Crowd: ...

    def drive(self, seed: int, begin: datetime, end: datetime, people: int, jam: bool) -> Traffic:
        """Between two moments that are whole steps of the simulation."""
        ...

    def passages(self, mount: Mount, traffic: Traffic, begin: datetime, end: datetime) -> pa.Table:
        """``truth_passages`` of a camera from begin to end."""
        ...

    def movements(self, mount: Mount, traffic: Traffic, begin: datetime, end: datetime) -> pa.Table:
        """``truth_movements`` likewise."""
        ...
