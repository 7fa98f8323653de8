"""What networks have in common: a class whose attributes are the table, with the protocol's defaults.

``base_url`` is another server of the same form, laid out by host: ``BASE/tie.digitraffic.fi/api/weathercam/v1/stations``. What a
network would ask on a host of its own is then asked there, and of nobody else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import md5
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urljoin, urlsplit
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.listed import (
    ELSEWHERE,
    CameraList,
    LiveCamera,
    degrees,
    document_of,
    read_rows,
    tidy,
    without_repeats,
)
from cctview_pipeline.cameras.protocol import Key, Rate, Request, Terms, Told, host_of, is_of, shown
from cctview_pipeline.campaign import BadCamera
from cctview_pipeline.errors import CctviewError

READ_YOURSELF = (
    "Read the operator's own terms before you collect. Pictures show people and vehicles that can be recognised again: you need "
    "a purpose and a legal basis of your own, and you must not overload the service."
)
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Network:
    """The protocol's defaults. catalogue: addresses of the list's parts; pattern: of a picture's address, with ``{id}``; bounds:
    south, west, north and east of its cameras, with room: what lies outside has latitude and longitude swapped, or none."""

    name: str
    terms: Terms
    zone: ZoneInfo
    country: str = ""
    cadence_s: float
    servers: tuple[str, ...]
    bounds: tuple[float, float, float, float]
    catalogue: tuple[str, ...]
    pattern: str = ""
    headers: Mapping[str, str] = NOTHING
    key: Key | None = None
    rates: Mapping[str, Rate] = NOTHING
    formats: frozenset[str] = frozenset()
    bar_px: int = 0
    placeholders: frozenset[str] = frozenset()
    """MD5 of answers that stand for no picture."""
    frames_url: str = ""
    frames_every_s: float = 0.0
    believed_s: float = 300.0
    capture_header: str = ""

    def __init__(self, base_url: str = "") -> None:
        self.base_url = base_url.rstrip("/")
        self.hosts = frozenset([host_of(self.base_url)]) if base_url else frozenset(self.servers)
        if base_url:
            self.rates = {f"{host_of(self.base_url)}{self._path(place)}": rate for place, rate in self.rates.items()}

    # What is asked.

    def stored_list(self) -> bytes | None:
        return None

    def list_requests(self) -> Sequence[Request]:
        return [self.request(url, keyed=True) for url in self.catalogue]

    def next_page(self, content: bytes) -> Request | None:
        return None

    def frames_request(self) -> Request:
        return self.request(self.frames_url, keyed=True)

    def frame_request(self, camera: LiveCamera, told: Told | None = None) -> Request:
        url = (told.url if told else "") or camera.image_url or self.image_url(camera.network_id)
        if not url:
            raise CctviewError(f"Where the pictures of {camera.id} are, only the network's list tells, and it did not.")
        return self.request(url)

    def image_url(self, network_id: str) -> str:
        """By the camera's id; empty where that does not tell."""
        return self.pattern.replace("{id}", quote(network_id, safe=""))

    def request(self, url: str, keyed: bool = False) -> Request:
        """keyed: with the network's key, where it has one."""
        found = Request(self.at(url), dict(self.headers))
        if not keyed or self.key is None or not (secret := self.key.get()):
            return found
        if self.key.query:
            return replace(found, secret={self.key.query: secret})
        return replace(found, secret_headers={self.key.header: secret})

    def at(self, url: str) -> str:
        """Where an address of the network is asked for."""
        if not self.base_url or url.startswith(f"{self.base_url}/"):
            return url
        address = urlsplit(url)
        return f"{self.base_url}/{address.hostname}{address.path}{f'?{address.query}' if address.query else ''}"

    def _path(self, place: str) -> str:
        return f"{urlsplit(self.base_url).path}/{place}"

    # How it is read.

    def read_list(self, content: bytes) -> CameraList:
        rows = self._rows_or_refuse(content)
        unclear: list[str] = []
        found = read_rows(rows, lambda row: self.checked(self.camera(row, unclear)))
        if rows and not found.cameras:
            raise CctviewError(f"{self.place} gives no list of cameras. {found.said()}")
        there = {camera.network_id for camera in found.cameras}
        return self.unique(replace(found, unclear=[each for each in unclear if each in there]))

    def unique(self, found: CameraList) -> CameraList:
        """No two of one id."""
        return without_repeats(without_repeats(found, lambda camera: camera.network_id), lambda camera: camera.id)

    def rows(self, content: bytes) -> list:
        """The rows of a page, one a view. Raises ValueError, or what such data meets, where it is none."""
        return list_in(document_of(content))

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        """unclear: takes the network's id of a camera whose row does not say whether it is on. Raises BadCamera."""
        raise NotImplementedError

    def checked(self, camera: LiveCamera) -> LiveCamera:
        """Raises BadCamera for a place where the network has no cameras, and for a picture on another's host."""
        south, west, north, east = self.bounds
        if not (south <= camera.latitude <= north and west <= camera.longitude <= east):
            raise BadCamera("A row's place is not where the network's cameras are.", "coordinates")
        if camera.image_url and not self.is_own(camera.image_url):
            raise BadCamera("A row's picture lies elsewhere.", ELSEWHERE)
        return camera

    def is_own(self, url: str) -> bool:
        """Whether an address lies where the network's do."""
        return is_of(url, frozenset(self.servers)) or is_of(url, self.hosts)

    def read_frames(self, content: bytes) -> Mapping[str, Told]:
        found: dict[str, Told] = {}
        for row in self._rows_or_refuse(content):
            try:
                name, told = self.told(row)
            except Exception:  # as with the list: a row may be anything
                continue
            if name not in found:
                found[name] = replace(told, url="") if told.url and not self.is_own(told.url) else told
        return found

    def told(self, row: Mapping) -> tuple[str, Told]:
        """A row of the frame list: the network's id, and what it says."""
        raise NotImplementedError

    def _rows_or_refuse(self, content: bytes) -> list:
        try:
            return self.rows(content)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            raise CctviewError(f"{self.place} gives no list of cameras, but something else.") from None

    def pictures(self, content: bytes) -> Sequence[bytes]:
        return (content,)

    def notice(self, picture: bytes) -> str:
        if self.placeholders and md5(picture, usedforsecurity=False).hexdigest() in self.placeholders:
            return "The network sends this where it has no picture."
        return ""

    @property
    def place(self) -> str:
        """Where the list is, for a sentence."""
        return shown(self.at(self.catalogue[0]))


def identity(row: Mapping, key: str = "id") -> str:
    """A row's id as text. Raises BadCamera where it has none."""
    given = row.get(key)
    if not isinstance(given, str | int) or isinstance(given, bool) or given == "":
        raise BadCamera("A row has no id.", "id")
    return str(given)


def point(geometry: Mapping) -> tuple[float, float]:
    """Latitude and longitude of a GeoJSON point, which has them the other way round."""
    longitude, latitude = geometry["coordinates"][:2]
    return degrees(latitude), degrees(longitude)


def list_in(document: object) -> list:
    """Raises ValueError for anything else."""
    if not isinstance(document, list):
        raise ValueError("It is no list.")
    return document


def microseconds_of(text: object) -> int | None:
    """Since 1970, of a time with its offset as ISO 8601 writes it; None for anything else."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return round(moment.astimezone(UTC).timestamp() * 1e6) if moment is not None and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def text_of(parts: Iterable[object]) -> str:
    """Those that are texts and say something, as one line."""
    return ", ".join(filter(None, (tidy(part) for part in parts)))


def on_host(base: str, url: object) -> str:
    """An address that a list gives as it likes: relative, or without TLS."""
    found = urljoin(base, url) if isinstance(url, str) and url else ""
    return f"https{found[4:]}" if found.startswith("http:") else found
