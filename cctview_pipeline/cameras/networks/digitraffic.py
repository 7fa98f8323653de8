"""Finland: Fintraffic's weather cameras, by Digitraffic's documented interface. A station has several views, *presets*.

When a view's picture was taken stands in ``/stations/data``, which is the frame list. An interface without gzip answers 406.
"""

from collections.abc import Mapping
from importlib.metadata import version
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.listed import ENDED, LiveCamera, document_of, tidy
from cctview_pipeline.cameras.networks.base import READ_YOURSELF, Network, identity, microseconds_of, point
from cctview_pipeline.cameras.protocol import Rate, Terms, Told
from cctview_pipeline.campaign import BadCamera

_STATIONS = "https://tie.digitraffic.fi/api/weathercam/v1/stations"


class Digitraffic(Network):
    """The table, and how its rows are read."""

    name = "digitraffic"
    terms = Terms(
        operator="Fintraffic (Digitraffic)",
        licence="CC BY 4.0",
        text=(
            "The licence asks for the source, the licence and a note of what was changed. 60 requests a minute are allowed to "
            f"pictures and to the interface each: 600 views every ten minutes, of some 2,200. {READ_YOURSELF}"
        ),
        url="https://www.digitraffic.fi/en/terms-of-service/",
        attribution="Source: Fintraffic / digitraffic.fi, license CC 4.0 BY; modified",
    )
    zone = ZoneInfo("Europe/Helsinki")
    country = "FI"
    cadence_s = 600.0
    servers = ("tie.digitraffic.fi", "weathercam.digitraffic.fi")
    bounds = (59.0, 19.0, 71.0, 32.0)
    catalogue = (_STATIONS,)
    frames_url = f"{_STATIONS}/data"
    frames_every_s = 60.0
    believed_s = 3000.0
    pattern = "https://weathercam.digitraffic.fi/{id}.jpg"
    headers: Mapping[str, str] = {"Digitraffic-User": f"cctview-pipeline/{version('cctview-pipeline')}"}
    rates: Mapping[str, Rate] = {"tie.digitraffic.fi/": Rate(60, 60), "weathercam.digitraffic.fi/": Rate(60, 60)}
    placeholders = frozenset({"56a09616bea478b7b8f0cee1422a11d2"})

    def rows(self, content: bytes) -> list:
        """One a view, with its station. The list and the frame list have the same views."""
        document = document_of(content)
        stations = document["features"] if "features" in document else document["stations"]
        return [
            {"station": station, "preset": preset}
            for station in stations
            for preset in station.get("properties", station).get("presets") or [{}]
        ]

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        station, preset = row["station"], row["preset"]
        properties, network_id = station["properties"], identity(row["preset"])
        status = properties.get("collectionStatus")
        if status == "REMOVED_PERMANENTLY" or preset.get("inCollection") is False:
            raise BadCamera("It is not collected any more.", ENDED)
        latitude, longitude = point(station["geometry"])
        name = tidy(str(properties.get("name") or network_id).replace("_", " "))
        return LiveCamera(
            id=network_id,
            network_id=network_id,
            name=f"{name} ({network_id[6:]})",
            latitude=latitude,
            longitude=longitude,
            online=status == "GATHERING",
        )

    def told(self, row: Mapping) -> tuple[str, Told]:
        return identity(row["preset"]), Told(captured_us=microseconds_of(row["preset"].get("measuredTime")))
