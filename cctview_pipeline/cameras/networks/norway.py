"""Norway: Statens vegvesen, by its OGC interface, page for page. Pictures have neither a time nor anything to ask by whether they
have changed."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.listed import LiveCamera, document_of, tidy
from cctview_pipeline.cameras.networks.base import READ_YOURSELF, Network, identity, list_in, point, text_of
from cctview_pipeline.cameras.protocol import Request, Terms

_ITEMS = "https://ogckart-sn1.atlas.vegvesen.no/ogc/features/v1/collections/datex_3_1:CctvSimple_v2/items"


class Norway(Network):
    """The table, and how its rows are read."""

    name = "norway"
    terms = Terms(
        operator="Statens vegvesen",
        licence="Norwegian Licence for Open Government Data (NLOD)",
        text=f"How often the service may be asked nobody says. {READ_YOURSELF}",
        url="https://data.norge.no/nlod/en/2.0",
        attribution="Contains data under the Norwegian licence for Open Government data (NLOD) distributed by Statens vegvesen",
    )
    zone = ZoneInfo("Europe/Oslo")
    country = "NO"
    cadence_s = 300.0
    servers = ("ogckart-sn1.atlas.vegvesen.no", "kamera.atlas.vegvesen.no")
    bounds = (57.0, 4.0, 72.0, 32.0)
    catalogue = (f"{_ITEMS}?f=application/json&limit=500",)
    pattern = "https://kamera.atlas.vegvesen.no/api/images/{id}"

    def rows(self, content: bytes) -> list:
        return list_in(document_of(content)["features"])

    def next_page(self, content: bytes) -> Request | None:
        links = document_of(content).get("links")
        found = [link for link in links if isinstance(link, Mapping)] if isinstance(links, list) else []
        following = next((link.get("href") for link in found if link.get("rel") == "next"), None)
        return self.request(following) if isinstance(following, str) else None

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        told, (latitude, longitude) = row["properties"], point(row["geometry"])
        network_id = identity(told, "CAMERA_ID")
        available = told.get("STATUS_STILL_IMAGE_AVAILABILITY")
        if not available:
            unclear.append(network_id)
        return LiveCamera(
            id=network_id,
            network_id=network_id,
            name=text_of((told.get("DESCRIPTION"), told.get("ORIENTATION_DESCRIPTION"))) or network_id,
            latitude=latitude,
            longitude=longitude,
            online=not available or available == "videoOrImagesAvailable",
            area=tidy(told.get("ROAD_NUMBER")),
        )
