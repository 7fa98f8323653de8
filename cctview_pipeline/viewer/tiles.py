"""Map tiles, only where somebody configures them: of a server, or of a file on this machine.

A server of tiles learns the addresses of those who look, and which place they look at. A file tells nobody.
"""

import html
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pmtiles.reader import Reader
from pmtiles.tile import Compression, TileType

from cctview_pipeline.errors import CctviewError

KINDS = {
    TileType.PNG: "image/png",
    TileType.JPEG: "image/jpeg",
    TileType.WEBP: "image/webp",
    TileType.AVIF: "image/avif",
}
MAX_BYTES = 16 << 20
"""Of one piece of a file; what its directory says may be anything."""
MAX_ZOOM = 22
OURS = "/tiles/{z}/{x}/{y}"
EXAMPLE = "https://tiles.example.org/{z}/{x}/{y}.png"
_PLACES = ("{z}", "{x}", "{y}")


class TileFile:
    """A .pmtiles file of pictures, read by one small read a tile. kind: their media type. Raises CctviewError for any other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("rb")  # open as long as the process lives
        except OSError as error:
            raise CctviewError(f"The tiles in {path} cannot be read: {error.strerror}.") from error
        self._reader = Reader(lambda offset, length: os.pread(self._file.fileno(), min(length, MAX_BYTES), offset))
        try:
            header = self._reader.header()
            self.kind = KINDS.get(header["tile_type"], "")
            self.most_zoom = min(header["max_zoom"], MAX_ZOOM)
            plain = header["tile_compression"] in (Compression.NONE, Compression.UNKNOWN)
            told = self._reader.metadata().get("attribution") if self.kind else ""
            self._reader.get(header["min_zoom"], 0, 0)
        except Exception as error:  # a damaged file fails anywhere in the library, in its own ways
            raise CctviewError(f"{path} is no .pmtiles file of version 3, or it is damaged.") from error
        if not self.kind or not plain:
            raise CctviewError(
                f"{path} has tiles of type {header['tile_type'].name}: the viewer shows pictures (PNG, JPEG, WebP or AVIF), "
                "and draws no vector tiles."
            )
        self.attribution = html.unescape(re.sub(r"<[^>]*>", "", told)) if isinstance(told, str) else ""

    def tile(self, z: int, x: int, y: int) -> bytes | None:
        """None where the file has none. Raises CctviewError where it is damaged."""
        if not (0 <= z <= self.most_zoom and 0 <= x < 1 << z and 0 <= y < 1 << z):
            return None
        try:
            return self._reader.get(z, x, y)
        except Exception as error:
            raise CctviewError(f"The tiles in {self.path} are damaged.") from error


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """url: with {z}, {x} and {y}; attribution: what is shown beside the map, as text; most_zoom: beyond it tiles are enlarged;
    origin: of the server that browsers ask, empty where a file has the tiles."""

    url: str
    attribution: str
    most_zoom: int = 19
    origin: str = ""
    file: TileFile | None = None

    @classmethod
    def open(cls, said: str, attribution: str = "") -> "Tiles":
        """said: an address with {z}, {x} and {y}, or a .pmtiles file. Raises CctviewError for anything else."""
        if "://" in said:
            origin = _origin(said)
            return cls(url=said, attribution=attribution or f"Tiles of {origin.split('://')[1]}", origin=origin)
        if not said.endswith(".pmtiles"):
            raise CctviewError(
                f"'{said}' is neither an address such as {EXAMPLE} nor a .pmtiles file: --tiles takes one of these."
            )
        file = TileFile(Path(said))
        return cls(url=OURS, attribution=attribution or file.attribution, most_zoom=file.most_zoom, file=file)


def _origin(address: str) -> str:
    """Scheme, host and port, which stand in the Content-Security-Policy as they are."""
    try:
        parts = urlsplit(address)
        named = re.fullmatch(r"[A-Za-z0-9.-]+(:\d{1,5})?", parts.netloc)
    except ValueError:
        named = None
    rest = address
    for place in _PLACES:
        rest = rest.replace(place, "", 1)
    whole = all(place in address for place in _PLACES) and not re.search(r"[{}\s\"'<>\\]", rest)
    if not named or not whole or parts.scheme not in ("http", "https") or parts.path.endswith(".pmtiles"):
        raise CctviewError(
            f"'{address}' is no address of tiles: write one such as {EXAMPLE}, or a .pmtiles file of this machine."
        )
    return f"{parts.scheme}://{parts.netloc}"
