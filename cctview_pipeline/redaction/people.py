"""Where people are in a frame, so that they can be painted over: a small network made for missing nobody.

It says for every cell of four pixels whether somebody is in it, and knows nothing else of them: no boxes of single people, no
poses, nothing that could be followed.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from PIL import Image
from scipy.ndimage import find_objects, label, maximum

from cctview_pipeline.errors import ModelError
from cctview_pipeline.registry.manifest import ModelEntry, check_file, find_model, read_arrays, read_metadata
from cctview_pipeline.runtime.device import pick_device, threads
from cctview_pipeline.runtime.loaded_once import loaded_once
from cctview_pipeline.runtime.openvino_network import FORM, OpenVinoNetwork

CELL, MULTIPLE = 4, 16
"""Pixels of a cell, and of the sides that the network takes."""
COMPACT = 0.6
"""Share of its bounding box that a group of cells fills to be painted as one box."""
LARGEST_SIDE, TWICE_SIDE = 960, 384
"""px. A picture whose longer side is larger is halved until it is not; one whose shorter side is then larger than the second is
looked at once more at half of that, for people near the camera, who stand low in tall pictures. benchmarks/sizes.py has what this
finds."""
MODEL = "people-finder"


class Backend(Protocol):
    """What computes the network. depth: pictures that may be under way at a time."""

    depth: int

    def start(self, images: np.ndarray) -> Callable[[], tuple[np.ndarray, ...]]:
        """Begin with one picture (1, H, W, 3) uint8, sides multiples of 16; the probabilities (1, H/4, W/4), alone in a tuple,
        are waited for when they are asked for."""


class PeopleDetector:
    """threshold: the probability from which on a cell is filled, where one beside it reaches ``sure``; margin: px around it.
    version: as pictures record it."""

    def __init__(self, backend: Backend, version: str, threshold: float, sure: float, margin: int) -> None:
        self.version, self.threshold, self.sure, self.margin = version, threshold, sure, margin
        self._backend = backend

    @classmethod
    def load(cls, device: str = "auto") -> "PeopleDetector":
        """Once a process. Raises CctviewError when the weights are missing or damaged."""
        entry = find_model(MODEL, "masker")
        check_file(entry)
        return _loaded(entry, device, threads())

    @classmethod
    def read(cls, entry: ModelEntry, device: str) -> "PeopleDetector":
        """OpenVINO on processors, PyTorch elsewhere."""
        chosen = pick_device(device)
        try:
            metadata = read_metadata(entry)
            threshold, sure, margin = float(metadata["threshold"]), float(metadata["sure"]), int(metadata["margin"])
            if chosen == "cpu":
                backend: Backend = OpenVinoNetwork(read_arrays(entry, FORM)[0])
            else:
                from cctview_pipeline.redaction.people_network import (
                    TorchBackend,  # takes seconds, and is not installed everywhere
                )

                backend = TorchBackend.of(entry, chosen)
        except (KeyError, ValueError) as error:
            raise ModelError(f"The weights {entry.path} are not this version's: restore the file from git.") from error
        return cls(backend, entry.version, threshold, sure, margin)

    def find(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """RGB uint8 (H, W, 3) -> one (N, 4) float32 array an image: x1, y1, x2, y2 in px of what is to be filled.

        Large pictures are looked at smaller: the network knows people of the sizes that small pictures have.
        """
        looks = [(place, halvings) for place, image in enumerate(images) for halvings in halvings_of(image.shape)]
        found: list[list[np.ndarray]] = [[] for _ in images]
        boxes = self.look([halved(images[place], halvings) for place, halvings in looks])
        for (place, halvings), each in zip(looks, boxes, strict=True):
            height, width = images[place].shape[:2]
            found[place].append(np.minimum(each * 2**halvings, np.array([width, height] * 2, np.float32)))
        return [without_covered(np.concatenate(each)) if len(each) > 1 else each[0] for each in found]

    def look(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One look an image, as large as it is."""
        found: list[np.ndarray] = []
        running: deque[tuple[tuple[int, int], Callable[[], np.ndarray]]] = deque()

        def finish() -> None:
            size, probabilities = running.popleft()
            found.append(rectangles(grown(probabilities(), self.threshold, self.sure), self.margin, *size))

        for image in images:
            if len(running) == self._backend.depth:
                finish()
            running.append((image.shape[:2], self._start(image)))
        while running:
            finish()
        return found

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) -> (ceil(H / 4), ceil(W / 4)): that somebody is in a cell."""
        return self._start(image)()

    def _start(self, image: np.ndarray) -> Callable[[], np.ndarray]:
        height, width = image.shape[:2]
        result = self._backend.start(_padded(image)[None])
        return lambda: result()[0][0, : -(-height // CELL), : -(-width // CELL)]


def halvings_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How often a picture (H, W, ...) is halved before it is looked at, for each look at it."""
    (short, long), first = sorted(shape[:2]), 0
    while long > LARGEST_SIDE:
        short, long, first = -(-short // 2), -(-long // 2), first + 1
    return (first, first + 1) if short > TWICE_SIDE else (first,)


def halved(image: np.ndarray, times: int) -> np.ndarray:
    """An image of half the sides, so often: every pixel is the mean of those it stands for."""
    return np.asarray(Image.fromarray(image).reduce(2**times)) if times else image


def without_covered(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) -> those that lie in no other; of equal ones the first."""
    inside = (boxes[:, None, :2] >= boxes[None, :, :2]).all(2) & (boxes[:, None, 2:] <= boxes[None, :, 2:]).all(2)
    equal = inside & inside.T
    return boxes[~(inside & ~np.triu(equal)).any(1)]


@loaded_once(2)
def _loaded(entry: ModelEntry, device: str, threads: int) -> PeopleDetector:
    return PeopleDetector.read(entry, device)


def _padded(image: np.ndarray) -> np.ndarray:
    """The image, its edges drawn out to the right and below up to a size that the network takes."""
    height, width = image.shape[:2]
    down, right = -height % MULTIPLE, -width % MULTIPLE
    return np.pad(image, ((0, down), (0, right), (0, 0)), mode="edge") if down or right else image


def grown(probabilities: np.ndarray, threshold: float, sure: float) -> np.ndarray:
    """Cells of groups that touch, all from the threshold on, that have a sure one among them (Canny's hysteresis, PAMI 8, 1986):
    who is found at all is filled to the edges, and a faint doubt alone fills nothing."""
    labelled, count = label(probabilities >= threshold, np.ones((3, 3)))
    best = maximum(probabilities, labelled, np.arange(1, count + 1)) if count else []
    return np.concatenate([[False], np.asarray(best) >= sure])[labelled]


def rectangles(cells: np.ndarray, margin: int, height: int, width: int) -> np.ndarray:
    """(H/4, W/4) bool -> (N, 4) float32: rectangles that cover the cells and a margin, clipped to the frame.

    A group of cells that touch has one rectangle where it fills most of it, as somebody who walks does. Any other has one for
    every stretch of rows that begin and end alike, so that a slanting queue of people does not take the road beside it along.
    """
    labelled, _ = label(cells, np.ones((3, 3)))
    found = []
    for number, (rows, columns) in enumerate(find_objects(labelled), 1):
        mine = labelled[rows, columns] == number
        if mine.mean() >= COMPACT:
            found.append([columns.start, rows.start, columns.stop, rows.stop])
            continue
        spans: list[list[int]] = []
        for row, line in enumerate(mine, rows.start):
            filled = np.flatnonzero(line)
            first, last = columns.start + int(filled[0]), columns.start + int(filled[-1]) + 1
            if spans and spans[-1][0] == first and spans[-1][2] == last:
                spans[-1][3] = row + 1
            else:
                spans.append([first, row, last, row + 1])
        found += spans
    boxes = np.array(found, np.float32).reshape(-1, 4) * CELL + [-margin, -margin, margin, margin]
    return np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
