"""A vehicle's crop as the default extractor's network takes it."""

import numpy as np
from PIL import Image

SIDE = 64
GREY = 114
"""The border of a letterboxed crop, so that a bus is not squeezed into a car."""


def two_views(crop: np.ndarray) -> np.ndarray:
    """A crop (H, W, 3) as the network takes it, (64, 64, 6): its middle and, behind that, the whole of it."""
    return np.concatenate([middle(crop), letterbox(crop)], axis=2)


def middle(crop: np.ndarray) -> np.ndarray:
    """The square that DenseNet201-VeRI sees of a crop (H, W, 3), 224/256 of its shorter side in the middle: (64, 64, 3)."""
    height, width = crop.shape[:2]
    side = min(height, width) * 224 / 256
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(Image.fromarray(crop).resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box))


def letterbox(crop: np.ndarray) -> np.ndarray:
    """A crop (H, W, 3) scaled so that its longer side is 64, centred on grey: (64, 64, 3) uint8."""
    height, width = crop.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    scaled = np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BILINEAR))
    canvas[top : top + size[1], left : left + size[0]] = scaled
    return canvas
