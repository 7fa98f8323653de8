"""The cameras whose place is known to the package."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from cctview_pipeline.campaign import Camera
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.settings import read_rows


@cache
def catalogue() -> Mapping[str, Camera]:
    """Camera id -> camera, of ``catalogue.toml``."""
    rows = tomllib.loads(files(__package__).joinpath("catalogue.toml").read_text())["cameras"]
    return MappingProxyType({camera.id: camera for camera in read_rows(Camera, rows, "catalogue.toml", "cameras")})


def find_cameras(camera_ids: list[str]) -> list[Camera]:
    """The catalogue's entries. Raises CctviewError, with the mend, for unknown ids."""
    known = catalogue()
    if unknown := [camera_id for camera_id in camera_ids if camera_id not in known]:
        raise CctviewError(
            f"Camera '{unknown[0]}' is not in the catalogue: describe it under [[cameras]] in the lake's campaign.toml, "
            f"or choose others with --cameras. Known are {', '.join(known)}."
        )
    return [known[camera_id] for camera_id in camera_ids]
