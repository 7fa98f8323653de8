"""A synthetic city: six cameras along an expressway, rendered, with every vehicle known."""

from cctview_pipeline.cameras.city.mounts import CAMERAS
from cctview_pipeline.cameras.city.network import CityNetwork, CitySettings

__all__ = ["CAMERAS", "CityNetwork", "CitySettings"]
