"""A campaign: the cameras, their network and the window of hours that one lake holds.

It stands in ``campaign.toml`` beside the lake's tables and is the only place where cameras are named: adding one needs
no code. Dagster's partitions are the campaign's cameras times its hours.
"""

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import tomlkit

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frame_size import Size, named
from cctview_pipeline.ids import is_camera_id
from cctview_pipeline.limits import PICTURE_SIDE

HOUR = timedelta(hours=1)
FACINGS = ("north", "east", "south", "west")
MOST_PARTITIONS = 100_000
"""Dagster's own advice for one asset; beyond it every page and every launch takes many seconds."""

TASKS = ("detector", "extractor")
"""What a campaign may choose a model for."""

Polygon = tuple[tuple[float, float], ...]
"""Corners (x, y) in pixels of a frame of the camera's zones_size."""
ZONES = ("masks", "privacy_zones")


class Placed(Protocol):
    """Whatever has a place, in degrees."""

    latitude: float
    longitude: float


def metres_between(one: Placed, other: Placed) -> float:
    """Along the great circle."""
    lat1, lat2 = math.radians(one.latitude), math.radians(other.latitude)
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin(math.radians(other.longitude - one.longitude) / 2) ** 2
    return 2 * 6_371_000 * math.asin(math.sqrt(half))


@dataclass(frozen=True)
class Camera:
    """One camera. faces: where it looks, empty where nobody knows: then its vehicles have no carriageway; order: its place along
    the corridor; network_id: its id in its network; masks, privacy_zones: polygons in which nothing is detected
    (detect/zones.py says how they differ); zones_size: width and height of the frames that these were drawn on. Campaigns from
    before it was asked for have none: they can be read, and nothing is stored or detected where a polygon has no size."""

    id: str
    name: str
    latitude: float
    longitude: float
    faces: str
    corridor: str
    order: int
    network: str = ""
    network_id: str = ""
    masks: tuple[Polygon, ...] = ()
    privacy_zones: tuple[Polygon, ...] = ()
    zones_size: Size | None = None

    def __post_init__(self) -> None:
        def refuse(what: str) -> None:
            raise CctviewError(f"Camera '{self.id}': {what}")

        if not is_camera_id(self.id):
            refuse("an id has letters, digits and single hyphens or underscores only.")
        if not (-90 <= self.latitude <= 90 and -180 <= self.longitude <= 180):
            refuse(f"{self.latitude}, {self.longitude} is no latitude and longitude in degrees.")
        if self.faces not in (*FACINGS, ""):
            refuse(f"faces must be one of {', '.join(FACINGS)}, or empty where nobody knows, not '{self.faces}'.")
        for name, polygons in (("mask", self.masks), ("privacy zone", self.privacy_zones)):
            if any(len(polygon) < 3 or any(len(point) != 2 for point in polygon) for polygon in polygons):
                refuse(f"every {name} is a list of at least three [x, y] points.")
        if self.zones_size is not None:
            self._check_zones_size(refuse)

    def _check_zones_size(self, refuse: Callable[[str], None]) -> None:
        size = self.zones_size
        if len(size) != 2 or not all(type(side) is int and side > 0 and PICTURE_SIDE.allows(side) for side in size):
            refuse(f"zones_size is the width and height of a frame in whole pixels, such as [352, 240], not {list(size)}.")
        for x, y in (point for polygon in (*self.masks, *self.privacy_zones) for point in polygon):
            if not (0 <= x <= size[0] and 0 <= y <= size[1]):
                refuse(f"a zone has the corner [{x}, {y}], outside its zones_size of {named(size)}: correct one of the two.")

    def distance_m(self, other: "Camera") -> float:
        """Metres along the great circle, the least that any road between the two can measure."""
        return metres_between(self, other)


@dataclass(frozen=True)
class Campaign:
    """What a lake is about. start: a full UTC hour; end: one too, exclusive, or None while collecting goes on.

    network: where frames come from (``archive`` or ``city``); path: the archive's folder or zip file; settings: the
    city's seed, start, minutes and faults; privacy: what privacy/policy.py reads; models: the detector and the extractor in
    use, by their names in models/manifest.toml, where they are not the shipped ones.
    """

    name: str
    network: str
    start: datetime
    end: datetime | None
    cameras: tuple[Camera, ...]
    path: str | None = None
    settings: Mapping = field(default_factory=dict, hash=False)
    privacy: Mapping = field(default_factory=dict, hash=False)
    models: Mapping[str, str] = field(default_factory=dict, hash=False)
    _by_id: dict[str, Camera] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {camera.id: camera for camera in self.cameras})
        if len(self._by_id) != len(self.cameras):
            raise CctviewError("campaign.toml names a camera twice: ids must be unique.")
        places = {(camera.corridor, camera.order) for camera in self.cameras}
        if len(places) != len(self.cameras):
            raise CctviewError("campaign.toml puts two cameras at the same order of one corridor: give each its own.")
        if unknown := set(self.models) - set(TASKS):
            raise CctviewError(f"[campaign.models] has the unknown key '{min(unknown)}': known are {', '.join(TASKS)}.")
        if not all(isinstance(name, str) for name in self.models.values()):
            raise CctviewError('[campaign.models] names models of models/manifest.toml, such as detector = "default".')
        for name, time in (("start", self.start), ("end", self.end)):
            if time is not None and (time.tzinfo is None or time != floor_hour(time)):
                raise CctviewError(f"The campaign's {name} must be a full hour with its offset, such as 2020-05-05T17:00:00Z.")
        if self.end is not None and self.end <= self.start:
            raise CctviewError(f"The campaign ends ({self.end:%Y-%m-%dT%HZ}) before it begins ({self.start:%Y-%m-%dT%HZ}).")
        count = len(self.cameras) * len(self.hours())
        if count > MOST_PARTITIONS:
            raise CctviewError(
                f"{len(self.cameras)} cameras x {len(self.hours())} hours are {count} partitions, more than {MOST_PARTITIONS}: "
                "shorten the window in campaign.toml, or split the cameras over two lakes. Old hours stay in the lake."
            )

    def camera(self, camera_id: str) -> Camera:
        """Raises CctviewError, with the mend, for a camera that the campaign does not name."""
        try:
            return self._by_id[camera_id]
        except KeyError:
            raise CctviewError(
                f"Camera '{camera_id}' is not in this campaign: add it under [[cameras]] in the lake's campaign.toml."
            ) from None

    def model(self, task: str) -> str:
        """The name of the detector or extractor in use, ``default`` for the shipped one."""
        return self.models.get(task, "default")

    def with_model(self, task: str, name: str) -> "Campaign":
        """The same campaign with another detector or extractor."""
        return replace(self, models={**self.models, task: name})

    def hours(self) -> list[datetime]:
        """Every hour of the window; of an open one, those that have passed."""
        end = self.end or floor_hour(datetime.now(UTC))
        return [self.start + i * HOUR for i in range(max(0, int((end - self.start) / HOUR)))]

    def check_inside(self, begin: datetime, end: datetime) -> None:
        """Refuse hours [begin, end) that reach out of the window."""
        if begin < self.start or (self.end is not None and end > self.end):
            window = (
                f"{self.start:%Y-%m-%dT%H:%MZ} to {self.end:%Y-%m-%dT%H:%MZ}" if self.end else f"{self.start:%Y-%m-%dT%H:%MZ} on"
            )
            raise CctviewError(
                f"{begin:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ} is outside this campaign's window ({window}): "
                "move start or end in the lake's campaign.toml, or use another lake."
            )

    def neighbours(self, camera_id: str) -> list[Camera]:
        """The cameras before and after this one along its corridor."""
        camera = self.camera(camera_id)
        corridor = sorted((c for c in self.cameras if c.corridor == camera.corridor), key=lambda c: c.order)
        place = corridor.index(camera)
        return corridor[max(0, place - 1) : place] + corridor[place + 1 : place + 2]

    def to_toml(self) -> str:
        document = tomlkit.document()
        document.add(tomlkit.comment("One lake, one campaign: its cameras, where their frames come from, and its hours (UTC)."))
        campaign = {"name": self.name, "network": self.network}
        campaign |= {"path": self.path} if self.path else {}
        campaign |= {"start": self.start} | ({"end": self.end} if self.end else {})
        campaign |= {"settings": dict(self.settings)} if self.settings else {}
        campaign |= {"privacy": dict(self.privacy)} if self.privacy else {}
        campaign |= {"models": dict(self.models)} if self.models else {}
        document["campaign"] = campaign
        cameras = tomlkit.aot()
        for camera in self.cameras:
            values = {f.name: getattr(camera, f.name) for f in fields(camera)}
            for name in ZONES:
                values[name] = [[list(point) for point in polygon] for polygon in values[name]]
            values["zones_size"] = list(camera.zones_size or ())
            optional = ("network", "network_id", *ZONES, "zones_size")
            cameras.append(tomlkit.item({k: v for k, v in values.items() if v or k not in optional}))
        document["cameras"] = cameras
        return tomlkit.dumps(document)

    @classmethod
    def from_toml(cls, text: str, source: str = "campaign.toml") -> "Campaign":
        """Raises CctviewError, naming the source, for anything that is no campaign."""
        try:
            document = tomllib.loads(text)
            head = document["campaign"]
            cameras = tuple(camera_from_dict(row) for row in document.get("cameras", []))
            start, end = (time and time.astimezone(UTC) for time in (head["start"], head.get("end")))
            beside = head.get("settings", {}), head.get("privacy", {}), head.get("models", {})
            return cls(head["name"], head["network"], start, end, cameras, head.get("path"), *beside)
        except tomllib.TOMLDecodeError as error:
            raise CctviewError(f"{source} is no TOML: {error}.") from error
        except KeyError as error:
            raise CctviewError(f"{source} lacks {error} under [campaign].") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise CctviewError(f"{source} has a value of the wrong kind: {error}.") from error

    def with_path(self, path: str) -> "Campaign":
        """The same campaign, its archive moved."""
        return replace(self, path=path)


def camera_from_dict(row: dict) -> Camera:
    """One ``[[cameras]]`` entry. Raises CctviewError for a key that is missing or unknown."""
    known = {f.name for f in fields(Camera)}
    if unknown := set(row) - known:
        raise CctviewError(
            f"Camera '{row.get('id', '?')}' has the unknown key '{min(unknown)}': known are {', '.join(sorted(known))}."
        )
    for name, value in row.items():
        kinds = {"latitude": (int, float), "longitude": (int, float), "order": int} | dict.fromkeys((*ZONES, "zones_size"), list)
        kinds = kinds.get(name, str)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise CctviewError(f"Camera '{row.get('id', '?')}' in [[cameras]] has a value of the wrong kind: {name} = {value!r}.")
    zones = {name: tuple(tuple(tuple(point) for point in polygon) for polygon in row.get(name, [])) for name in ZONES}
    zones |= {"zones_size": tuple(row["zones_size"])} if "zones_size" in row else {}
    try:
        return Camera(**(row | zones))
    except TypeError as error:
        raise CctviewError(f"Camera '{row.get('id', '?')}' in [[cameras]] is incomplete: {error}.") from error


def floor_hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def parse_time(text: str) -> datetime | None:
    """What a person wrote for a time: UTC unless it has an offset; None when nothing was said."""
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise CctviewError(f"'{text}' is no time: write 2020-05-05T17:00Z or 2020-05-05T13:00-04:00.") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
