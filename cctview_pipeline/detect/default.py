"""The default detector: the network of :mod:`cctview_pipeline.detect.network` with weights from models/."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.fx.experimental.optimization import fuse
from torch.nn import functional as F
from torchvision.ops import batched_nms

from cctview_pipeline.detect.detections import LABELS, PEOPLE, VEHICLES, Detections
from cctview_pipeline.detect.network import DetectorNetwork, boxes_from_sides
from cctview_pipeline.device import pick_device
from cctview_pipeline.images import ImageLike, by_size, decode
from cctview_pipeline.weights import ModelEntry, read_weights

MULTIPLE = 16
"""The network halves its input four times; other sizes are padded at the right and the bottom."""


class DefaultDetector:
    """The small network trained by this project. See models/ for its card."""

    def __init__(self, network: DetectorNetwork, threshold: float, version: str, device: torch.device) -> None:
        self.threshold = threshold
        self.version = version
        self._device = device
        # Normalisation is folded into the convolutions, and the weights are kept in the precision they are used in.
        self._network = fuse(network.eval()).to(device, torch.bfloat16, memory_format=torch.channels_last)

    @classmethod
    def load(cls, entry: ModelEntry, device: str) -> "DefaultDetector":
        state, metadata = read_weights(entry)
        network = DetectorNetwork(len(LABELS))
        network.load_state_dict(state)
        return cls(network, float(metadata["threshold"]), entry.version, pick_device(device))

    def detect(self, images: Sequence[ImageLike], min_score: float = 0.05, batch: int = 16) -> list[Detections]:
        """One :class:`Detections` an image, everything that scores min_score or more, boxes clipped to the image."""
        found: list[Detections] = [Detections.empty()] * len(images)
        for begin in range(0, len(images), batch):
            arrays = [decode(image) for image in images[begin : begin + batch]]
            for (height, width), positions in by_size(arrays).items():
                stacked = torch.from_numpy(np.stack([arrays[p] for p in positions]))
                results = self._detect_batch(stacked, min_score, height, width)
                for position, result in zip(positions, results, strict=True):
                    found[begin + position] = result
        return found

    @torch.inference_mode()
    def _detect_batch(self, images: Tensor, min_score: float, height: int, width: int) -> list[Detections]:
        inputs = images.to(self._device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255)
        inputs = F.pad(inputs, (0, -width % MULTIPLE, 0, -height % MULTIPLE)).bfloat16()
        logits, sides = self._network(inputs.contiguous(memory_format=torch.channels_last))
        return [decode_output(*output, min_score, height, width) for output in zip(*peaks(logits, sides), strict=True)]


def peaks(logits: Tensor, sides: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores (B, 3, h, w) of vehicle, person and bicycle at their local maxima (0 elsewhere), the vehicle's best
    label (B, h, w), and boxes (B, 4, h, w).

    The vehicle labels compete as one: a cell between car and bus is one vehicle, whichever wins.
    """
    scores = logits.sigmoid()
    vehicle, label = scores[:, : len(VEHICLES)].max(1)
    grouped = torch.cat((vehicle[:, None], scores[:, len(VEHICLES) :]), 1)
    maxima = F.max_pool2d(grouped, 3, stride=1, padding=1) == grouped
    return grouped * maxima, label, boxes_from_sides(sides)


def decode_output(scores: Tensor, label: Tensor, boxes: Tensor, min_score: float, height: int, width: int) -> Detections:
    """One image's peaks -> detections, after non-maximum suppression at IoU 0.5 within each group."""
    group, row, column = torch.nonzero(scores >= min_score, as_tuple=True)
    found, corners = scores[group, row, column], boxes[:, row, column].T
    corners = corners.clamp(min=0)
    corners = torch.minimum(corners, corners.new_tensor([width, height, width, height]))
    solid = ((corners[:, 2:] - corners[:, :2]) >= 1).all(1)
    kept = solid.nonzero()[:, 0]
    kept = kept[batched_nms(corners[kept], found[kept], group[kept], 0.5)]
    vehicle = label[row, column]
    names = [VEHICLES[vehicle[i]] if group[i] == 0 else PEOPLE[int(group[i]) - 1] for i in kept]
    return Detections(corners[kept].cpu().numpy(), found[kept].cpu().numpy(), names)
