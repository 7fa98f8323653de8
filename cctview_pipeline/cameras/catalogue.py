"""The cameras whose place is known to the package."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from cctview_pipeline.campaign import Camera
from cctview_pipeline.settings import read_rows


@cache
def catalogue() -> Mapping[str, Camera]:
    """Camera id -> camera, of ``catalogue.toml``."""
    rows = tomllib.loads(files(__package__).joinpath("catalogue.toml").read_text())["cameras"]
    return MappingProxyType({camera.id: camera for camera in read_rows(Camera, rows, "catalogue.toml", "cameras")})
