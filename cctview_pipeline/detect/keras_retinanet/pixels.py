"""Images as the original network wants them: BGR, less the means of ImageNet, scaled as OpenCV scales."""

import numpy as np

SHORTER, LONGER = 800, 1333
MEANS = (103.939, 116.779, 123.68)
"""Of blue, green and red, 0..255."""


def prepare(image: np.ndarray) -> tuple[np.ndarray, float]:
    """RGB uint8 (H, W, 3) -> float32 (round(H * scale), round(W * scale), 3), and the scale.

    The shorter side becomes 800, or less where the longer one would pass 1333.
    """
    scale = min(SHORTER / min(image.shape[:2]), LONGER / max(image.shape[:2]))
    return resize(image[:, :, ::-1].astype(np.float32) - np.array(MEANS, np.float32), scale), scale


def resize(image: np.ndarray, scale: float) -> np.ndarray:
    """Float32 (H, W, C), scaled as ``cv2.resize(image, None, fx=scale, fy=scale)`` does it: bilinear, centres of pixels on
    centres, nothing averaged when it shrinks."""
    (top, bottom, down), (left, right, across) = (_neighbours(side, scale) for side in image.shape[:2])
    across, down = across[:, None], down[:, None, None]
    wide = image[:, left] * (1 - across) + image[:, right] * across
    return wide[top] * (1 - down) + wide[bottom] * down


def _neighbours(length: int, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For every new pixel along a side: the old ones before and after it, and the share (float32) of the one after."""
    at = ((np.arange(round(length * scale)) + 0.5) / scale - 0.5).astype(np.float32).clip(0, length - 1)
    before = np.floor(at).astype(np.int64)
    return before, np.minimum(before + 1, length - 1), at - before.astype(np.float32)
