"""Hong Kong: the Transport Department's snapshots. The list is XML: the same as CSV is UTF-16 with two byte-order marks."""

from collections.abc import Mapping
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.listed import LiveCamera, degrees, tidy
from cctview_pipeline.cameras.networks.base import READ_YOURSELF, Network, identity, text_of
from cctview_pipeline.cameras.protocol import Terms


class HongKong(Network):
    """The table, and how its rows are read."""

    name = "hong-kong"
    terms = Terms(
        operator="Transport Department, Hong Kong",
        licence="DATA.GOV.HK's terms",
        text=f"The terms allow any use, with the source named. {READ_YOURSELF}",
        url="https://data.gov.hk/en/terms-and-conditions",
        attribution="Source: Transport Department, the Government of the Hong Kong Special Administrative Region, by DATA.GOV.HK",
    )
    zone = ZoneInfo("Asia/Hong_Kong")
    country = "HK"
    cadence_s = 120.0
    servers = ("static.data.gov.hk", "tdcctv.data.one.gov.hk")
    bounds = (22.0, 113.7, 22.7, 114.6)
    catalogue = ("https://static.data.gov.hk/td/traffic-snapshot-images/code/Traffic_Camera_Locations_En.xml",)
    pattern = "https://tdcctv.data.one.gov.hk/{id}.JPG"

    def rows(self, content: bytes) -> list:
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise ValueError("A list of cameras declares nothing.")
        try:
            root = ElementTree.fromstring(content)
        except ElementTree.ParseError:
            raise ValueError("It is no XML.") from None
        rows = [{field.tag: field.text or "" for field in image} for image in root.iter("image")]
        if not rows and root.tag != "image-list":
            raise ValueError("It is no list of pictures.")
        return rows

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        network_id = identity(row, "key")
        return LiveCamera(
            id=network_id,
            network_id=network_id,
            name=tidy(row.get("description")) or network_id,
            latitude=degrees(row.get("latitude")),
            longitude=degrees(row.get("longitude")),
            online=True,
            area=text_of((row.get("district"), row.get("region"))),
            image_url=row.get("url", "").replace("http://", "https://", 1),
        )
