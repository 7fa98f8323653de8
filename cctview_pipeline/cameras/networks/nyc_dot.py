"""New York City's public traffic cameras, and servers of this machine that stand in for them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from cctview_pipeline.cameras.catalogue import catalogue
from cctview_pipeline.cameras.listed import CameraList, LiveCamera, degrees, rows_of, switched_on, tidy, without_repeats
from cctview_pipeline.cameras.networks.base import READ_YOURSELF, Network, identity
from cctview_pipeline.cameras.protocol import Request, Terms, Told
from cctview_pipeline.campaign import metres_between
from cctview_pipeline.ids import NEW_YORK

NEW_YORK_CITY = (40.0, -75.0, 41.5, -73.0)
"""South, west, north and east of the city's cameras, with room: latitude and longitude swapped lie outside."""
SAME_PLACE_M = 40.0
"""Between a camera of the network and one of the package's catalogue, within which they are one."""
_SAME_LATITUDE = SAME_PLACE_M / 110_000
"""degrees: no more is as near, wherever on the earth."""


class NycDot(Network):
    """``isOnline`` is a string there, and pictures come without validators.

    base_url: the city's own, or that of another server of the same form.
    """

    name = "nyc-dot"
    zone = NEW_YORK
    country = "US"
    cadence_s = 1.5
    terms = Terms(
        operator="New York City Department of Transportation",
        licence="Not known to this project: ask the operator",
        text=READ_YOURSELF,
        url="https://webcams.nyctmc.org",
    )
    servers = ("webcams.nyctmc.org",)
    headers: Mapping[str, str] = {"Accept": "application/json"}

    def __init__(self, base_url: str = "") -> None:
        super().__init__(base_url or "https://webcams.nyctmc.org")
        self.bounds = (-90.0, -180.0, 90.0, 180.0) if base_url else NEW_YORK_CITY
        self.catalogue = (f"{self.base_url}/api/cameras/",)

    def rows(self, content: bytes) -> list:
        return rows_of(content)

    def unique(self, found: CameraList) -> CameraList:
        found = without_repeats(found, lambda camera: camera.network_id)
        ids = Counter(camera.id for camera in found.cameras)
        own = [camera if ids[camera.id] == 1 else _unmapped(camera) for camera in found.cameras]
        return without_repeats(replace(found, cameras=own), lambda camera: camera.id)

    def frame_request(self, camera: LiveCamera, told: Told | None = None) -> Request:
        return Request(f"{self.base_url}/api/cameras/{quote(camera.network_id, safe='')}/image")

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        network_id, on = identity(row), switched_on(row.get("isOnline", True))
        camera = LiveCamera(
            id=network_id,
            network_id=network_id,
            name=tidy(row.get("name")) or network_id,
            latitude=degrees(row.get("latitude")),
            longitude=degrees(row.get("longitude")),
            online=on is not False,
            area=tidy(row.get("area")),
        )
        if on is None:
            unclear.append(network_id)
        return _mapped(camera)


class LocalServer(NycDot):
    """A server of this machine that stands in for the city's: ``cctview replay DIR`` or ``cctview city serve``."""

    name = "replay"
    terms = Terms(
        operator="Nobody: a server of this machine",
        licence="That of the archive",
        text="It plays back what was recorded or rendered before: collect as much as you like.",
        url="http://127.0.0.1:8011",
    )

    def __init__(self, base_url: str = "") -> None:
        super().__init__(base_url or "http://127.0.0.1:8011")


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
