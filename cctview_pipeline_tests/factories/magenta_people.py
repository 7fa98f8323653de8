"""People that a test can see: magenta rectangles, and a finder that finds nothing else."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import find_objects, label

MAGENTA = (255, 0, 255)


class MagentaFinder:
    """Finds what is magenta, with a margin of two pixels."""

    version = "magenta-finder@000000000000"

    def find(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [self._boxes(image.astype(int)) for image in images]

    def _boxes(self, image: np.ndarray) -> np.ndarray:
        labelled, _ = label(magenta(image))
        boxes = [(x.start - 2, y.start - 2, x.stop + 2, y.stop + 2) for y, x in find_objects(labelled)]
        return np.array(boxes, np.float32).reshape(-1, 4)


def magenta(image: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels of a person, also after a JPEG has smeared them."""
    red, green, blue = np.moveaxis(image.astype(int), 2, 0)
    return (red - green > 60) & (blue - green > 60)


def road_with_people(*boxes: tuple[int, int, int, int], width: int = 352, height: int = 240) -> np.ndarray:
    """Grey tarmac with noise, and people at x1, y1, x2, y2."""
    image = np.random.default_rng(1).normal(120, 12, (height, width, 3)).clip(0, 255).astype(np.uint8)
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = MAGENTA
    return image
