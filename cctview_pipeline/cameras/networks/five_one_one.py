"""North America's 511 sites of one platform: one adapter, a host each; New York State's older form beside it.

A row of the list is a site with several views, and a view is a camera: ``SITE.VIEW``. The list needs a key, pictures do not. Some
states send PNG, and cards in the place of pictures with status 200: nobody has published their bytes, so they are learned, as
what many cameras send.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.listed import LiveCamera, degrees, document_of, tidy
from cctview_pipeline.cameras.networks.base import READ_YOURSELF, Network, identity, list_in, on_host, text_of
from cctview_pipeline.cameras.protocol import Key, Rate, Terms
from cctview_pipeline.environment import FIVE_ONE_ONE_KEY

_TEN_A_MINUTE = Rate(10, 60)
"""What the platform says of its interface; of pictures it says nothing."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """One site of the platform. bounds: south, west, north, east; attribution: empty where no licence was found."""

    name: str
    host: str
    operator: str
    zone: str
    country: str
    bounds: tuple[float, float, float, float]
    licence: str = "None was found: ask the operator"
    attribution: str = ""


_ROWS = (
    Host(
        name="511on",
        host="511on.ca",
        operator="Ontario Ministry of Transportation",
        zone="America/Toronto",
        country="CA-ON",
        bounds=(41.0, -96.0, 57.0, -74.0),
        licence="Open Government Licence - Ontario; not confirmed for pictures",
        attribution="Contains information licensed under the Open Government Licence - Ontario",
    ),
    Host(
        name="511alberta",
        host="511.alberta.ca",
        operator="Alberta Transportation",
        zone="America/Edmonton",
        country="CA-AB",
        bounds=(48.5, -121.0, 60.5, -109.0),
    ),
    Host(
        name="511ga",
        host="511ga.org",
        operator="Georgia Department of Transportation",
        zone="America/New_York",
        country="US-GA",
        bounds=(30.0, -86.0, 35.5, -80.5),
    ),
    Host(
        name="fl511",
        host="fl511.com",
        operator="Florida Department of Transportation",
        zone="America/New_York",
        country="US-FL",
        bounds=(24.0, -88.0, 31.5, -79.5),
    ),
    Host(
        name="511wi",
        host="511wi.gov",
        operator="Wisconsin Department of Transportation",
        zone="America/Chicago",
        country="US-WI",
        bounds=(42.0, -93.5, 47.5, -86.0),
    ),
    Host(
        name="511idaho",
        host="511.idaho.gov",
        operator="Idaho Transportation Department",
        zone="America/Boise",
        country="US-ID",
        bounds=(41.5, -117.5, 49.5, -110.5),
    ),
    Host(
        name="udot",
        host="www.udottraffic.utah.gov",
        operator="Utah Department of Transportation",
        zone="America/Denver",
        country="US-UT",
        bounds=(36.5, -114.5, 42.5, -108.5),
    ),
)
HOSTS = {row.name: row for row in _ROWS}
"""Name of the network -> its host, as far as a source names it. Others of the platform are described as ``generic``."""


class FiveOneOne(Network):
    """One host of the platform."""

    cadence_s = 120.0
    formats = frozenset({"PNG"})

    def __init__(self, row: Host, base_url: str = "") -> None:
        self.name = row.name
        self.terms = Terms(
            operator=row.operator,
            licence=row.licence,
            text=f"The list needs a key, which is free, and is asked ten times a minute at most. {READ_YOURSELF}",
            url=f"https://{row.host}/developers/doc",
            attribution=row.attribution,
        )
        self.zone, self.country, self.bounds = ZoneInfo(row.zone), row.country, row.bounds
        self.servers, self.rates = (row.host,), {f"{row.host}/api/": _TEN_A_MINUTE}
        self.root = f"https://{row.host}/"
        self.catalogue = (f"{self.root}api/v2/get/cameras?format=json&lang=en",)
        self.key = Key(
            variable=FIVE_ONE_ONE_KEY, query="key", needed=True, where=f"register at https://{row.host}/my511/register"
        )
        super().__init__(base_url)

    def rows(self, content: bytes) -> list:
        """One a view."""
        sites = list_in(document_of(content))
        return [{"site": site, "view": view} for site in sites for view in site.get("Views") or [{}]]

    def image_url(self, network_id: str) -> str:
        return f"{self.root}map/Cctv/{network_id.rpartition('.')[2]}"

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        site, view = row["site"], row["view"]
        network_id = f"{identity(site, 'Id')}.{identity(view, 'Id')}"
        return LiveCamera(
            id=network_id,
            network_id=network_id,
            name=text_of((site.get("Location"), view.get("Description"))) or network_id,
            latitude=degrees(site.get("Latitude")),
            longitude=degrees(site.get("Longitude")),
            online=view.get("Status") == "Enabled",
            area=tidy(site.get("Roadway")),
            image_url=on_host(self.root, view.get("Url")),
        )


class FiveOneOneNY(Network):
    """New York State's first form: a row a camera. Many of the city's cameras stand in it too, under other ids."""

    name = "511ny"
    terms = Terms(
        operator="New York State Department of Transportation (511NY)",
        licence="511NY Developer's Access Agreement",
        text=(
            "The agreement lets data be passed on as they are while the source is shown, and can be ended. It holds cameras of "
            f"New York City that the network nyc-dot has under other ids: collect each once. {READ_YOURSELF}"
        ),
        url="https://511ny.org/developers/help",
        attribution="powered by 511NY",
    )
    zone = ZoneInfo("America/New_York")
    country = "US-NY"
    cadence_s = 120.0
    formats = frozenset({"PNG"})
    servers = ("511ny.org",)
    bounds = (40.0, -80.5, 45.5, -71.0)
    catalogue = ("https://511ny.org/api/getcameras?format=json",)
    rates: Mapping[str, Rate] = {"511ny.org/api/": _TEN_A_MINUTE}
    key = Key(variable=FIVE_ONE_ONE_KEY, query="key", needed=True, where="register at https://511ny.org/my511/register")

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        network_id = identity(row, "ID")
        url = on_host("https://511ny.org/", row.get("Url"))
        return LiveCamera(
            id=network_id,
            network_id=network_id,
            name=tidy(row.get("Name")) or network_id,
            latitude=degrees(row.get("Latitude")),
            longitude=degrees(row.get("Longitude")),
            online=bool(url) and not (row.get("Disabled") or row.get("Blocked")),
            area=tidy(row.get("RoadwayName")),
            image_url=url,
        )
