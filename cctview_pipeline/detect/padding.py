"""Frames of any size, as the detector's network takes them."""

import numpy as np

MULTIPLE, MIN_SIDE = 16, 32
"""The network halves its input four times, so height and width must be multiples of MULTIPLE; SMALLEST is the least side
that has room for all candidates."""


def padded_size(height: int, width: int) -> tuple[int, int]:
    """The smallest size that the network takes and that holds an image of height x width."""
    return _padded_side(height), _padded_side(width)


def _padded_side(side: int) -> int:
    return max(MIN_SIDE, side + -side % MULTIPLE)


def padded(image: np.ndarray) -> np.ndarray:
    """The image with black to the right and below, up to a size that the network takes."""
    height, width = padded_size(image.shape[0], image.shape[1])
    if image.shape[:2] == (height, width):
        return image
    return np.pad(image, ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)))
