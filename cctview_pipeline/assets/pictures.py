"""Pictures in Dagster's metadata: small, and inside the text, so that no file has to be served."""

import base64
import io
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
from PIL import Image

from cctview_pipeline.images import encode_jpeg

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def picture(image: np.ndarray, alt: str = "") -> dg.MarkdownMetadataValue:
    """An RGB array as a picture in the UI."""
    return _inline(encode_jpeg(image, quality=85), "jpeg", alt)


def plot(figure: "Figure", alt: str = "") -> dg.MarkdownMetadataValue:
    """A matplotlib figure as a picture in the UI."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80, bbox_inches="tight")
    return _inline(buffer.getvalue(), "png", alt)


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


def _inline(data: bytes, kind: str, alt: str) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"![{alt}](data:image/{kind};base64,{base64.b64encode(data).decode()})")
