"""The synthetic city as a camera network: frames by camera and hour, and the truth about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field, StrictInt

from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.city.crowd import MAX_PEOPLE
from cctview_pipeline.city.faults import Fault, Faults
from cctview_pipeline.city.mounts import Mount
from cctview_pipeline.city.picture_sizes import picture_sizes
from cctview_pipeline.city.studio import Exposure, Studio
from cctview_pipeline.city.traffic import STEP_S
from cctview_pipeline.city.truth import boxes_table
from cctview_pipeline.city.world import Traffic
from cctview_pipeline.city.worlds import WORLDS, WorldName
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.frames import CameraHour, Frame
from cctview_pipeline.ids import FrameId
from cctview_pipeline.settings import CLOSED, Absent, Moment, Section, Texts, read

START = datetime(2025, 6, 3, 16, tzinfo=UTC)
"""Noon in New York on an ordinary Tuesday: the beginning, unless somebody wants another."""

_AROUND = timedelta(minutes=4)
"""How long before and after its hour the traffic is known, so that passages at its edges are whole."""


@dataclass(frozen=True, kw_only=True)
class CitySettings:
    """``[campaign.settings]`` of a city."""

    __pydantic_config__ = CLOSED

    seed: Annotated[StrictInt, Field(ge=0, le=999_999, examples=[1000])] = 1000
    """Which city: 0-999 are for training, 1000-1999 for development, 9000 up for evaluation."""
    start: Annotated[Moment, Field(examples=["2025-06-03T16:00:00Z"])] = START
    """When it begins, a full hour."""
    minutes: Annotated[StrictInt, Field(ge=1, le=366 * 24 * 60, examples=[60])] = 60
    """How much of it is collected."""
    faults: Annotated[Texts, Field(examples=[["jam", "frozen:city-2"]])] = ()
    """What goes wrong in it: `cctview city faults` has the names."""
    people: Annotated[StrictInt, Field(ge=0, le=MAX_PEOPLE, examples=[0])] | Absent = None
    """How many walk or cycle past each camera in an hour; if nothing is said none on the expressway, 120 in the streets."""
    sizes: Annotated[Texts, Field(examples=[["1280x720", "720x576:city-3"]])] = ()
    """Of the pictures, px, of all cameras or of one; 352x240 where nothing is said."""
    world: Annotated[WorldName, Field(title="expressway or streets", examples=["streets"])] = "expressway"
    """Six cameras along an expressway, or seven at the crossings of an arterial with lights."""

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.start.astimezone(UTC) != floor_hour(self.start.astimezone(UTC)):
            raise ConfigurationError("A city starts at a full hour with its offset, such as 2025-06-03T16:00:00Z.")
        # The light of a day and the minutes of a fault are UTC's, however the start was written.
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        if self.people is None:
            object.__setattr__(self, "people", WORLDS[self.world].usual_people)
        cameras = [camera.id for camera in WORLDS[self.world].cameras]
        for fault in self.faults:
            Fault.parse(fault, cameras)
        picture_sizes(self.sizes, cameras)

    @classmethod
    def read(cls, settings: Mapping, source: str = "The city") -> "CitySettings":
        """From ``[campaign.settings]``. source: the file that says so. Raises CctviewError for what it does not know or
        understand."""
        return read(cls, settings, Section(source, "[campaign.settings]"))

    def as_dict(self) -> dict:
        """What :meth:`read` takes. Without people, sizes and other worlds as before there were any, so that what was made then is
        still the same."""
        said = {"seed": self.seed, "start": self.start, "minutes": self.minutes, "faults": list(self.faults)}
        more = {"people": self.people, "sizes": list(self.sizes)}
        said |= {name: value for name, value in more.items() if value}
        return said if self.world == "expressway" else said | {"people": self.people, "world": self.world}


class CityNetwork:
    """The cameras of a city that exists nowhere. The same settings make the same frames, to the byte."""

    name = "city"

    def __init__(self, settings: CitySettings = CitySettings()) -> None:
        self.settings, self.world = settings, WORLDS[settings.world]
        self.faults = Faults([Fault.parse(fault, self.cameras()) for fault in settings.faults])
        sizes = picture_sizes(settings.sizes, self.cameras())
        self._studios = {
            mount.camera.id: Studio(
                settings.seed, mount.sized(sizes[mount.camera.id]), self.faults, settings.people or 0, self.world
            )
            for mount in self.world.mounts(settings.seed)
        }
        # A run works through the cameras of an hour: its traffic is worth keeping.
        self.traffic = lru_cache(maxsize=2)(self._traffic)

    @property
    def begin(self) -> datetime:
        return self.settings.start

    @property
    def end(self) -> datetime:
        return self.settings.start + timedelta(minutes=self.settings.minutes)

    def cameras(self) -> list[str]:
        """Their ids, along the road."""
        return [camera.id for camera in self.world.cameras]

    def hours(self, camera_id: str) -> list[datetime]:
        """The UTC hours in which a camera has frames; none for a camera that the city does not have."""
        count = -((self.begin - self.end) // HOUR)
        return [self.begin + i * HOUR for i in range(count)] if camera_id in self.cameras() else []

    def mount(self, camera_id: str) -> Mount:
        """How a camera hangs above the road. Raises CctviewError for one that the city does not have."""
        return self._studio(camera_id).mount

    def read_hour(self, camera_id: str, hour: datetime) -> CameraHour:
        """Takes some 10 ms a frame."""
        return CameraHour(list(self.frames(camera_id, hour)), [])

    def frames(self, camera_id: str, hour: datetime) -> Iterator[Frame]:
        """The frames of an hour, one after the other."""
        studio = self._studio(camera_id)
        for shot in self.shots(camera_id, hour):
            yield _frame(studio, shot, studio.take(shot, self.traffic(hour)))

    def shots(self, camera_id: str, hour: datetime) -> list[Exposure]:
        """What is taken in an hour, without the pictures."""
        begin, end = max(hour, self.begin), min(hour + HOUR, self.end)
        return self._studio(camera_id).shots(begin, end) if begin < end else []

    def picture(self, camera_id: str, shot: Exposure) -> Frame:
        """One frame."""
        studio = self._studio(camera_id)
        return _frame(studio, shot, studio.take(shot, self.traffic(floor_hour(shot.captured_at))))

    def picture_and_truth(self, camera_id: str, shot: Exposure) -> tuple[Frame, pa.Table]:
        """One frame, and the ``truth_boxes`` of it alone."""
        seen = self._studio(camera_id).look(shot, self.traffic(floor_hour(shot.captured_at)))
        rows = [] if seen is None else [(_id(camera_id, shot), shot.captured_at, seen)]
        return self.picture(camera_id, shot), boxes_table(camera_id, rows)

    def truth_boxes(self, camera_id: str, hour: datetime) -> pa.Table:
        """Every vehicle and person in every frame of an hour, as the ``truth_boxes`` table holds it."""
        studio = self._studio(camera_id)
        seen = [(shot, studio.look(shot, self.traffic(hour))) for shot in self.shots(camera_id, hour)]
        return boxes_table(camera_id, [(_id(camera_id, shot), shot.captured_at, who) for shot, who in seen if who is not None])

    def truth_passages(self, camera_id: str, hour: datetime) -> pa.Table:
        """Every vehicle that passes the camera's pole in what is collected of an hour, as ``truth_passages`` holds it."""
        begin, end = max(hour, self.begin), min(hour + HOUR, self.end)
        return self.world.passages(self._studio(camera_id).mount, self.traffic(hour), begin, max(begin, end))

    def truth_movements(self, camera_id: str, hour: datetime) -> pa.Table:
        """Every way over the camera's crossing in what is collected of an hour, as ``truth_movements`` holds it."""
        begin, end = max(hour, self.begin), min(hour + HOUR, self.end)
        return self.world.movements(self._studio(camera_id).mount, self.traffic(hour), begin, max(begin, end))

    def _studio(self, camera_id: str) -> Studio:
        try:
            return self._studios[camera_id]
        except KeyError:
            raise ConfigurationError(
                f"The city has no camera named '{camera_id}': known are {', '.join(self._studios)}."
            ) from None

    def _traffic(self, hour: datetime) -> Traffic:
        end = min(hour + HOUR, max(self.end, hour + timedelta(minutes=1))) + _AROUND
        steps = np.ceil((end - hour).total_seconds() / STEP_S)
        until, people = hour + timedelta(seconds=STEP_S * int(steps)), self.settings.people or 0
        return self.world.drive(self.settings.seed, hour - _AROUND, until, people, self.faults.has("jam"))


def _id(camera_id: str, shot: Exposure) -> str:
    return str(FrameId(camera_id, shot.captured_at))


def _frame(studio: Studio, shot: Exposure, jpeg: bytes) -> Frame:
    """A camera's picture is fetched a moment after it was taken."""
    camera_id, (width, height) = studio.mount.camera.id, studio.size(shot)
    fetched_at = shot.captured_at + timedelta(milliseconds=120 + shot.number * 7919 % 260)
    return Frame(
        frame_id=_id(camera_id, shot),
        camera_id=camera_id,
        captured_at=shot.captured_at,
        fetched_at=fetched_at,
        jpeg=jpeg,
        width=width,
        height=height,
    )
