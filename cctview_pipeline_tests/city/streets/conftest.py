"""One morning in the streets for all modules: driving them from the day's begin takes some seconds, so it is done once."""

from datetime import UTC, datetime

import pytest

from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.city.streets.traffic import StreetTraffic

MORNING = datetime(2025, 6, 3, 11, tzinfo=UTC)
"""Seven o'clock in New York: queues form, and the day is young enough to be driven quickly."""


@pytest.fixture(scope="session")
def streets() -> CityNetwork:
    return CityNetwork(CitySettings(world="streets", seed=1000, start=MORNING, minutes=13))


@pytest.fixture(scope="session")
def traffic(streets: CityNetwork) -> StreetTraffic:
    """From 10:56 to 11:17 UTC; its ways over crossings are those since the traffic day's begin."""
    found = streets.traffic(MORNING)
    assert isinstance(found, StreetTraffic)
    return found
