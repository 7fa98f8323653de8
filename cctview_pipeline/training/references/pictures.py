"""Training pictures, camera by camera, as references are made from them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from cctview_pipeline.detect import VEHICLES, Detector
from cctview_pipeline.detect.tables import cut
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images import decode

MAX_FRAMES, MAX_CROPS = 150, 150
"""Of a camera. A recorded camera's later minutes lie within 0.01 of a profile of so many."""


class Picture(Protocol):
    """A file, or what stands for one."""

    def read_bytes(self) -> bytes: ...


def by_camera(frames: Iterable[tuple[Picture, FrameId]], most: int = MAX_FRAMES) -> dict[str, list[bytes]]:
    """Frames with their ids -> camera -> JPEGs, evenly taken. The cameras of one synthetic city are one, named by its seed:
    they have their light and weather in common, and eight frames each."""
    groups: dict[str, list[Picture]] = defaultdict(list)
    for picture, frame_id in frames:
        groups[_camera(picture, frame_id)].append(picture)
    return {name: [picture.read_bytes() for picture in _some(group, most)] for name, group in groups.items()}


def cut_vehicles(detector: Detector, frames: Mapping[str, Sequence[bytes]], most: int = MAX_CROPS) -> dict[str, list[np.ndarray]]:
    """Camera -> JPEGs -> vehicles as a lake's crops hold them: cut out where the detector sees one at its threshold."""
    return {name: list(islice(_crops(detector, _shuffled(jpegs)), most)) for name, jpegs in frames.items()}


def _crops(detector: Detector, jpegs: Iterable[bytes]) -> Iterator[np.ndarray]:
    for jpeg in jpegs:
        (found,) = detector.detect([jpeg])
        image = decode(jpeg)
        for box, score, label in zip(found.boxes.tolist(), found.scores, found.labels, strict=True):
            if label in VEHICLES and score >= detector.threshold:
                yield cut(image, tuple(box))


def _camera(picture: Picture, frame_id: FrameId) -> str:
    if not (isinstance(picture, Path) and frame_id.camera_id.startswith("city-")):
        return frame_id.camera_id
    # A city's folder is named by a hash and its seed; the frames in which nobody walks lie one deeper.
    folder = next(each for each in picture.parents if "-" in each.name)
    return f"city {folder.name.rpartition('-')[2]}"


def _some(values: Sequence, most: int) -> list:
    return [values[i] for i in np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).astype(int))]


def _shuffled(values: Sequence) -> list:
    """In an order that is always the same, so that the first few are from any time."""
    return [values[i] for i in np.random.default_rng(0).permutation(len(values))]
