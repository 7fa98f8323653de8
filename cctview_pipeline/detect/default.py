"""The default detector: the network of :mod:`cctview_pipeline.detect.network` with weights from models/."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

from cctview_pipeline.boxes import clip, suppress
from cctview_pipeline.detect.backends import Backend, Found, OpenVinoBackend
from cctview_pipeline.detect.calibration import Calibration
from cctview_pipeline.detect.detections import LABELS, VEHICLES, Detections
from cctview_pipeline.extras import need
from cctview_pipeline.images import ImageLike, by_size
from cctview_pipeline.registry.manifest import ModelEntry, read_arrays, read_facts
from cctview_pipeline.runtime.device import pick_device
from cctview_pipeline.runtime.openvino_network import FORM

FLOOR = 0.01
"""Candidates that the network itself scores less are not looked at."""
In = TypeVar("In")
Out = TypeVar("Out")


class DefaultDetector:
    """The small network trained by this project. See models/ for its card."""

    working_range: tuple[float, float] | None = (8.0, 70.0)

    def __init__(
        self,
        backend: Backend,
        version: str,
        threshold: float = 0.5,
        calibration: Calibration = Calibration(),
        largest_scale: float = 1.0,
    ) -> None:
        self.version, self.threshold, self.calibration, self.largest_scale = version, threshold, calibration, largest_scale
        self._backend = backend

    @classmethod
    def load(cls, entry: ModelEntry, device: str, backend: str = "") -> "DefaultDetector":
        """backend: openvino or torch; when left out, OpenVINO on processors, and PyTorch elsewhere and for weights that were
        registered without a form for processors."""
        chosen = pick_device(device)
        files, metadata = read_arrays(entry, FORM)
        if backend != "torch" and files and (backend or chosen == "cpu"):
            running: Backend = OpenVinoBackend(files)
        else:
            why = "" if files else ", which was registered without a form for processors,"
            need(f"The detector '{entry.name}'{why}", "torch", "torchvision")
            from cctview_pipeline.detect.torch_backend import TorchBackend  # takes seconds, and is not installed everywhere

            running = TorchBackend.of(entry, chosen)
        calibration = Calibration.read(metadata["calibration"])
        return cls(running, entry.version, float(metadata["threshold"]), calibration, read_facts(entry).get("enlarged", 1.0))

    def detect(self, images: Sequence[ImageLike], min_score: float = 0.05) -> list[Detections]:
        """One :class:`Detections` an image, everything that scores min_score or more, boxes clipped to the image."""
        found: list[Detections] = [Detections.empty()] * len(images)
        running: deque[tuple[list[int], tuple[int, int], Callable[[], Found]]] = deque()

        def finish() -> None:
            positions, (height, width), result = running.popleft()
            for position, scores, labels, boxes in zip(positions, *result(), strict=True):
                found[position] = self._read(scores, labels, boxes, min_score, height, width)

        size = max(self._backend.batch, 16)
        chunks = [range(begin, min(begin + size, len(images))) for begin in range(0, len(images), size)]
        for chunk, loaded in zip(chunks, ahead(lambda c: self._backend.load([images[i] for i in c]), chunks), strict=True):
            for shape, places in by_size(loaded).items():
                for begin in range(0, len(places), self._backend.batch):
                    if len(running) == self._backend.depth:
                        finish()
                    batch = places[begin : begin + self._backend.batch]
                    running.append(([chunk[p] for p in batch], shape, self._backend.submit([loaded[p] for p in batch])))
        while running:
            finish()
        return found

    def _read(
        self, scores: np.ndarray, labels: np.ndarray, boxes: np.ndarray, min_score: float, height: int, width: int
    ) -> Detections:
        """One image's candidates -> detections, after non-maximum suppression at IoU 0.5 within each group of labels."""
        count = int((scores >= FLOOR).sum())  # they come best first
        scores, labels, boxes = scores[:count], labels[:count], clip(boxes[:count], width, height)
        vehicle = labels < len(VEHICLES)
        scores = np.where(vehicle, self.calibration.apply(scores, boxes), scores).astype(np.float32)
        keep = ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(1) & (scores >= min_score)
        scores, labels, boxes, vehicle = scores[keep], labels[keep], boxes[keep], vehicle[keep]
        # Groups are moved apart, so that only boxes of one group suppress each other.
        apart = boxes + (np.where(vehicle, 0, labels) * 2 * (width + height))[:, None].astype(np.float32)
        kept = suppress(apart, scores, 0.5)
        return Detections(boxes[kept], scores[kept], [LABELS[label] for label in labels[kept]])


def ahead(function: Callable[[In], Out], items: Iterable[In], count: int = 2) -> Iterator[Out]:
    """``map``, with up to count results made in a thread before they are asked for."""
    rest = iter(items)
    with ThreadPoolExecutor(1) as thread:
        waiting = deque(thread.submit(function, item) for item in islice(rest, count))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(thread.submit(function, item) for item in islice(rest, 1))
            yield result
