"""Networks of live cameras behind one protocol: what to ask for, and how to read what comes.

The protocol holds for networks with keys (headers), with validators (an answer's ETag is sent back), with minutes between
frames (the rhythm is learned) and with short clips instead of pictures (``pictures`` takes them apart).
"""

import contextlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.catalogue import catalogue
from cctview_pipeline.cameras.listed import (
    CameraList,
    LiveCamera,
    degrees,
    read_rows,
    rows_of,
    switched_on,
    tidy,
    without_repeats,
)
from cctview_pipeline.campaign import BadCamera, metres_between
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import NEW_YORK

NEW_YORK_CITY = (40.0, -75.0, 41.5, -73.0)
"""South, west, north and east of the city's cameras, with room: latitude and longitude swapped lie outside."""
SAME_PLACE_M = 40.0
"""Between a camera of the network and one of the package's catalogue, within which they are one."""
_SAME_LATITUDE = SAME_PLACE_M / 110_000
"""degrees: no more is as near, wherever on the earth."""


@dataclass(frozen=True)
class Terms:
    """What a person must know before collecting. operator: who runs the cameras; text: in a few sentences; url: all of it."""

    operator: str
    licence: str
    text: str
    url: str


@dataclass(frozen=True)
class Request:
    """One GET. headers: besides the User-Agent, such as a key."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


class LiveNetwork(Protocol):
    """name: as the raw_frames table records it; zone: of the cameras' local time; cadence_s: seconds between frames, about;
    hosts: that answer for it: nothing is asked elsewhere, whatever a list or a redirect says."""

    name: str
    terms: Terms
    zone: ZoneInfo
    cadence_s: float
    hosts: frozenset[str]

    def list_request(self) -> Request:
        """What gives the list of cameras."""

    def read_list(self, content: bytes) -> CameraList:
        """The list of cameras out of the answer, less the rows that are none. Raises CctviewError when it is no list."""

    def frame_request(self, network_id: str) -> Request:
        """What gives a camera's newest picture."""

    def pictures(self, content: bytes) -> Sequence[bytes]:
        """The pictures in an answer, oldest first: mostly the answer itself."""


class NycDot:
    """New York City's public traffic cameras. ``isOnline`` is a string there, and pictures come without validators.

    base_url: the city's own, or that of another server of the same form.
    """

    name = "nyc-dot"
    zone = NEW_YORK
    cadence_s = 1.5
    terms = Terms(
        "New York City Department of Transportation",
        "Not known to this project: ask the operator",
        "Read the operator's own terms before you collect. Pictures show people and vehicles that can be recognised again: you "
        "need a purpose and a legal basis of your own, and you must not overload the service.",
        "https://webcams.nyctmc.org",
    )

    def __init__(self, base_url: str = "") -> None:
        self.base_url = (base_url or "https://webcams.nyctmc.org").rstrip("/")
        self._bounds = (-90.0, -180.0, 90.0, 180.0) if base_url else NEW_YORK_CITY
        self.hosts = frozenset([_host(self.base_url)])

    def list_request(self) -> Request:
        return Request(f"{self.base_url}/api/cameras/", {"Accept": "application/json"})

    def read_list(self, content: bytes) -> CameraList:
        try:
            rows = rows_of(content)
        except ValueError:
            raise CctviewError(f"{shown(self.list_request().url)} gives no list of cameras, but something else.") from None
        unclear: list[str] = []
        found = replace(read_rows(rows, lambda row: self._camera(row, unclear)), unclear=unclear)
        if rows and not found.cameras:
            raise CctviewError(f"{shown(self.list_request().url)} gives no list of cameras. {found.said()}")
        found = without_repeats(found, lambda camera: camera.network_id)
        ids = Counter(camera.id for camera in found.cameras)
        own = [camera if ids[camera.id] == 1 else _unmapped(camera) for camera in found.cameras]
        return without_repeats(replace(found, cameras=own), lambda camera: camera.id)

    def frame_request(self, network_id: str) -> Request:
        return Request(f"{self.base_url}/api/cameras/{quote(network_id, safe='')}/image")

    def pictures(self, content: bytes) -> Sequence[bytes]:
        return (content,)

    def _camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        """unclear: takes the camera's id where its row does not say whether it is on."""
        given = row.get("id")
        if not isinstance(given, str | int) or isinstance(given, bool):
            raise BadCamera("A row has no id.", "id")
        network_id, on = str(given), switched_on(row.get("isOnline", True))
        camera = LiveCamera(
            id=network_id,
            network_id=network_id,
            name=tidy(row.get("name")) or network_id,
            latitude=degrees(row.get("latitude")),
            longitude=degrees(row.get("longitude")),
            online=on is not False,
            area=tidy(row.get("area")),
        )
        south, west, north, east = self._bounds
        if not (south <= camera.latitude <= north and west <= camera.longitude <= east):
            raise BadCamera("A row's place is not where the network's cameras are.", "coordinates")
        if on is None:
            unclear.append(camera.id)
        return _mapped(camera)


class LocalServer(NycDot):
    """A server of this machine that stands in for the city's: ``cctview replay DIR`` or ``cctview city serve``."""

    name = "replay"
    terms = Terms(
        "Nobody: a server of this machine",
        "That of the archive",
        "It plays back what was recorded or rendered before: collect as much as you like.",
        "http://127.0.0.1:8011",
    )

    def __init__(self, base_url: str = "") -> None:
        super().__init__(base_url or "http://127.0.0.1:8011")


LIVE_NETWORKS = {network.name: network for network in (NycDot, LocalServer)}
"""Name -> what makes one, with its own server or another of the same form."""


def _host(base_url: str) -> str:
    with contextlib.suppress(ValueError):  # an address that ends in its brackets
        address = urlsplit(base_url)
        if address.scheme in ("http", "https") and address.hostname and not (address.query or address.fragment):
            return address.hostname
    raise CctviewError(
        f"'{shown(base_url)}' is no address of a server: --base-url begins with http:// or https:// and a host's name, and has "
        "no ? and no #."
    )


def shown(url: str) -> str:
    """An address for a sentence or a log: without the name and the password that it may have before the host."""
    return re.sub(r"//[^/?#]*@", "//", url)


def _mapped(camera: LiveCamera) -> LiveCamera:
    """With the id of the published data where the camera is one of those: by its id, its network id, else by its place.

    The network gave its cameras new ids since; their places are the same.
    """
    if camera.id in catalogue():
        return camera
    for known in catalogue().values():
        if known.network_id == camera.network_id:
            return _named(camera, known.id)
    for known in catalogue().values():
        near = abs(known.latitude - camera.latitude) < _SAME_LATITUDE  # a list may have 100,000 rows
        if near and metres_between(known, camera) < SAME_PLACE_M:
            return _named(camera, known.id)
    return camera


def _named(camera: LiveCamera, name: str) -> LiveCamera:
    return replace(camera, id=name)


def _unmapped(camera: LiveCamera) -> LiveCamera:
    """Two cameras on one pole: the place does not say which is the published one."""
    known = catalogue().get(camera.id)
    return camera if known and known.network_id == camera.network_id else _named(camera, camera.network_id)
