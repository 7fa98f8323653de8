"""A synthetic city: six cameras along an expressway, rendered, with every vehicle known."""

from cctview_pipeline.city.mounts import CAMERAS
from cctview_pipeline.city.network import CityNetwork, CitySettings

__all__ = ["CAMERAS", "CityNetwork", "CitySettings"]
