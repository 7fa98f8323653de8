"""Networks of live cameras behind one protocol: what to ask for, and how to read what comes.

The protocol holds for networks with keys (headers), with validators (an answer's ETag is sent back), with minutes between
frames (the rhythm is learned) and with short clips instead of pictures (``pictures`` takes them apart).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.catalogue import catalogue
from cctview_pipeline.campaign import metres_between
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import NEW_YORK, is_camera_id

SAME_PLACE_M = 40.0
"""Between a camera of the network and one of the package's catalogue, within which they are one."""


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


@dataclass(frozen=True)
class LiveCamera:
    """A camera of a network's list. id: ours; network_id: the network's; online: what the network says of it."""

    id: str
    network_id: str
    name: str
    latitude: float
    longitude: float
    online: bool
    area: str = ""


class LiveNetwork(Protocol):
    """name: as the raw_frames table records it; zone: of the cameras' local time; cadence_s: seconds between frames, about."""

    name: str
    terms: Terms
    zone: ZoneInfo
    cadence_s: float

    def list_request(self) -> Request:
        """What gives the list of cameras."""

    def read_list(self, content: bytes) -> list[LiveCamera]:
        """The list of cameras out of the answer. Raises CctviewError when it is none."""

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

    def __init__(self, base_url: str = "https://webcams.nyctmc.org") -> None:
        self.base_url = base_url.rstrip("/")

    def list_request(self) -> Request:
        return Request(f"{self.base_url}/api/cameras/", {"Accept": "application/json"})

    def read_list(self, content: bytes) -> list[LiveCamera]:
        try:
            rows = json.loads(content)
            if not isinstance(rows, list):
                raise TypeError(f"{type(rows).__name__} instead of list")
            cameras = [self._camera(row) for row in rows]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CctviewError(f"{self.list_request().url} gives no list of cameras: {type(error).__name__} {error}.") from error
        ids = [camera.id for camera in cameras]
        return [camera if ids.count(camera.id) == 1 else _unmapped(camera) for camera in cameras]

    def frame_request(self, network_id: str) -> Request:
        return Request(f"{self.base_url}/api/cameras/{network_id}/image")

    def pictures(self, content: bytes) -> Sequence[bytes]:
        return (content,)

    def _camera(self, row: Mapping) -> LiveCamera:
        network_id = str(row["id"])
        if not is_camera_id(network_id):
            raise ValueError(f"'{network_id}' is no id")
        online = str(row.get("isOnline", "true")).strip().lower() == "true"
        camera = LiveCamera(
            network_id, network_id, row["name"], float(row["latitude"]), float(row["longitude"]), online, row.get("area") or ""
        )
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

    def __init__(self, base_url: str = "http://127.0.0.1:8011") -> None:
        super().__init__(base_url)


LIVE_NETWORKS = {network.name: network for network in (NycDot, LocalServer)}
"""Name -> what makes one, with its own server or another of the same form."""


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
        if metres_between(known, camera) < SAME_PLACE_M:
            return _named(camera, known.id)
    return camera


def _named(camera: LiveCamera, name: str) -> LiveCamera:
    return LiveCamera(name, camera.network_id, camera.name, camera.latitude, camera.longitude, camera.online, camera.area)


def _unmapped(camera: LiveCamera) -> LiveCamera:
    """Two cameras on one pole: the place does not say which is the published one."""
    known = catalogue().get(camera.id)
    return camera if known and known.network_id == camera.network_id else _named(camera, camera.network_id)
