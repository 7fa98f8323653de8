"""A campaign: the cameras, their network and the window of hours that one lake holds.

It stands in ``campaign.toml`` beside the lake's tables and is the only place where cameras are named: adding one needs
no code. Dagster's partitions are the campaign's cameras times its hours.
"""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, NoReturn, Protocol, TypeAlias

import tomlkit
from pydantic import Field, StrictFloat, StrictInt, StrictStr

from cctview_pipeline.anomalies import Anomaly
from cctview_pipeline.errors import ConfigurationError, is_shown, printable
from cctview_pipeline.ids import is_camera_id
from cctview_pipeline.images.size import Size, named
from cctview_pipeline.limits import NAME_CHARACTERS, PICTURE_SIDE, ZONE_CORNERS
from cctview_pipeline.links import FACINGS, Link, named_side
from cctview_pipeline.local_calendar import LocalCalendar, check_country, check_zone
from cctview_pipeline.polygons import crosses_itself, is_line
from cctview_pipeline.settings import (
    CLOSED,
    FIRST_YEAR,
    LAST_YEAR,
    Absent,
    Moment,
    Section,
    Text,
    keys_of,
    read,
    read_rows,
    schema_of,
)
from cctview_pipeline.toml_text import parse_toml, written

HOUR = timedelta(hours=1)
GRACE = timedelta(minutes=1)
"""After an hour's end, until when its last frames may still be on their way."""
MAX_PARTITIONS = 100_000
"""Dagster's own advice for one asset; beyond it every page and every launch takes many seconds."""
_CALENDAR = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ]|$)")
_DISTRICT = r"^([a-z][a-z0-9_]{0,39})?$"

ZONES = ("masks", "privacy_zones")
EXPORTED = ("sumo", "tmg")
"""Lists of tables that say how other programs name what the cameras see."""


class HasPlace(Protocol):
    """Whatever has a place, in degrees."""

    @property
    def latitude(self) -> float: ...

    @property
    def longitude(self) -> float: ...


def metres_between(one: HasPlace, other: HasPlace) -> float:
    """Along the great circle."""
    lat1, lat2 = math.radians(one.latitude), math.radians(other.latitude)
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin(math.radians(other.longitude - one.longitude) / 2) ** 2
    return 2 * 6_371_000 * math.asin(math.sqrt(half))


class BadCamera(ConfigurationError):
    """What no camera can be. reason: id, name or coordinates, as what is left out is counted."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Described(HasPlace, Protocol):
    """A camera, wherever it is heard of: in a network's list, a spool or a campaign."""

    @property
    def id(self) -> str: ...

    @property
    def network_id(self) -> str: ...

    @property
    def name(self) -> str: ...


def check_camera(camera: Described) -> None:
    """What holds for every camera: what a list lets in is refused neither by the spool nor by the campaign. Raises BadCamera."""

    def refuse(reason: str, what: str) -> NoReturn:
        raise BadCamera(f"Camera '{str(camera.id)[:40]}': {what}", reason)

    for name, reason in (("id", "id"), ("network_id", "id"), ("name", "name")):
        text = getattr(camera, name)
        if not isinstance(text, str) or not is_shown(text):
            refuse(reason, f"its {name} is no text that can be shown in one line.")
        if not NAME_CHARACTERS.allows(len(text)):
            refuse(reason, NAME_CHARACTERS.says(len(text)))
    if not is_camera_id(camera.id):
        refuse("id", "an id has letters, digits and single hyphens, underscores or dots only.")
    degrees = camera.latitude, camera.longitude
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in degrees)
    if not (numbers and -90 <= camera.latitude <= 90 and -180 <= camera.longitude <= 180):
        refuse("coordinates", f"{str(degrees[0])[:40]}, {str(degrees[1])[:40]} is no latitude and longitude in degrees.")


_PIXEL = Field(ge=-PICTURE_SIDE.most, le=PICTURE_SIDE.most)
_Pixel: TypeAlias = Annotated[StrictInt, _PIXEL] | Annotated[StrictFloat, _PIXEL]
_Polygons: TypeAlias = Annotated[
    tuple[tuple[tuple[_Pixel, _Pixel], ...], ...],
    Field(title="list of polygons of [x, y] points in pixels", examples=[[[[0, 0], [90, 0], [0, 60]]]]),
]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """One ``[[cameras]]``. Campaigns from before zones_size was asked for have none: they can be read, and nothing is stored or
    detected where a polygon has no size. zones.py says how masks and privacy zones differ."""

    __pydantic_config__ = CLOSED

    id: Annotated[Text, Field(examples=["735-683-N"])]
    """Its id: letters, digits and single hyphens, underscores or dots."""
    name: Annotated[Text, Field(examples=["FDR Drive at 48 St"])]
    """What people call it."""
    latitude: Annotated[StrictFloat, Field(ge=-90, le=90, examples=[40.7525])]
    """Its place, degrees."""
    longitude: Annotated[StrictFloat, Field(ge=-180, le=180, examples=[-73.9637])]
    """Its place, degrees."""
    faces: Annotated[Text, Field(examples=["north", ""])]
    """Where it looks: north, east, south or west. Where nobody knows, its carriageways are called away and towards."""
    corridor: Annotated[Text, Field(examples=["fdr"])] = ""
    """The road it stands at: a short form of `[[links]]`, there and back, between cameras of it that follow each other and whose
    facings are known."""
    order: Annotated[StrictInt, Field(ge=-1_000_000, le=1_000_000, examples=[1])] = 0
    """Its place along the corridor, no two alike."""
    group: Annotated[Text, Field(examples=["group-1"])] = ""
    """The camera group in which it is worked on: cameras of one group are made together, several groups side by side. Where
    there are more than 25 cameras it is written here, and it never changes because another one comes."""
    network: Annotated[Text, Field(examples=["nyc-dot"])] = ""
    """The live network that it belongs to."""
    network_id: Annotated[Text, Field(examples=["5f8d..."])] = ""
    """Its id in that network."""
    masks: _Polygons = ()
    """Where nothing is detected: a box whose centre lies in one is dropped."""
    privacy_zones: _Polygons = ()
    """Painted over before a frame is stored; a box that touches one is dropped."""
    zones_size: Annotated[
        tuple[StrictInt, StrictInt] | Absent, Field(title="width and height in whole pixels", examples=[[352, 240]])
    ] = None
    """Of the frames that the zones were drawn on; without it nothing is made of a camera that has zones."""

    def __post_init__(self) -> None:
        def refuse(what: str) -> NoReturn:
            raise ConfigurationError(f"Camera '{printable(self.id)}': {what}")

        check_camera(self)
        if self.faces not in (*FACINGS, ""):
            refuse(f"faces must be one of {', '.join(FACINGS)}, or empty where nobody knows, not '{printable(self.faces)}'.")
        if self.group and not is_camera_id(self.group):
            refuse(
                f"group '{printable(self.group)}' is no name of a group: it has letters, digits, hyphens and dots, like an id."
            )
        for name, polygons in (("mask", self.masks), ("privacy zone", self.privacy_zones)):
            if any(len(polygon) < 3 or any(len(point) != 2 for point in polygon) for polygon in polygons):
                refuse(f"every {name} is a list of at least three [x, y] points.")
            for polygon in filter(is_line, polygons):
                refuse(f"the {name} {[list(point) for point in polygon]} is a line or a point, and covers nothing: correct it.")
            for polygon in filter(crosses_itself, polygons):
                refuse(
                    f"the edges of the {name} {written([list(point) for point in polygon])} cross one another, and part of what "
                    "was meant would show: write its corners in the order in which one walks around it."
                )
        if not ZONE_CORNERS.allows(corners := sum(map(len, (*self.masks, *self.privacy_zones)))):
            refuse(ZONE_CORNERS.says(corners))
        if self.zones_size is not None:
            self._check_zones_size(self.zones_size, refuse)

    def _check_zones_size(self, size: Size, refuse: Callable[[str], NoReturn]) -> None:
        if len(size) != 2 or not all(type(side) is int and side > 0 and PICTURE_SIDE.allows(side) for side in size):
            refuse(f"zones_size is the width and height of a frame in whole pixels, such as [352, 240], not {list(size)}.")
        for x, y in (point for polygon in (*self.masks, *self.privacy_zones) for point in polygon):
            if not (0 <= x <= size[0] and 0 <= y <= size[1]):
                refuse(f"a zone has the corner [{x}, {y}], outside its zones_size of {named(size)}: correct one of the two.")

    @property
    def has_place(self) -> bool:
        """Whether somebody knows where it stands: 0, 0, in the Gulf of Guinea, is what lists and drafts have else."""
        return (self.latitude, self.longitude) != (0, 0)

    def distance_m(self, other: "Camera") -> float:
        """Metres along the great circle, the least that any road between the two can measure."""
        return metres_between(self, other)


@dataclass(frozen=True)
class Models:
    """``[campaign.models]``: names in models/manifest.toml, ``default`` for the shipped ones."""

    __pydantic_config__ = CLOSED

    detector: Annotated[Text, Field(examples=["default"])] = "default"
    """The detector of `models/manifest.toml` in use; `cctview models use` writes it."""
    extractor: Annotated[Text, Field(examples=["default"])] = "default"
    """The extractor of `models/manifest.toml` in use; `cctview models use` writes it."""


TASKS = tuple(each.name for each in fields(Models))
"""What a campaign may choose a model for."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """``[campaign]``. The networks and policy.py read their own sections."""

    __pydantic_config__ = CLOSED

    name: Annotated[Text, Field(examples=["FDR Drive"])]
    """What people call it."""
    network: Annotated[Text, Field(examples=["archive"])]
    """Where frames come from: `archive`, `footage`, `pictures`, `city`, or a live network such as `nyc-dot`."""
    start: Annotated[Moment, Field(examples=["2020-05-05T17:00:00Z"])]
    """The first hour of the window, a full one."""
    end: Annotated[Moment | Absent, Field(examples=["2020-05-05T18:00:00Z"])] = None
    """Its end, a full hour, exclusive; open while collecting goes on."""
    path: Annotated[Text | Absent, Field(examples=["/data/archive"])] = None
    """The archive's folder or zip file, the footage's folder or file, the pictures' folder, or a live network's spool: a folder,
    or `s3://bucket/prefix`, to which collectors then upload, so that hours are sealed on any machine."""
    timezone: Annotated[Text, Field(examples=["America/New_York"])] = ""
    """The clock by which days and figures are cut, by its IANA name; the network's where it is left out."""
    country: Annotated[Text, Field(examples=["US-NY"])] = ""
    """Whose holidays they are, by ISO 3166, with its part or without; the network's where it is left out."""
    district: Annotated[StrictStr, Field(pattern=_DISTRICT, title="short name", examples=["north"])] = ""
    """Its name among several campaigns that share one instance of Dagster, in small letters, digits and underscores. Before the
    first frame: what was made under another name Dagster takes for another's."""
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What the network itself is told."""
    privacy: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What is promised about people."""
    models: Models = Models()
    """Which models this lake uses."""
    resources: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What a run of a job needs of a machine, where runs go to several machines."""


@dataclass(frozen=True, kw_only=True)
class Campaign(Head):
    """What a lake is about: the head of its file, its cameras, and the times in which their figures are not what they seem.
    links: beside those that corridors stand for; sumo, tmg: what formats/sumo.py and formats/tmg.py read; source: the file that
    says so, for refusals."""

    cameras: tuple[Camera, ...]
    links: tuple[Link, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    sumo: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    tmg: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    source: str = field(default="campaign.toml", repr=False, compare=False)
    _by_id: dict[str, Camera] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {camera.id: camera for camera in self.cameras})
        if len(self._by_id) != len(self.cameras):
            raise ConfigurationError(
                f"{self.source} names a camera twice, '{_twice(c.id for c in self.cameras)}': ids must be unique."
            )
        if len({camera.id.casefold() for camera in self.cameras}) != len(self.cameras):
            name = _twice(camera.id.casefold() for camera in self.cameras)
            one, other, *_ = (camera.id for camera in self.cameras if camera.id.casefold() == name)
            raise ConfigurationError(
                f"{self.source} names cameras '{one}' and '{other}', which differ in upper and lower case only: some disks can't "
                "tell them apart, so rename one."
            )
        places = [(camera.corridor, camera.order) for camera in self.cameras if camera.corridor]
        if len(set(places)) != len(places):
            corridor, order = _twice(places)
            raise ConfigurationError(
                f"{self.source} puts two cameras at the same order of one corridor ('{corridor}', {order}): give each its own."
            )
        for key, text in (("name", self.name), ("path", self.path or "")):
            if not is_shown(text):
                raise ConfigurationError(
                    f"{self.source}: the campaign's {key}, '{printable(text)}', cannot be shown in one line: rename it."
                )
        for name, time in (("start", self.start), ("end", self.end)):
            if time is not None and (time.tzinfo is None or time != floor_hour(time)):
                raise ConfigurationError(
                    f"{self.source}: the campaign's {name} must be a full hour with its offset, such as 2020-05-05T17:00:00Z."
                )
        if self.end is not None and self.end <= self.start:
            raise ConfigurationError(
                f"{self.source}: the campaign ends ({self.end:%Y-%m-%dT%HZ}) before it begins ({self.start:%Y-%m-%dT%HZ})."
            )
        if self.timezone:
            check_zone(self.timezone, self.source)
        if self.country:
            check_country(self.country, self.source)
        if not re.match(_DISTRICT, self.district):  # of an option, which no schema has looked at
            raise ConfigurationError(
                f"{self.source}: district = '{printable(self.district)}' is no district's name: write small letters, digits and "
                "underscores, such as north."
            )
        for anomaly in self.anomalies:
            self.camera(anomaly.camera)
        self._check_links()
        if (count := self.size) > MAX_PARTITIONS:
            raise ConfigurationError(
                f"{len(self.cameras)} cameras x {count // len(self.cameras)} hours are {count} partitions, more than "
                f"{MAX_PARTITIONS}: "
                f"shorten the window in {self.source}, or split the cameras over two lakes. Old hours stay in the lake."
            )

    def _check_links(self) -> None:
        def refuse(link: Link, what: str) -> NoReturn:
            raise ConfigurationError(f"{self.source}: the link from '{link.from_camera}' to '{link.to_camera}' {what}")

        met: set[tuple[str, str]] = set()
        for link in self.links:
            ends = [self.camera(each) for each in link.pair]
            if link.pair in met:
                refuse(link, "stands there twice: take one of them out.")
            met.add(link.pair)
            straight = ends[0].distance_m(ends[1]) if all(end.has_place for end in ends) else 0.0
            if link.metres < 0.8 * straight - 100:  # places are those of poles, and some lists round them
                refuse(link, f"has {link.metres:g} metres, and the straight line between the two has {straight:.0f}: correct it.")
            for camera, key, side in zip(ends, ("leaves", "enters"), (link.leaves, link.enters), strict=True):
                if not side and not all(end.faces for end in ends):
                    refuse(
                        link,
                        f"does not say how it {key} '{camera.id}', and nobody knows how the two face: write "
                        f'{key} = "towards" or {key} = "away", or say how both face.',
                    )
                if side and named_side(camera.faces, side) is None:
                    looks = f"looks {camera.faces}" if camera.faces else "faces nobody knows where to"
                    refuse(link, f'has {key} = "{side}", and \'{camera.id}\' {looks}: write "towards" or "away".')

    def camera(self, camera_id: str) -> Camera:
        """Raises CctviewError, with the mend, for a camera that the campaign does not name."""
        try:
            return self._by_id[camera_id]
        except KeyError:
            near = f"it may mean {name}, or " if (name := nearest(camera_id, self._by_id)) else ""
            raise ConfigurationError(
                f"Camera '{printable(camera_id)}' is not in this campaign: {near}add it under [[cameras]] in the lake's "
                "campaign.toml."
            ) from None

    def model(self, task: str) -> str:
        """The name of the detector or extractor in use, ``default`` for the shipped one."""
        return getattr(self.models, task, "default")

    def with_model(self, task: str, name: str) -> "Campaign":
        """The same campaign with another detector or extractor."""
        return replace(self, models=replace(self.models, **{task: name}))

    @property
    def size(self) -> int:
        """Cameras times hours of the window, to come or not; of an open one, those that have passed."""
        end = self.end or floor_hour(datetime.now(UTC))
        return len(self.cameras) * max(0, (end - self.start) // HOUR)

    def hours(self, now: datetime | None = None) -> list[datetime]:
        """The window's hours that are over: the ones that can be made. now: the clock's, for tests."""
        now = now or datetime.now(UTC)
        end = min(self.end or now, now)
        hours = (self.start + i * HOUR for i in range(max(0, math.ceil((end - self.start) / HOUR))))
        return [hour for hour in hours if is_over(hour, now)]

    def days(self, calendar: LocalCalendar, now: datetime | None = None) -> list[date]:
        """The window's local days that are over, which have marts; its first and its last may lie partly outside."""
        now = now or datetime.now(UTC)
        end = min(self.end or now, now)
        if end <= self.start:
            return []
        first = calendar.day_of(self.start)
        count = (calendar.day_of(end - timedelta(microseconds=1)) - first).days + 1
        days = (first + timedelta(days=number) for number in range(count))
        return [day for day in days if is_over(calendar.hours(day)[-1], now) and calendar.closes(day) <= now]

    def covers(self, hour: datetime) -> bool:
        """Whether an hour lies in the window, over or not."""
        return hour >= self.start and (self.end is None or hour < self.end)

    def check_inside(self, begin: datetime, end: datetime) -> None:
        """Refuse hours [begin, end) that reach out of the window."""
        if begin < self.start or (self.end is not None and end > self.end):
            window = (
                f"{self.start:%Y-%m-%dT%H:%MZ} to {self.end:%Y-%m-%dT%H:%MZ}" if self.end else f"{self.start:%Y-%m-%dT%H:%MZ} on"
            )
            raise ConfigurationError(
                f"{begin:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ} is outside this campaign's window ({window}): "
                "move start or end in the lake's campaign.toml, or use another lake."
            )

    def to_toml(self) -> str:
        """As ``campaign.toml`` has it; :meth:`from_toml` reads the same campaign."""
        document = tomlkit.document()
        document.add(tomlkit.comment("One lake, one campaign: its cameras, where their frames come from, and its hours (UTC)."))
        said = {
            "path": self.path,
            "timezone": self.timezone,
            "country": self.country,
            "district": self.district,
            "start": self.start,
            "end": self.end,
            "settings": dict(self.settings),
            "privacy": dict(self.privacy),
            "models": {task: name for task, name in vars(self.models).items() if name != "default"},
            "resources": dict(self.resources),
        }
        document["campaign"] = {"name": self.name, "network": self.network} | {k: v for k, v in said.items() if v}
        cameras = tomlkit.aot()
        for camera in self.cameras:
            values = {f.name: getattr(camera, f.name) for f in fields(camera)}
            for name in ZONES:
                values[name] = [[list(point) for point in polygon] for polygon in values[name]]
            values["zones_size"] = list(camera.zones_size or ())
            road = () if camera.corridor else ("corridor", "order")
            optional = {*road, "group", "network", "network_id", *ZONES, "zones_size"}
            cameras.append(tomlkit.item({k: v for k, v in values.items() if v or k not in optional}))
        document["cameras"] = cameras
        for name, rows in (("links", self.links), ("anomalies", self.anomalies)):
            if rows:
                document[name] = tomlkit.aot()
                for row in rows:
                    document[name].append(tomlkit.item(row.to_dict()))
        for name in EXPORTED:
            if tables := getattr(self, name):
                document[name] = [dict(each) for each in tables]
        return tomlkit.dumps(document)

    @classmethod
    def from_toml(cls, text: str, source: str = "campaign.toml") -> "Campaign":
        """Raises CctviewError, naming the source, for anything that is no campaign."""
        document = parse_toml(text, source)
        if unknown := set(document) - {"campaign", "cameras", "links", "anomalies", *EXPORTED}:
            name = printable(min(unknown))
            mend = f"write [campaign.{name}]" if name in keys_of(schema_of(Head)) else "take it out"
            raise ConfigurationError(f"{source} has '{name}' beside [campaign] and [[cameras]], where nobody reads it: {mend}.")
        if "campaign" not in document:
            raise ConfigurationError(f"{source} has no section [campaign]: it holds name, network and start.")
        rows = document.get("cameras")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise ConfigurationError(f"{source} lists no cameras: describe each under a [[cameras]] of its own.")
        head = read(Head, document["campaign"], Section(source, "[campaign]"))
        cameras = read_rows(Camera, rows, source, "cameras")
        links = read_rows(Link, _tables(document, "links", source), source, "links")
        anomalies = read_rows(Anomaly, _tables(document, "anomalies", source), source, "anomalies")
        sumo, tmg = (_tables(document, name, source) for name in EXPORTED)
        return cls(**vars(head), cameras=cameras, links=links, anomalies=anomalies, sumo=sumo, tmg=tmg, source=source)


def _tables(document: Mapping[str, Any], name: str, source: str) -> tuple[Mapping[str, Any], ...]:
    value = document.get(name, [])
    if isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
        return tuple(value)
    raise ConfigurationError(f"{source}: {name} = {written(value)}: describe each under a [[{name}]] of its own.")


def _twice(values: Iterable[Any]) -> Any:
    """The first that is met again. Raises ValueError where none is."""
    met = set()
    for value in values:
        if value in met:
            return value
        met.add(value)
    raise ValueError("None of the values is met again.")


def floor_hour(time: datetime) -> datetime:
    """The beginning of the hour that a time lies in."""
    return time.replace(minute=0, second=0, microsecond=0)


def is_over(hour: datetime, now: datetime) -> bool:
    """Whether all that an hour will ever have is there: the one rule by which anything is made of it."""
    return hour + HOUR + GRACE <= now


def touching(hours: Iterable[datetime], begin: datetime | None, end: datetime | None) -> list[datetime]:
    """Hours that have a part of [begin, end); None is no bound."""
    return [hour for hour in hours if (not begin or hour + HOUR > begin) and (not end or hour < end)]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of those known that a misspelt id most likely means."""
    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_lower, 1, 0.85)
    return by_lower[near[0]] if near else None


def parse_span(begin: str, end: str) -> tuple[datetime | None, datetime | None]:
    """Two times as :func:`parse_time` reads them. Raises CctviewError where the second is not after the first."""
    span = parse_time(begin), parse_time(end)
    check_span(*span)
    return span


def check_span(begin: datetime | None, end: datetime | None) -> None:
    """Raises CctviewError for a time asked for that ends before it begins; None is no bound."""
    if begin and end and end <= begin:
        raise ConfigurationError(f"The time asked for ends ({end:%Y-%m-%dT%H:%MZ}) before it begins ({begin:%Y-%m-%dT%H:%MZ}).")


def parse_time(text: str) -> datetime | None:
    """What a person wrote for a time, of the calendar: UTC unless it has an offset; None when nothing was said."""
    if not text:
        return None
    try:
        if not _CALENDAR.match(text):  # ISO 8601 has weeks and days of the year as well
            raise ValueError(text)
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"'{text}' is no time: write 2020-05-05T17:00Z or 2020-05-05T13:00-04:00.") from None
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise ConfigurationError(f"'{text}' is not between {FIRST_YEAR} and {LAST_YEAR}: write a time such as 2020-05-05T17:00Z.")
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
