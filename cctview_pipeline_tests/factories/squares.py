"""Pictures of bright squares, and a detector that finds those of the sizes that it works at and no other."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import find_objects, label

from cctview_pipeline.detect import Detections
from cctview_pipeline.images import ImageLike, decode, encode_jpeg

GREY, BRIGHT = 90, 250


def picture(size: tuple[int, int], squares: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """RGB (H, W, 3). squares: (x, y, side) px, none of which touch."""
    image = np.full((size[1], size[0], 3), GREY, np.uint8)
    for x, y, side in squares:
        image[y : y + side, x : x + side] = BRIGHT
    return image


def jpeg(size: tuple[int, int], squares: Sequence[tuple[int, int, int]]) -> bytes:
    return encode_jpeg(picture(size, squares))


def boxes_of(squares: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """(N, 4)."""
    return np.array([(x, y, x + side, y + side) for x, y, side in squares], np.float32).reshape(-1, 4)


class SquareDetector:
    """Of a square that is too small or too large for it, it sees nothing. asked: sizes of the pictures that it was shown."""

    threshold, version = 0.5, "squares@1"

    def __init__(self, working_range: tuple[float, float] | None = (8.0, 70.0), enlarged: float = 1.0) -> None:
        self.working_range, self._enlarged = working_range, enlarged
        self.asked: list[tuple[int, int]] = []

    def scales(self, size: tuple[int, int]) -> tuple[float, ...]:
        return (self._enlarged, self._enlarged / 2) if self._enlarged > 1 else (1.0,)

    def detect(
        self, images: Sequence[ImageLike], min_score: float = 0.05, scales: Sequence[float] | None = None
    ) -> list[Detections]:
        return [self._detect(decode(image)) for image in images]

    def _detect(self, image: np.ndarray) -> Detections:
        self.asked.append((image.shape[1], image.shape[0]))
        least, most = self.working_range or (8.0, 70.0)
        spans = find_objects(label(image[..., 0] > (GREY + BRIGHT) / 2)[0])
        boxes = np.array([(c.start, r.start, c.stop, r.stop) for r, c in spans], np.float32).reshape(-1, 4)
        sides = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf)
        boxes = boxes[(sides >= 0.8 * least) & (sides <= 1.2 * most)]
        return Detections(boxes, np.full(len(boxes), 0.9, np.float32), ["car"] * len(boxes))
