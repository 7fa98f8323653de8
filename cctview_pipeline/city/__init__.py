"""A synthetic city: cameras along an expressway or at the crossings of streets, rendered, with every vehicle known."""

from cctview_pipeline.city.mounts import CAMERAS
from cctview_pipeline.city.network import CityNetwork, CitySettings

__all__ = ["CAMERAS", "CityNetwork", "CitySettings"]
