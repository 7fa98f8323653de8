"""JPEG bytes and RGB arrays."""

import io
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from PIL import Image, UnidentifiedImageError

from cctview_pipeline.errors import CctviewError

ImageLike: TypeAlias = bytes | np.ndarray
"""JPEG bytes, or an RGB array (H, W, 3) of uint8."""


def decode(image: ImageLike) -> np.ndarray:
    """An image as an RGB array (H, W, 3) of uint8. Raises CctviewError for bytes that no decoder reads whole."""
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise CctviewError(f"An image must be RGB uint8 of shape (H, W, 3), not {image.dtype} of {image.shape}.")
        return image
    try:
        with Image.open(io.BytesIO(image)) as opened:
            return np.asarray(opened.convert("RGB"))
    except UnidentifiedImageError as error:  # whose own words hold an address in memory
        raise CctviewError("An image cannot be decoded: it is in no format that is known.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CctviewError(f"An image cannot be decoded: {error}.") from error


def encode_jpeg(image: np.ndarray, quality: int = 95) -> bytes:
    """An RGB array as JPEG, chroma not subsampled: crops are too small to give half their colour away."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def encode_png(image: np.ndarray) -> bytes:
    """An RGB array as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def by_size(images: Sequence[np.ndarray]) -> dict[tuple[int, int], list[int]]:
    """Positions of the images, grouped by (height, width), so that each group stacks into one batch."""
    groups: dict[tuple[int, int], list[int]] = {}
    for position, image in enumerate(images):
        groups.setdefault(image.shape[:2], []).append(position)
    return groups
