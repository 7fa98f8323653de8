"""What the pipeline's process and the one with TensorFlow say to each other: Arrow streams, one record batch a request."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

IMAGES = pa.schema({"pixels": pa.binary(), "height": pa.int32(), "width": pa.int32()})
FOUND = pa.schema(
    {"boxes": pa.list_(pa.list_(pa.float32(), 4)), "scores": pa.list_(pa.float32()), "classes": pa.list_(pa.int16())}
)
REFUSED = 65
"""Exit status of a worker whose last words are a sentence for the user (EX_DATAERR of sysexits)."""


@dataclass(frozen=True)
class Found:
    """What the original finds in one image, of all 80 classes: boxes (N, 4) in pixels of the image, which they may leave,
    scores (N,) above 0.05, best first, and classes (N,), numbered as in COCO's 80."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


def pack_images(images: Sequence[np.ndarray]) -> pa.RecordBatch:
    """RGB uint8 arrays (H, W, 3) -> a request."""
    sides = [[image.shape[side] for image in images] for side in (0, 1)]
    return pa.record_batch([[image.tobytes() for image in images], *sides], schema=IMAGES)


def unpack_images(batch: pa.RecordBatch) -> list[np.ndarray]:
    """A request -> RGB uint8 arrays (H, W, 3)."""
    return [
        np.frombuffer(pixels.as_buffer(), np.uint8).reshape(height, width, 3)
        for pixels, height, width in zip(batch["pixels"], batch["height"].to_pylist(), batch["width"].to_pylist(), strict=True)
    ]


def pack_found(found: Sequence[Found]) -> pa.RecordBatch:
    """An answer: one row an image of the request."""
    columns = [[list(each.boxes) for each in found], [each.scores for each in found], [each.classes for each in found]]
    return pa.record_batch(columns, schema=FOUND)


def unpack_found(batch: pa.RecordBatch) -> list[Found]:
    """An answer -> what was found in each image of its request."""
    rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
    return [
        Found(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(classes, np.int16))
        for boxes, scores, classes in rows
    ]
