"""Any list of cameras in CSV, JSON or GeoJSON, described without code.

Under ``[campaign.settings.source]`` of campaign.toml, or in a file of the same keys for ``cctview collect --network generic
--list FILE``::

    operator = "Roads of Example"
    attribution = "Roads of Example, CC BY 4.0"
    list = "https://data.example.org/cameras.json"
    form = "json"
    rows = "data.cameras"
    id = "ref"
    name = "title"
    latitude = "place.lat"
    longitude = "place.lon"
    image = "https://images.example.org/{id}.jpg"
    timezone = "Europe/Vienna"
    period_s = 60.0

Fields are named by their keys, those of inner tables with dots. In GeoJSON a feature's properties and its id are the fields, and
its point is its place.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urljoin, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, StrictFloat, StrictStr

from cctview_pipeline.cameras.listed import LONGEST_PERIOD_S, NO_ADDRESS, LiveCamera, degrees, document_of, switched_on, tidy
from cctview_pipeline.cameras.networks.base import READ_YOURSELF, Network, identity, list_in, microseconds_of, point
from cctview_pipeline.cameras.protocol import Key, Rate, Request, Terms, Told
from cctview_pipeline.campaign import BadCamera
from cctview_pipeline.environment import CAMERAS_KEY, key_named
from cctview_pipeline.errors import ConfigurationError, NotFoundError, printable
from cctview_pipeline.limits import CSV_FIELD, LIST_BYTES, TOML_BYTES
from cctview_pipeline.local_calendar import check_country, check_zone
from cctview_pipeline.settings import CLOSED, Section, Shown, Text, Texts, read
from cctview_pipeline.toml_text import decode_toml, parse_toml


@dataclass(frozen=True, kw_only=True)
class Source:
    """``[campaign.settings.source]``."""

    __pydantic_config__ = CLOSED

    operator: Annotated[Text, Field(examples=["Roads of Example"])]
    """Who runs the cameras."""
    list: Annotated[Text, Field(examples=["https://data.example.org/cameras.json"])]
    """The list of cameras: an address, or a file of this machine."""
    form: Annotated[Literal["csv", "json", "geojson"], Field(title="csv, json or geojson", examples=["json"])]
    """What the list is."""
    image: Annotated[Text, Field(examples=["https://images.example.org/{id}.jpg", "url"])]
    """A picture's address with `{id}` in it, or the field that holds the address."""
    timezone: Annotated[Text, Field(examples=["Europe/Vienna"])]
    """The cameras' clock, by its IANA name: one for all."""
    id: Annotated[Text, Field(examples=["ref"])] = "id"
    """The field of a camera's id."""
    name: Annotated[Text, Field(examples=["title"])] = "name"
    """The field of its name."""
    latitude: Annotated[Text, Field(examples=["place.lat"])] = "latitude"
    """The field of its latitude, degrees; a GeoJSON has points instead."""
    longitude: Annotated[Text, Field(examples=["place.lon"])] = "longitude"
    """The field of its longitude, degrees."""
    rows: Annotated[Text, Field(examples=["data.cameras"])] = ""
    """Where in the JSON the list of rows is; the document itself where it is left out."""
    online: Annotated[Text, Field(examples=["active"])] = ""
    """The field that says by true or false, 1 or 0, whether a camera is on."""
    captured: Annotated[Text, Field(examples=["photo_time"])] = ""
    """The field with the time, with its offset, at which the newest picture was taken. The list is then read again every
    `refresh_s`, and a camera asked only when it tells of a new one."""
    refresh_s: Annotated[StrictFloat, Field(ge=10, le=3600, examples=[60.0])] = 60.0
    """Between two readings of such a list, s."""
    capture_header: Annotated[
        StrictStr, Field(pattern="^[A-Za-z0-9-]*$", title="name of a header", examples=["Last-Modified"])
    ] = ""
    """The header of a picture that says when it was taken, where you know that it does."""
    hosts: Annotated[Texts, Field(examples=[["images.example.org"]])] = ()
    """Hosts that pictures may lie on besides the list's own and that of `image`: nothing is asked elsewhere."""
    headers: Annotated[Texts, Field(examples=[["Referer: https://example.org/"]])] = ()
    """What is sent with every request, `Name: value` each. Keys do not belong here."""
    key_query: Annotated[StrictStr, Field(pattern="^[A-Za-z0-9_.-]*$", title="name", examples=["apikey"])] = ""
    """The name under which the key stands in the list's address."""
    key_header: Annotated[StrictStr, Field(pattern="^[A-Za-z0-9-]*$", title="name of a header", examples=["AccountKey"])] = ""
    """The header in which the list's key is sent."""
    key_variable: Annotated[
        StrictStr, Field(pattern="^CCTVIEW_[A-Z0-9_]*KEY$", title="name of a variable", examples=[CAMERAS_KEY.name])
    ] = CAMERAS_KEY.name
    """The environment variable that holds the key."""
    requests_a_minute: Annotated[StrictFloat, Field(gt=0, le=60_000, examples=[60.0])] = 0.0
    """What the operator allows to each host; without it only the cameras' rhythm is kept to."""
    period_s: Annotated[StrictFloat, Field(gt=0, le=LONGEST_PERIOD_S, examples=[60.0])] = 60.0
    """Between a camera's frames, about; it is learned."""
    country: Annotated[Text, Field(examples=["AT"])] = ""
    """Whose holidays they are, by ISO 3166."""
    licence: Annotated[Text, Field(examples=["CC BY 4.0"])] = "Not said: ask the operator"
    """Under which the pictures may be used."""
    attribution: Annotated[Text, Field(examples=["Roads of Example, CC BY 4.0"])] = ""
    """What must be shown with everything that is made of them; `{accessed}` in it becomes the days of access."""
    terms: Annotated[
        StrictStr, Field(pattern=r"^(https?://[^\s]+)?$", title="address", examples=["https://example.org/terms"]), Shown
    ] = ""
    """Where the operator's terms are."""

    def __post_init__(self) -> None:
        section = "The description of the network"
        check_zone(self.timezone, section)
        if self.country:
            check_country(self.country, section)
        if self.key_query and self.key_header:
            raise ConfigurationError(f"{section}: the key goes under key_query or under key_header: take one out.")
        if not self.is_pattern and "://" in self.image:
            raise ConfigurationError(f"{section}: image is one address for all cameras: write {{id}} for a camera's own part.")
        if self.captured and not self.is_address:
            raise ConfigurationError(f"{section}: captured is told by a list that is asked for: take it out, or give an address.")
        for line in self.headers:
            if not _HEADER.fullmatch(line):
                raise ConfigurationError(f"{section}: '{line}' is no header: write Name: value.")

    @classmethod
    def read(cls, values: object, file: str = "campaign.toml", section: str = "[campaign.settings.source]") -> "Source":
        """Raises ConfigurationError, with the mend."""
        return read(cls, values, Section(file, section))

    @classmethod
    def of_file(cls, path: Path) -> "Source":
        """Of a file of its own, in which another's path is by that file. Raises CctviewError, with the mend."""
        try:
            with path.open("rb") as file:
                data = file.read(int(TOML_BYTES.most) + 1)
        except OSError as error:
            raise NotFoundError(f"The description {printable(str(path))} can't be read ({error.strerror}).") from None
        name = path.name
        found = cls.read(parse_toml(decode_toml(data, name), name), name, "its head")
        return found if found.is_address else replace(found, list=str((path.absolute().parent / found.list).resolve()))

    def as_dict(self) -> dict[str, Any]:
        """As a file says it: what is not as usual."""
        said = {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default}
        return {name: [*value] if isinstance(value, tuple) else value for name, value in said.items()}

    @property
    def is_pattern(self) -> bool:
        return "{id}" in self.image

    @property
    def is_address(self) -> bool:
        return self.list.startswith(("http://", "https://"))


class Generic(Network):
    """The network that a source describes."""

    name = "generic"
    formats = frozenset({"PNG", "GIF"})
    bounds = (-90.0, -180.0, 90.0, 180.0)

    def __init__(self, source: Source, base_url: str = "") -> None:
        self.source = source
        self.terms = Terms(
            operator=source.operator,
            licence=source.licence,
            text=READ_YOURSELF,
            url=source.terms,
            attribution=source.attribution,
        )
        self.zone, self.country, self.cadence_s = ZoneInfo(source.timezone), source.country, source.period_s
        self.catalogue = (source.list,)
        near = [each for each in (source.list, source.image) if "://" in each]
        hosts = {*source.hosts, *(urlsplit(each.replace("{id}", "id")).hostname or "" for each in near)} - {""}
        self.servers = tuple(sorted(hosts))
        if source.requests_a_minute:
            self.rates = {f"{host}/": Rate(max(1, round(source.requests_a_minute)), 60.0) for host in self.servers}
        self.headers = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in source.headers)}
        if source.key_query or source.key_header:
            self.key = Key(
                variable=key_named(source.key_variable),
                query=source.key_query,
                header=source.key_header,
                needed=True,
                where=f"get one from {source.operator}",
            )
        self.capture_header = source.capture_header
        self.frames_every_s = source.refresh_s if source.captured else 0.0
        self.frames_url = source.list
        self.believed_s = 3000.0 if source.captured else 300.0
        super().__init__(base_url)

    def stored_list(self) -> bytes | None:
        """Raises NotFoundError for a file that is not there."""
        if self.source.is_address:
            return None
        path = Path(self.source.list).expanduser()
        try:
            with path.open("rb") as file:
                content = file.read(int(LIST_BYTES.most) + 1)
        except OSError as error:
            raise NotFoundError(f"The list of cameras {printable(str(path))} can't be read ({error.strerror}).") from None
        LIST_BYTES.check(len(content), ConfigurationError)
        return content

    @property
    def place(self) -> str:
        return super().place if self.source.is_address else self.source.list

    def image_url(self, network_id: str) -> str:
        return self.source.image.replace("{id}", quote(network_id, safe="")) if self.source.is_pattern else ""

    def rows(self, content: bytes) -> list:
        if self.source.form == "csv":
            text = content.decode("utf-8-sig", "replace")
            if "\0" in text:
                raise ValueError("It is no UTF-8.")
            separator = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
            return list(_lines(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)))
        document = document_of(content)
        if self.source.form == "geojson":
            features = list_in(document["features"])
            return [{"id": each.get("id")} | dict(each["properties"] or {}) | {_POINT: each.get("geometry")} for each in features]
        for part in filter(None, self.source.rows.split(".")):
            document = document[part]
        return list_in(document)

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        source = self.source
        network_id = identity({"id": _at(row, source.id)})
        if source.form == "geojson":
            latitude, longitude = point(row[_POINT])
        else:
            latitude, longitude = degrees(_at(row, source.latitude)), degrees(_at(row, source.longitude))
        on = switched_on(_at(row, source.online)) if source.online else True
        if on is None:
            unclear.append(network_id)
        url = "" if source.is_pattern else _at(row, source.image)
        if not source.is_pattern and not (isinstance(url, str) and url):
            raise BadCamera("A row has no address of a picture.", NO_ADDRESS)
        return LiveCamera(
            id=network_id,
            network_id=network_id,
            name=tidy(_at(row, source.name)) or network_id,
            latitude=latitude,
            longitude=longitude,
            online=on is not False,
            image_url=urljoin(source.list, url) if isinstance(url, str) and url else "",
        )

    def told(self, row: Mapping) -> tuple[str, Told]:
        name = identity({"id": _at(row, self.source.id)})
        url = "" if self.source.is_pattern else _at(row, self.source.image)
        return name, Told(str(url or ""), microseconds_of(_at(row, self.source.captured)))

    def list_requests(self) -> Sequence[Request]:
        return super().list_requests() if self.source.is_address else ()


_HEADER = re.compile(r"[A-Za-z0-9-]+: ?[\x20-\x7e]+")
_POINT = "geometry "
"""No name of a property ends in a space that anybody means."""


def _lines(reader: csv.DictReader) -> Iterator[dict | None]:
    """Every line by itself; None for one that is none."""
    while True:
        try:
            row = next(reader)
            yield row if all(CSV_FIELD.allows(len(value)) for value in row.values() if isinstance(value, str)) else None
        except StopIteration:
            return
        except csv.Error:
            yield None


def _at(row: Mapping, path: str) -> Any:
    """A field; of an inner table by dots. None where it is not there."""
    if path in row:
        return row[path]
    found: Any = row
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
