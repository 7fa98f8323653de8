"""Sizes of pictures: pixels of one mean something in another only where both show the same view, scaled."""

from typing import TypeAlias

import pyarrow as pa

Size: TypeAlias = tuple[int, int]
"""Width and height, px."""


def same_shape(one: Size, other: Size) -> bool:
    """Whether one size is the other scaled: their aspect ratios differ by no more than rounding each side to whole pixels makes.

    352 x 240 and 704 x 480 do, and 640 x 436, to which the latter is scaled before it is stored; 720 x 480 and 352 x 288 don't.
    """
    return 2 * abs(one[0] * other[1] - one[1] * other[0]) <= sum(one) + sum(other)


USUAL_WIDTH = 352
"""px: of the pictures on which lengths in pixels were chosen."""


def pixel_of(size: Size) -> float:
    """How many pixels of a picture of a size are as wide as one of a picture that is USUAL_WIDTH wide; 1 where nobody knows the
    size."""
    return size[0] / USUAL_WIDTH or 1.0


def named(size: Size) -> str:
    """``352x240``."""
    return f"{size[0]}x{size[1]}"


def sizes_of(frames: pa.Table | pa.RecordBatch) -> list[Size]:
    """Of every row of raw_frames."""
    return list(zip(frames["width"].to_pylist(), frames["height"].to_pylist(), strict=True))
