"""British Columbia: DriveBC. The list tells of every camera's newest picture when it was taken, and so is the frame list too.

The lowest 18 rows of a picture are a bar with the local time; of a camera that is off the same address gives a card whose bar is
red. Both stand in the operator's published source (bcgov/DriveBC.ca).
"""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.listed import CREDITED, LiveCamera, tidy
from cctview_pipeline.cameras.networks.base import READ_YOURSELF, Network, identity, microseconds_of, point
from cctview_pipeline.cameras.protocol import Terms, Told
from cctview_pipeline.campaign import BadCamera
from cctview_pipeline.images import BadPicture, decode

_LIST = "https://www.drivebc.ca/api/webcams/"
_FACES = {"N": "north", "E": "east", "S": "south", "W": "west"}
_RED = (170, 90)
"""A bar is red whose mean red is more and whose mean green and blue are less, of 255: JPEG smears what was pure."""


class DriveBC(Network):
    """The table, and how its rows are read."""

    name = "drivebc"
    terms = Terms(
        operator="Province of British Columbia (DriveBC)",
        licence="Open Government Licence - British Columbia",
        text=(
            "The list is the website's own interface and may change. Cameras that are credited to somebody else are left out. "
            f"{READ_YOURSELF}"
        ),
        url="https://www2.gov.bc.ca/gov/content/data/policy-standards/open-data/open-government-licence-bc",
        attribution="Contains information licensed under the Open Government Licence - British Columbia",
    )
    zone = ZoneInfo("America/Vancouver")
    country = "CA-BC"
    cadence_s = 900.0
    servers = ("www.drivebc.ca",)
    bounds = (48.0, -140.0, 60.5, -114.0)
    catalogue = (_LIST,)
    frames_url = _LIST
    frames_every_s = 60.0
    believed_s = 3000.0
    pattern = "https://www.drivebc.ca/images/{id}.jpg"
    bar_px = 18

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        network_id = identity(row)
        if tidy(row.get("credit")):
            raise BadCamera("Its picture is somebody else's.", CREDITED)
        latitude, longitude = point(row["location"])
        period = row.get("update_period_mean")
        return LiveCamera(
            id=network_id,
            network_id=network_id,
            name=tidy(row.get("name")) or network_id,
            latitude=latitude,
            longitude=longitude,
            online=row.get("is_on") is True and row.get("should_appear", True) is True,
            area=tidy(row.get("region_name")),
            faces=_FACES.get(str(row.get("orientation", "")).strip().upper(), ""),
            period_s=float(period) if isinstance(period, int | float) and 0 < period < 86_400 else 0.0,
        )

    def told(self, row: Mapping) -> tuple[str, Told]:
        off = "" if row.get("is_on") is True else "off, by the network's list"
        return identity(row), Told(captured_us=microseconds_of(row.get("last_update_modified")), off=off)

    def notice(self, picture: bytes) -> str:
        try:
            bar = decode(picture)[-self.bar_px + 4 : -4].reshape(-1, 3).mean(0)
        except BadPicture:
            return ""  # whoever examines it says what it is
        red, *others = bar.tolist()
        return "The card of a camera that is off." if red > _RED[0] and max(others) < _RED[1] else ""
