"""Singapore: the Land Transport Authority's pictures, by data.gov.sg. The list of cameras is the frame list: every picture has an
address of its own, and the time at which it was taken.

Its answers are short at times, 8 cameras of 90, or say with status 200 that there are no results.
"""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.listed import LiveCamera, degrees, document_of
from cctview_pipeline.cameras.networks.base import READ_YOURSELF, Network, identity, list_in, microseconds_of, on_host
from cctview_pipeline.cameras.protocol import ACCESSED, Terms, Told

_FRAMES = "https://api.data.gov.sg/v1/transport/traffic-images"


class Singapore(Network):
    """The table, and how its rows are read."""

    name = "singapore"
    terms = Terms(
        operator="Land Transport Authority, by data.gov.sg",
        licence="Singapore Open Data Licence version 1.0",
        text=f"The licence asks for its own notice, with the day of access. Cameras have numbers and no names. {READ_YOURSELF}",
        url="https://data.gov.sg/open-data-licence",
        attribution=(
            f"Contains information from Traffic Images accessed on {ACCESSED} from data.gov.sg which is made available "
            "under the terms of the Singapore Open Data Licence version 1.0"
        ),
    )
    zone = ZoneInfo("Asia/Singapore")
    country = "SG"
    cadence_s = 60.0
    servers = ("api.data.gov.sg", "images.data.gov.sg")
    bounds = (1.1, 103.5, 1.6, 104.2)
    catalogue = (_FRAMES,)
    frames_url = _FRAMES
    frames_every_s = 60.0
    believed_s = 3000.0

    def rows(self, content: bytes) -> list:
        return list_in(document_of(content)["items"][0]["cameras"])

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        network_id, place = identity(row, "camera_id"), row["location"]
        return LiveCamera(
            id=network_id,
            network_id=network_id,
            name=f"Camera {network_id}",
            latitude=degrees(place.get("latitude")),
            longitude=degrees(place.get("longitude")),
            online=True,
        )

    def told(self, row: Mapping) -> tuple[str, Told]:
        mark = str(row.get("image_metadata", {}).get("md5", ""))[:64]
        url = on_host(_FRAMES, row.get("image"))
        return identity(row, "camera_id"), Told(url, microseconds_of(row.get("timestamp")), mark)
