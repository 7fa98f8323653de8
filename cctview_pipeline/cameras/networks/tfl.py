"""London: Transport for London's JamCams. Pictures lie in a bucket on a host that others share. ``available`` is a text."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.listed import LiveCamera, degrees, switched_on, tidy
from cctview_pipeline.cameras.networks.base import READ_YOURSELF, Network, identity, on_host
from cctview_pipeline.cameras.protocol import Key, Terms
from cctview_pipeline.environment import TFL_KEY

_BUCKET = "s3-eu-west-1.amazonaws.com/jamcams.tfl.gov.uk/"
_PREFIX = "JamCams_"


class TfL(Network):
    """The table, and how its rows are read."""

    name = "tfl"
    terms = Terms(
        operator="Transport for London",
        licence="TfL's open-data terms",
        text=(
            "TfL forbids the use of its marks, such as the roundel. What its licence is called differs between sources. "
            f"{READ_YOURSELF}"
        ),
        url="https://tfl.gov.uk/corporate/terms-and-conditions/transport-data-service",
        attribution="Powered by TfL Open Data. Contains OS data © Crown copyright and database rights",
    )
    zone = ZoneInfo("Europe/London")
    country = "GB-ENG"
    cadence_s = 180.0
    servers = ("api.tfl.gov.uk", _BUCKET)
    bounds = (51.0, -1.0, 52.0, 0.7)
    catalogue = ("https://api.tfl.gov.uk/Place/Type/JamCam",)
    key = Key(variable=TFL_KEY, query="app_key")

    def image_url(self, network_id: str) -> str:
        return f"https://{_BUCKET}{network_id.removeprefix(_PREFIX)}.jpg"

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        network_id = identity(row)
        told = {each["key"]: each.get("value") for each in row.get("additionalProperties", ())}
        on = switched_on(told.get("available"))
        if on is None:
            unclear.append(network_id)
        return LiveCamera(
            id=network_id,
            network_id=network_id,
            name=tidy(row.get("commonName")) or network_id,
            latitude=degrees(row.get("lat")),
            longitude=degrees(row.get("lon")),
            online=on is not False,
            area=tidy(told.get("view")),
            image_url=on_host(self.catalogue[0], told.get("imageUrl")),
        )
