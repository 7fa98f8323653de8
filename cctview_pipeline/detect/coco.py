"""What detectors that learned from COCO share: how a published state dict is read, and how their boxes become detections."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cctview_pipeline.boxes import clip
from cctview_pipeline.detect.detections import LABELS, Detections
from cctview_pipeline.errors import ModelError
from cctview_pipeline.images import ImageLike, by_size, decode
from cctview_pipeline.images.size import Size
from cctview_pipeline.registry.manifest import ModelEntry, check_file
from cctview_pipeline.registry.state_dicts import load_checked

FLOOR = 0.01
"""The networks drop what they score less. They keep an image's best 100 to 300, so a lower floor changes nothing above it."""
_OTHER_NAMES = {"motorbike": "motorcycle"}
_OLDER_KEYS = (
    (re.compile(r"(fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)"), lambda found: f"{found[1]}.0.{found[2]}"),
    (re.compile(r"(rpn\.head\.conv)\.(weight|bias)"), lambda found: f"{found[1]}.0.0.{found[2]}"),
    (re.compile(r"(_head\.conv)\.([0246])\.(weight|bias)"), lambda found: f"{found[1]}.{int(found[2]) // 2}.0.{found[3]}"),
)
"""torchvision 0.13 put each convolution into a block of its own; its weights are older and keep their names."""


@dataclass(frozen=True)
class Found:
    """What a network gives for one image: boxes (N, 4) in its pixels, scores (N,), classes (N,) as places in its names."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


class CocoDetector:
    """A network that knows the classes of COCO, behind the Detector protocol. Boxes are suppressed within each class only, as
    the networks' libraries do: what looks like a car and like a truck may come as both.

    run: RGB uint8 images of one size -> one Found an image. names: the classes, in the network's order. batch: how many images
    of one size go into the network at once.
    """

    working_range: tuple[float, float] | None = None

    def __init__(
        self,
        run: Callable[[list[np.ndarray]], list[Found]],
        names: Sequence[str],
        version: str,
        threshold: float,
        batch: int = 1,
    ) -> None:
        self.version, self.threshold = version, threshold
        self._run, self._batch = run, batch
        known = [_OTHER_NAMES.get(name, name) for name in names]
        self._labels = np.array([LABELS.index(name) if name in LABELS else -1 for name in known])

    def scales(self, size: Size) -> tuple[float, ...]:
        """1.0: the networks scale by themselves."""
        return (1.0,)

    def detect(
        self, images: Sequence[ImageLike], min_score: float = 0.05, scales: Sequence[float] | None = None
    ) -> list[Detections]:
        """One :class:`Detections` an image, everything that scores min_score or more, boxes clipped to the image."""
        found = [Detections.empty()] * len(images)
        for begin in range(0, len(images), self._batch):
            loaded = [decode(image) for image in images[begin : begin + self._batch]]
            for (height, width), places in by_size(loaded).items():
                for place, candidates in zip(places, self._run([loaded[p] for p in places]), strict=True):
                    found[begin + place] = self._read(candidates, min_score, height, width)
        return found

    def _read(self, found: Found, min_score: float, height: int, width: int) -> Detections:
        boxes, labels = clip(found.boxes.astype(np.float32), width, height), self._labels[found.classes]
        keep = (labels >= 0) & (found.scores >= min_score) & ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(1)
        order = np.flatnonzero(keep)[np.argsort(-found.scores[keep], kind="stable")]
        return Detections(boxes[order], found.scores[order].astype(np.float32), [LABELS[label] for label in labels[order]])


def load_published(network: nn.Module, entry: ModelEntry) -> None:
    """Load a model's published state dict, of whatever version of torchvision, after its hash, keys and shapes were checked."""
    check_file(entry)
    try:
        state = torch.load(entry.path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever unpickling may raise
        raise ModelError(f"The weights {entry.path} are no PyTorch state dict of tensors: another file is needed.") from error
    load_checked(network, current_keys(state), str(entry.path))


def current_keys(state: object) -> object:
    """A state dict with the names that torchvision uses today, and without counters of seen batches; anything else as it is."""
    if not isinstance(state, dict):
        return state
    return {_current(str(key)): value for key, value in state.items() if not str(key).endswith("num_batches_tracked")}


def _current(key: str) -> str:
    for pattern, name in _OLDER_KEYS:
        key = pattern.sub(name, key)
    return key


def runner_of_torchvision(network: nn.Module, device: torch.device) -> Callable[[list[np.ndarray]], list[Found]]:
    """How a detection network of torchvision is run: it scales, normalises and suppresses by itself."""
    network = network.eval().to(device)

    @torch.inference_mode()
    def run(images: list[np.ndarray]) -> list[Found]:
        return [_found(result) for result in network([_as_input(image, device) for image in images])]

    return run


def _as_input(image: np.ndarray, device: torch.device) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32, 0..1."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(device).float().div_(255)


def _found(result: dict[str, Tensor]) -> Found:
    return Found(*(result[name].cpu().numpy() for name in ("boxes", "scores", "labels")))
