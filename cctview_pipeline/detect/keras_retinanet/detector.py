"""The original detector as the pipeline uses it. This process never imports TensorFlow."""

import re
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cctview_pipeline.boxes import clip
from cctview_pipeline.detect import Detections
from cctview_pipeline.detect.keras_retinanet.exchange import Found
from cctview_pipeline.detect.keras_retinanet.layout import check_layout
from cctview_pipeline.detect.keras_retinanet.process import TensorFlowProcess
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import ImageLike, decode
from cctview_pipeline.images.size import Size
from cctview_pipeline.registry.manifest import ModelEntry, check_file

COCO = {0: "person", 1: "bicycle", 2: "car", 3: "motorcycle", 5: "bus", 7: "truck"}
"""COCO's classes that are labels here, by their number among its 80."""
BATCH = 8
"""Images a request; the network takes them one by one."""


class KerasRetinaNetDetector:
    """CCTView's detector, with the original's weights, preprocessing and post-processing. See models/ for its card.

    TensorFlow runs in a process that starts with the first detection. Nothing that scores 0.05 or less is ever found.
    """

    threshold = 0.40
    """What CCTView's code used."""
    working_range: tuple[float, float] | None = None

    def __init__(self, weights: Path, version: str, device: str = "auto") -> None:
        self.version = version
        self._weights, self._device = weights, device
        self._process: TensorFlowProcess | None = None
        self._turn = threading.Lock()

    @classmethod
    def load(cls, entry: ModelEntry, device: str) -> "KerasRetinaNetDetector":
        """Raises CctviewError when the weights are missing, damaged or of another network."""
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
            raise CctviewError(f"'{device}' is no device: use auto, cpu, cuda or cuda:N.")
        check_file(entry)
        check_layout(entry.path)
        return cls(entry.path, entry.version, device)

    def scales(self, size: Size) -> tuple[float, ...]:
        """1.0: the network scales by itself."""
        return (1.0,)

    def detect(
        self, images: Sequence[ImageLike], min_score: float = 0.05, scales: Sequence[float] | None = None
    ) -> list[Detections]:
        """One :class:`Detections` an image, everything that scores min_score or more, boxes clipped to the image.

        Raises CctviewError when an image cannot be decoded, or the process with TensorFlow died; the next call starts a new one.
        """
        found: list[Detections] = []
        for begin in range(0, len(images), BATCH):
            pixels = [decode(image) for image in images[begin : begin + BATCH]]
            shapes = [image.shape[:2] for image in pixels]
            found += [
                _read(each, min_score, height, width) for each, (height, width) in zip(self._find(pixels), shapes, strict=True)
            ]
        return found

    def close(self) -> None:
        """End the process with TensorFlow, if there is one."""
        with self._turn:
            if self._process is not None:
                self._process.close()
            self._process = None

    def _find(self, images: Sequence[np.ndarray]) -> list[Found]:
        with self._turn:
            # Until the answer is whole, the process counts as lost: an interrupted exchange must not be gone on with.
            running, self._process = self._process or TensorFlowProcess(self._weights, self._device), None
            found = running.find(images)
            self._process = running
        return found


def _read(found: Found, min_score: float, height: int, width: int) -> Detections:
    """One image's boxes of the labels known here, inside the image and at least 1 px wide and high."""
    boxes = clip(found.boxes, width, height)
    keep = np.isin(found.classes, list(COCO)) & (found.scores >= min_score) & ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(1)
    return Detections(boxes[keep], found.scores[keep], [COCO[label] for label in found.classes[keep].tolist()])
