"""Camera networks behind one protocol."""

from cctview_pipeline.cameras.archive import ArchiveNetwork
from cctview_pipeline.cameras.network import CameraNetwork
from cctview_pipeline.errors import CctviewError


def open_network(name: str, path: str | None = None) -> CameraNetwork:
    """A network by name; path: the archive's folder or zip file. Raises CctviewError when it is unknown or not there."""
    if name != "archive":
        raise CctviewError(f"There is no camera network named '{name}': known is archive.")
    if not path:
        raise CctviewError("An archive needs its folder or zip file: give --path, or set path in campaign.toml.")
    return ArchiveNetwork(path)
