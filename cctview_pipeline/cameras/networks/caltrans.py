"""California: Caltrans, a file a district, which fail alone. Every value is a text; ``Not Reported`` is none.

``recordTimestamp`` dates the entry and not the picture, so pictures have no time of their own.
"""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.listed import LiveCamera, degrees, document_of, switched_on, tidy
from cctview_pipeline.cameras.networks.base import READ_YOURSELF, Network, identity, list_in, on_host, text_of
from cctview_pipeline.cameras.protocol import Terms

_BASE = "https://cwwp2.dot.ca.gov/"
_NONE = ("not reported", "n/a", "")


class Caltrans(Network):
    """The table, and how its rows are read."""

    name = "caltrans"
    terms = Terms(
        operator="California Department of Transportation",
        licence="Not confirmed for pictures: see its conditions of use",
        text=f"How often the service may be asked nobody says. {READ_YOURSELF}",
        url="https://dot.ca.gov/conditions-of-use",
        attribution="Images: California Department of Transportation (Caltrans)",
    )
    zone = ZoneInfo("America/Los_Angeles")
    country = "US-CA"
    cadence_s = 120.0
    servers = ("cwwp2.dot.ca.gov",)
    bounds = (32.0, -125.0, 42.5, -114.0)
    catalogue = tuple(f"{_BASE}data/d{number}/cctv/cctvStatusD{number:02}.json" for number in range(1, 13))

    def rows(self, content: bytes) -> list:
        return [each["cctv"] for each in list_in(document_of(content)["data"])]

    def camera(self, row: Mapping, unclear: list[str]) -> LiveCamera:
        place, still = row["location"], row["imageData"]["static"]
        network_id, on = f"d{identity(place, 'district')}-{identity(row, 'index')}", switched_on(row.get("inService"))
        if on is None:
            unclear.append(network_id)
        url = still.get("currentImageURL", "")
        return LiveCamera(
            id=network_id,
            network_id=network_id,
            name=tidy(place.get("locationName")) or network_id,
            latitude=degrees(place.get("latitude")),
            longitude=degrees(place.get("longitude")),
            online=on is not False and str(url).strip().lower() not in _NONE,
            area=text_of((place.get("county"), f"District {place.get('district')}")),
            period_s=_period(still.get("currentImageUpdateFrequency")),
            image_url="" if str(url).strip().lower() in _NONE else on_host(_BASE, url),
        )


def _period(told: object) -> float:
    """Minutes, as most readers of these files take it; no official text says so. It is a first guess: the rhythm is learned."""
    text = str(told).strip()
    return 60.0 * int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= 60 else 0.0
