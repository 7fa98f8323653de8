"""Camera networks behind one protocol."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from cctview_pipeline.cameras.archive import ArchiveNetwork
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.errors import CctviewError, NotFoundError
from cctview_pipeline.frames import CameraNetwork

NETWORKS = ("archive", "footage", "pictures", "city", *LIVE_NETWORKS)


def open_network(name: str, path: str | None = None, settings: Mapping | None = None, timezone: str = "") -> CameraNetwork:
    """A network by name. path: the archive's, the footage's or the pictures' folder or file, or a live network's spool; settings:
    the network's, as campaign.toml holds them; timezone: the campaign's, for footage and pictures whose times have none.

    Raises CctviewError when the network is unknown or not there.
    """
    if name == "city":
        # Not at the top: the renderer compiles and loads for a second, which an archive's user need not wait for.
        from cctview_pipeline.city import CitySettings

        return _city(CitySettings.read(settings or {}))
    if name in LIVE_NETWORKS:
        from cctview_pipeline.cameras.spooled import SpoolNetwork
        from cctview_pipeline.spool.opening import S3, open_spool

        if not path or not (path.startswith(S3) or Path(path).is_dir()):
            raise NotFoundError(
                f"There is no spool at {path or 'the place that campaign.toml names'}: `cctview collect` makes one."
            )
        return SpoolNetwork(name, open_spool(path))
    if name == "footage":
        if not path:
            raise CctviewError("Footage needs its folder or file: give --path, or set path in campaign.toml.")
        from cctview_pipeline.cameras.footage import FootageNetwork, FootageSettings

        return FootageNetwork(path, FootageSettings.read(settings or {}), timezone)
    if name == "pictures":
        if not path:
            raise CctviewError("Pictures need their folder: give --path, or set path in campaign.toml.")
        from cctview_pipeline.cameras.pictures import PictureNetwork, PictureSettings

        return PictureNetwork(path, PictureSettings.read(settings or {}), timezone)
    if name != "archive":
        raise NotFoundError(f"There is no camera network named '{name}': known are {', '.join(NETWORKS)}.")
    if not path:
        raise CctviewError("An archive needs its folder or zip file: give --path, or set path in campaign.toml.")
    return ArchiveNetwork(path)


@lru_cache(maxsize=1)
def _city(settings) -> CameraNetwork:
    """One city a process: the frames and the truth of an hour rest on the same simulated traffic."""
    from cctview_pipeline.city import CityNetwork

    return CityNetwork(settings)
