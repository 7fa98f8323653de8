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
from cctview_pipeline.detect.detections import LABELS, VEHICLES, Detections, together
from cctview_pipeline.extras import need
from cctview_pipeline.images import ImageLike, by_size
from cctview_pipeline.images.size import Size
from cctview_pipeline.registry.manifest import ModelEntry, read_arrays, read_facts
from cctview_pipeline.runtime.device import pick_device
from cctview_pipeline.runtime.openvino_network import FORM

FLOOR = 0.01
"""Candidates that the network itself scores less are not looked at."""
ENLARGED_TO, ENLARGED_BY = 480, 1.5
"""px of the longer side to which small pictures are enlarged, and by how much at most. On cameras that nobody trained on vehicles
of 12 to 24 px are found far better so (docs/detector.md)."""
NEAR_FROM = 24
"""px of the shorter side in the second look at a small picture, at half the scale of the first: smaller ones are the first's."""
VEHICLES_FROM, OTHERS_FROM = 0.005, 0.05
"""Scores. Of the vehicles of cameras that nobody trained on many score next to nothing (docs/detector.md). Of people and
bicycles, whose scores are not calibrated, it would be 45 boxes a frame instead of 3 on the published hour."""
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
        enlarged_to: int = ENLARGED_TO,
    ) -> None:
        """enlarged_to: px of the longer side of small pictures; 0 for none."""
        self.version, self.threshold, self.calibration = version, threshold, calibration
        self._backend, self._enlarged_to = backend, enlarged_to

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
        enlarged_to = read_facts(entry).get("enlarged_to", ENLARGED_TO)
        return cls(running, entry.version, float(metadata["threshold"]), calibration, enlarged_to)

    def scales(self, size: Size) -> tuple[float, ...]:
        """Small pictures are enlarged, and looked at once more at half of that for the vehicles that are too large then."""
        enlarged = min(self._enlarged_to / max(size), ENLARGED_BY)
        return (enlarged, enlarged / 2) if enlarged > 1 else (1.0,)

    def detect(
        self, images: Sequence[ImageLike], min_score: float = VEHICLES_FROM, scales: Sequence[float] | None = None
    ) -> list[Detections]:
        """One :class:`Detections` an image, every vehicle that scores min_score or more, and people and bicycles that score
        0.05 as well; boxes clipped to the image."""
        found: list[dict[int, Detections]] = [{} for _ in images]
        sizes: list[Size] = [(0, 0)] * len(images)
        running: deque[tuple[list[tuple[int, int]], tuple[int, int], Callable[[], Found]]] = deque()

        def load(chunk: range) -> tuple[list[tuple[int, int]], list]:
            """What is looked at, and of each the image's position and which look at it that is."""
            whose, shown = [], []
            for position, image in zip(chunk, self._backend.load([images[i] for i in chunk]), strict=True):
                sizes[position] = width, height = image.shape[1], image.shape[0]
                for number, scale in enumerate(scales or self.scales((width, height))):
                    size = round(width * scale), round(height * scale)
                    whose.append((position, number))
                    shown.append(image if scale == 1 else self._backend.scale(image, size))
            return whose, shown

        def finish() -> None:
            whose, (height, width), result = running.popleft()
            for (position, number), scores, labels, boxes in zip(whose, *result(), strict=True):
                seen = self._read(scores, labels, boxes, min_score, height, width)
                if number:
                    seen = seen.select((seen.boxes[:, 2:] - seen.boxes[:, :2]).min(1, initial=np.inf) >= NEAR_FROM)
                found[position][number] = _in_pixels_of(sizes[position], seen, (width, height))

        size = max(self._backend.batch, 16)
        chunks = [range(begin, min(begin + size, len(images))) for begin in range(0, len(images), size)]
        for whose, shown in ahead(load, chunks):
            for shape, places in by_size(shown).items():
                for begin in range(0, len(places), self._backend.batch):
                    if len(running) == self._backend.depth:
                        finish()
                    batch = places[begin : begin + self._backend.batch]
                    running.append(([whose[p] for p in batch], shape, self._backend.submit([shown[p] for p in batch])))
        while running:
            finish()
        return [looks[0] if len(looks) == 1 else together([looks[number] for number in sorted(looks)]) for looks in found]

    def _read(
        self, scores: np.ndarray, labels: np.ndarray, boxes: np.ndarray, min_score: float, height: int, width: int
    ) -> Detections:
        """What was looked at and its candidates -> detections, after non-maximum suppression at IoU 0.5 within each group of
        labels."""
        count = int((scores >= FLOOR).sum())  # they come best first
        scores, labels, boxes = scores[:count], labels[:count], clip(boxes[:count], width, height)
        vehicle = labels < len(VEHICLES)
        scores = np.where(vehicle, self.calibration.apply(scores, boxes), scores).astype(np.float32)
        least = np.where(vehicle, min_score, max(min_score, OTHERS_FROM))
        keep = _a_pixel(boxes) & (scores >= least)
        scores, labels, boxes, vehicle = scores[keep], labels[keep], boxes[keep], vehicle[keep]
        # Groups are moved apart, so that only boxes of one group suppress each other.
        apart = boxes + (np.where(vehicle, 0, labels) * 2 * (width + height))[:, None].astype(np.float32)
        kept = suppress(apart, scores, 0.5)
        return Detections(boxes[kept], scores[kept], [LABELS[label] for label in labels[kept]])


def _in_pixels_of(size: Size, seen: Detections, looked_at: Size) -> Detections:
    """Boxes of a picture that was enlarged, in pixels of the picture."""
    if size == looked_at:
        return seen
    boxes = clip(seen.boxes * np.array([size[0] / looked_at[0], size[1] / looked_at[1]] * 2, np.float32), *size)
    return Detections(boxes, seen.scores, seen.labels).select(_a_pixel(boxes))


def _a_pixel(boxes: np.ndarray) -> np.ndarray:
    """(N,): whether it is that wide and that high."""
    return ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(1)


def ahead(function: Callable[[In], Out], items: Iterable[In], count: int = 2) -> Iterator[Out]:
    """``map``, with up to count results made in a thread before they are asked for."""
    rest = iter(items)
    with ThreadPoolExecutor(1) as thread:
        waiting = deque(thread.submit(function, item) for item in islice(rest, count))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(thread.submit(function, item) for item in islice(rest, 1))
            yield result
