"""One city for all modules: driving its traffic from dawn to noon takes some seconds, so it is done once a session."""

from collections.abc import Callable
from functools import cache

import pyarrow as pa
import pytest

from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.city.network import START


@pytest.fixture(scope="session")
def network() -> CityNetwork:
    """A development city, as it is unless somebody wants it otherwise; 14 minutes, which hold every fault of minutes."""
    return CityNetwork(CitySettings(seed=1000, minutes=14))


@pytest.fixture(scope="session")
def city(network: CityNetwork) -> Callable[..., CityNetwork]:
    """The same city with these faults. It shares the network's traffic, which no fault but a jam changes."""

    def build(*faults: str) -> CityNetwork:
        built = CityNetwork(CitySettings(seed=1000, minutes=14, faults=faults))
        built.traffic = network.traffic
        return built

    return build


@pytest.fixture(scope="session")
def truth(network: CityNetwork) -> Callable[[str], pa.Table]:
    """truth_boxes of a camera for the whole collected time, each camera made once."""
    return cache(lambda camera: network.truth_boxes(camera, START))
