"""Which of a camera's frames show another view: it was turned, or goes from one place to the next.

Thumbnails are held against what stands still in those of the views that are known. One that is like none of them may be a lorry
before the lens; SURE of them in a row that are like each other are a new view. Where a view changes between two of the frames
that were looked at, those in between are looked at, too.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations, pairwise

import numpy as np
import pyarrow as pa

from cctview_pipeline.collect.pictures import background, likeness, of_one_size, thumbnail
from cctview_pipeline.images.size import sizes_of
from cctview_pipeline.track.views import VIEW, reference_sizes

EVERY_S = 5.0
SURE = 3
MIN_ALIKE = 0.3
"""Of a thumbnail and a view's background. Measured on an hour of four real cameras: 0.31 and more with their own, half of them
0.86 and more; 0.25 and less with another camera's."""
MEMORY = 7
"""Thumbnails that tell what stands still in a view: light changes, and the newest count."""

Look = Callable[[int], np.ndarray | None]


def with_views(frames: pa.Table) -> pa.Table:
    """raw_frames (ids, times, sizes, pictures) of a camera-hour -> the same without pictures, with the number of each one's view
    among those of its shape, from 0 by their first frame."""
    frames = frames.sort_by("captured_at")
    times, jpegs, sizes = frames["captured_at"].cast(pa.int64()).to_numpy() / 1e6, frames["jpeg"], sizes_of(frames)
    shapes = reference_sizes(sizes)
    numbers = np.zeros(len(frames), np.int64)
    for shape in set(shapes.values()):
        rows = np.array([row for row, size in enumerate(sizes) if shapes[size] == shape])
        numbers[rows] = view_numbers(times[rows], partial(_thumbnail, jpegs, rows))
    return frames.drop_columns(["jpeg"]).append_column(VIEW, pa.array(numbers))


def view_numbers(times: np.ndarray, look: Look) -> np.ndarray:
    """(F,) s, sorted -> (F,) numbers of views. look: a frame's place -> its thumbnail, None where there is none."""
    seen = {place: small for place in _spread(times) if (small := look(place)) is not None}
    chosen, backgrounds = _assigned(list(seen.values()))
    numbers = np.zeros(len(times), np.int64)
    for (place, number), (following, then) in pairwise(zip(seen, chosen, strict=True)):
        if number != then:
            numbers[_turn(place, following, backgrounds[number], backgrounds[then], look) :] = then
    return numbers


def _spread(times: np.ndarray) -> list[int]:
    """Places of frames, about EVERY_S apart."""
    if not len(times):
        return []
    slots = np.floor((times - times[0]) / EVERY_S)
    return np.flatnonzero(np.diff(slots, prepend=-1)).tolist()


def _assigned(thumbnails: Sequence[np.ndarray]) -> tuple[list[int], list[np.ndarray]]:
    """Each thumbnail's view, and what stands still in every view."""
    views: list[deque[np.ndarray]] = []
    chosen: list[int] = []
    strange: list[int] = []
    for place, small in enumerate(thumbnails):
        alike = [likeness(small, background(view)) for view in views]
        current = chosen[-1] if chosen else 0
        if alike and alike[current] < MIN_ALIKE:
            current = int(np.argmax(alike))
        if alike and alike[current] >= MIN_ALIKE:
            views[current].append(small)
            strange.clear()
        else:
            current = chosen[-1] if chosen else 0
            strange.append(place)
            group = [thumbnails[each] for each in strange[-SURE:]]
            if len(group) == SURE and min(likeness(*pair) for pair in combinations(group, 2)) >= MIN_ALIKE:
                still = background(group)
                views.append(deque(group, MEMORY))
                current = len(views) - 1
                first = next(each for each in strange if likeness(thumbnails[each], still) >= MIN_ALIKE)
                chosen[first:] = [current] * (place - first)
                strange.clear()
        chosen.append(current)
    return chosen, [background(view) for view in views]


def _turn(place: int, following: int, old: np.ndarray, new: np.ndarray, look: Look) -> int:
    """The first frame after place that shows the new view."""
    between = [look(each) for each in range(place + 1, following)]
    gain = [0.0 if each is None else likeness(each, old) - likeness(each, new) for each in between]
    return place + 1 + int(np.argmax(np.cumsum([0.0, *gain])))


def _thumbnail(jpegs: pa.ChunkedArray, rows: np.ndarray, place: int) -> np.ndarray | None:
    small = thumbnail(jpegs[int(rows[place])].as_py())
    return None if small is None else of_one_size(small)
