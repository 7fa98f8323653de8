"""A campaign for a network of live cameras or a folder of what was recorded, as `cctview init` writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cctview_pipeline.cameras.catalogue import catalogue
from cctview_pipeline.cameras.described import check_offered
from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.campaign import HOUR, MAX_PARTITIONS, Camera, Campaign, floor_hour, metres_between
from cctview_pipeline.errors import ConfigurationError, NotFoundError
from cctview_pipeline.frames import CameraNetwork
from cctview_pipeline.groups import grouped


@dataclass(frozen=True)
class Place:
    """A point of the earth, degrees."""

    latitude: float
    longitude: float

    @classmethod
    def parse(cls, text: str) -> "Place":
        """``60.17,24.94``. Raises ConfigurationError."""
        degrees = _numbers(text, 2, "a place", "60.17,24.94: latitude and longitude in degrees")
        if not (-90 <= degrees[0] <= 90 and -180 <= degrees[1] <= 180):
            raise ConfigurationError(f"'{text}' is no place: latitudes are -90 to 90 degrees, longitudes -180 to 180.")
        return cls(*degrees)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which of a network's cameras. ids: its or ours, all where none is named; area: south, west, north and east; near,
    within_km: around a place; most: so many, the nearest first. Cameras that are off are left out unless they are named."""

    ids: Sequence[str] = ()
    area: tuple[float, float, float, float] | None = None
    near: Place | None = None
    within_km: float = 2.0
    most: int | None = None

    @classmethod
    def parse_area(cls, text: str) -> tuple[float, float, float, float]:
        """``51.50,-0.15,51.53,-0.05``. Raises ConfigurationError."""
        south, west, north, east = _numbers(text, 4, "an area", "51.50,-0.15,51.53,-0.05: south, west, north and east in degrees")
        if south >= north or west >= east:
            raise ConfigurationError(f"'{text}' is no area: south is less than north, and west less than east.")
        return south, west, north, east

    def of(self, listed: Sequence[LiveCamera]) -> list[LiveCamera]:
        """Those that were asked for. Raises NotFoundError for one that is not in the list, and where there is none."""
        if not listed:
            raise NotFoundError("The network's list has no camera that can be used.")
        by_name = {name: camera for camera in listed for name in (camera.network_id, camera.id)}
        if unknown := [name for name in self.ids if name not in by_name]:
            raise NotFoundError(f"The network has no camera '{unknown[0]}': `cctview cameras list` shows what it has.")
        if self.ids:
            return list({by_name[name].id: by_name[name] for name in self.ids}.values())
        found = [camera for camera in listed if camera.online and self._inside(camera)]
        if near := self.near:
            found = [camera for camera in found if metres_between(near, camera) <= 1000 * self.within_km]
            found.sort(key=lambda camera: metres_between(near, camera))
        if not found:
            raise NotFoundError(f"None of the network's {len(listed):,} cameras is on and in this place: choose a larger one.")
        return found[: self.most]

    def _inside(self, camera: LiveCamera) -> bool:
        if self.area is None:
            return True
        south, west, north, east = self.area
        return south <= camera.latitude <= north and west <= camera.longitude <= east


@dataclass(frozen=True, kw_only=True)
class Said:
    """Of a campaign, whatever its network. path: of what was recorded, or of the spool; end: open where it is None."""

    name: str
    start: datetime
    end: datetime | None
    path: str | None = None
    timezone: str = ""
    country: str = ""
    district: str = ""
    purposes: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def campaign(self, network: str, cameras: Sequence[Camera]) -> Campaign:
        """With the cameras' groups where they are more than one. Raises ConfigurationError for more than a campaign may hold, and
        for what it refuses."""
        hours = ((self.end or floor_hour(datetime.now(UTC)) + HOUR) - self.start) // HOUR
        if len(cameras) * hours > MAX_PARTITIONS:
            raise ConfigurationError(
                f"{len(cameras):,} cameras x {hours:,} hours are more than the {MAX_PARTITIONS:,} partitions of a campaign: "
                "choose fewer cameras or hours."
            )
        privacy = {"purposes": list(self.purposes)} if self.purposes else {}
        said = {key: value for key, value in vars(self).items() if key != "purposes"}
        return grouped(Campaign(network=network, cameras=tuple(cameras), privacy=privacy, **said))


def live_cameras(network: str, listed: Sequence[LiveCamera]) -> list[Camera]:
    """As the list has them; the package's catalogue knows where some look, and along which road."""
    known = catalogue()
    return [
        replace(known[live.id], network=network, network_id=live.network_id)
        if live.id in known
        else Camera(
            id=live.id,
            name=live.name,
            latitude=live.latitude,
            longitude=live.longitude,
            faces=live.faces,
            network=network,
            network_id=live.network_id,
        )
        for live in listed
    ]


def recorded_cameras(source: CameraNetwork, ids: Sequence[str], at: Place | None, path: str) -> tuple[list[Camera], list[str]]:
    """Cameras of a folder, and those of them whose place is a guess: the given one, as nobody has described them.

    Raises ConfigurationError for a camera that the folder does not have, and where no place was given for one.
    """
    offered = source.cameras()
    check_offered(ids, offered, path)
    known, wanted = catalogue(), list(ids) or offered
    strangers = [each for each in wanted if each not in known]
    if strangers and at is None:
        raise ConfigurationError(
            f"Nobody knows where camera '{strangers[0]}' stands: give --at LATITUDE,LONGITUDE, about, and correct it in "
            "campaign.toml."
        )
    guess = at or Place(0.0, 0.0)
    cameras = [
        known.get(each) or Camera(id=each, name=each, latitude=guess.latitude, longitude=guess.longitude, faces="")
        for each in wanted
    ]
    return cameras, strangers


def _numbers(text: str, count: int, what: str, right: str) -> list[float]:
    parts = text.split(",")
    try:
        found = [float(part) for part in parts]
    except ValueError:
        found = []
    if len(found) != count or not all(abs(each) <= 180 for each in found):
        raise ConfigurationError(f"'{text}' is not {what}: write {right}.")
    return found
