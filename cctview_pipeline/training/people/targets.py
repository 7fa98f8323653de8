"""What the people finder should say about an image, and what it costs to say something else."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cctview_pipeline.detect.detections import VEHICLES
from cctview_pipeline.redaction.people import CELL
from cctview_pipeline.redaction.people_network import SOMEBODY, VEHICLE
from cctview_pipeline.training.detector.augmentation import HEIGHT, WIDTH, Example

SOMEBODY_WEIGHS, VEHICLE_WEIGHS = 2.0, 2.0
"""Against a cell of the road: one with somebody in it, for whom to miss is worse than to paint too much; and one of a vehicle
with nobody in front, since a vehicle that is painted over is lost."""
_AROUND = np.array([-CELL, -CELL, CELL, CELL])
_ALMOST = 0.67
"""A cell counts when a third of its side is inside: what the margin reaches need not be found."""


def render_people(example: Example) -> tuple[Tensor, Tensor]:
    """(2, h, w) float32 each: whether somebody and whether a vehicle is in a cell, and what the cell weighs in the loss."""
    rows, columns = HEIGHT // CELL, WIDTH // CELL
    inside, weight = np.zeros((2, rows, columns), np.float32), np.ones((2, rows, columns), np.float32)
    for box in example.objects[example.labels < len(VEHICLES)]:
        inside[VEHICLE][_touched(box)] = 1
        weight[SOMEBODY][_touched(box)] = VEHICLE_WEIGHS
    for box in example.ignored:
        weight[VEHICLE][_touched(box)] = 0
    for box in example.unsure:
        weight[SOMEBODY][_touched(box + _AROUND)] = 0
    for box in example.people:
        # Around somebody nobody knows to a cell where they end.
        weight[SOMEBODY][_touched(box + _AROUND)] = 0.3
    for box in example.people:
        inside[SOMEBODY][_filled(box)] = 1
        weight[SOMEBODY][_filled(box)] = SOMEBODY_WEIGHS
    return torch.from_numpy(inside), torch.from_numpy(weight)


def people_loss(logits: Tensor, targets: list[Tensor]) -> Tensor:
    """The focal loss (arXiv 1708.02002) with a softer focus, over both maps; each is divided by the number of cells that are
    inside.

    logits: the network's, (B, 2, h, w); targets: the two of :func:`render_people`, stacked over the batch.
    """
    inside, weight = targets
    logits = logits.float()
    wrong = (inside - logits.sigmoid()).abs()
    cells = F.binary_cross_entropy_with_logits(logits, inside, reduction="none") * wrong**1.5 * weight
    somebody, vehicle = (cells.sum((0, 2, 3)) / inside.sum((0, 2, 3)).clamp(min=200)).unbind()
    return somebody + 0.3 * vehicle


def _touched(box: np.ndarray) -> tuple[slice, slice]:
    x1, y1, x2, y2 = box / CELL
    return np.s_[max(0, int(y1)) : max(0, int(np.ceil(y2))), max(0, int(x1)) : max(0, int(np.ceil(x2)))]


def _filled(box: np.ndarray) -> tuple[slice, slice]:
    x1, y1, x2, y2 = (float(v) for v in box / CELL)
    return np.s_[
        int(y1 + _ALMOST) : max(int(y2 + _ALMOST), int(y1 + _ALMOST) + 1),
        int(x1 + _ALMOST) : max(int(x2 + _ALMOST), int(x1 + _ALMOST) + 1),
    ]
