"""Pictures in Dagster's metadata: small, and inside the text, so that no file has to be served.

What a real camera saw has a lifetime, and Dagster's event log has none. So there is one way only by which it could get there,
:meth:`Pictures.seen`, and that way is open in the synthetic city alone. Elsewhere a link leads to the viewer instead.
"""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
from PIL import Image

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.images import encode_jpeg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PICTURES = 48
"""Partitions of one run that get a picture: Dagster's event log is not made for albums."""


@dataclass(frozen=True)
class Pictures:
    """What a run may show of its partitions. few: they are not too many; city: nobody lives where the frames come from.

    What is shown is given as a function that draws it, and drawn only where it is shown; None where it is not.
    """

    few: bool
    city: bool

    @classmethod
    def of(cls, campaign: Campaign | None, partitions: int) -> "Pictures":
        return cls(partitions <= MAX_PICTURES, campaign is not None and campaign.network == "city")

    def seen(self, draw: "Callable[[], np.ndarray | Figure]") -> dg.MarkdownMetadataValue | None:
        """What cameras saw: an RGB array, or a figure with such a picture in it."""
        if not (self.few and self.city):
            return None
        drawn = draw()
        if isinstance(drawn, np.ndarray):
            return _inline(encode_jpeg(drawn, quality=85), "jpeg")
        return _inline(_png(drawn), "png")

    def plot(self, draw: "Callable[[], Figure]") -> dg.MarkdownMetadataValue | None:
        """Of figures, which show nobody."""
        return plot(draw()) if self.few else None


def plot(figure: "Figure") -> dg.MarkdownMetadataValue:
    """Raises ValueError for a figure with a picture in it: whether that may be shown, Pictures.seen decides."""
    if any(axes.images for axes in figure.axes) or figure.images:
        raise ValueError("A plot has a picture in it: show it by Pictures.seen.")
    return _inline(_png(figure), "png")


def strip(crops: list[np.ndarray], height: int = 64, most: int = 16, gap: int = 3) -> np.ndarray:
    """Up to ``most`` crops side by side at one height, as one RGB array."""
    scaled = [
        np.asarray(Image.fromarray(crop).resize((max(1, round(crop.shape[1] * height / crop.shape[0])), height)))
        for crop in crops[:most]
    ]
    blank = np.full((height, gap, 3), 255, np.uint8)
    pieces = [piece for crop in scaled for piece in (crop, blank)]
    return np.concatenate(pieces, axis=1) if pieces else np.full((height, height, 3), 255, np.uint8)


def rows_of(strips: list[np.ndarray], gap: int = 3) -> np.ndarray:
    """Strips below one another, padded with white to the widest."""
    width = max((s.shape[1] for s in strips), default=1)
    padded = [np.pad(s, ((0, gap), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in strips]
    return np.concatenate(padded) if padded else np.full((1, 1, 3), 255, np.uint8)


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80, bbox_inches="tight")
    return buffer.getvalue()


def _inline(data: bytes, kind: str) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"![](data:image/{kind};base64,{base64.b64encode(data).decode()})")
