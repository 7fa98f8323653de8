"""What the network should say about an image, and what it costs to say something else."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss

from cctview_pipeline.detect.detections import LABELS, VEHICLES
from cctview_pipeline.detect.network import STRIDE, boxes_from_sides
from cctview_pipeline.training.detector.augmentation import HEIGHT, WIDTH, Example
from cctview_pipeline.training.detector.labels import UNKNOWN_VEHICLE

SMALL_PX = 12.0
IMPORTANCE = {"bus": 2.0, "truck": 2.0, "motorcycle": 3.0}
"""What the centre of a rare vehicle weighs against that of a car; one of under SMALL_PX weighs half as much again."""
KIND_WEIGHT = 0.5
"""What a vehicle's kind weighs against where it is."""
_ALMOST = 0.999
"""Of a vehicle whose kind nobody knows every kind may say this much."""


def render_targets(example: Example) -> tuple[Tensor, ...]:
    """One image's objects on the stride-4 grid (h, w).

    Returns the heatmap (labels + 1, h, w): a Gaussian a box, 1 at its centre cell, and last the vehicles whose kind nobody knows;
    the mask (h, w): 0 where the loss looks away; the boxes (4, h, w) and their weight (h, w), above 0 around centres only; what a
    centre weighs (h, w).
    """
    boxes, labels = example.objects, example.labels
    rows, columns = HEIGHT // STRIDE, WIDTH // STRIDE
    heatmap, mask = np.zeros((len(LABELS) + 1, rows, columns), np.float32), np.ones((rows, columns), np.float32)
    importance = np.ones((rows, columns), np.float32)
    sides, weight = np.zeros((4, rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    for x1, y1, x2, y2 in example.ignored / STRIDE:
        mask[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = 0
    y, x = np.mgrid[:rows, :columns]
    size = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    for index in np.argsort(-size):  # small boxes last: where two meet, the nearer centre is usually the small one's
        x1, y1, x2, y2 = boxes[index] / STRIDE
        column, row = min(int((x1 + x2) / 2), columns - 1), min(int((y1 + y2) / 2), rows - 1)
        spread_x, spread_y = max((x2 - x1) / 6, 0.4), max((y2 - y1) / 6, 0.4)
        gaussian = np.exp(-(((x - column) / spread_x) ** 2 + ((y - row) / spread_y) ** 2) / 2).astype(np.float32)
        if labels[index] == UNKNOWN_VEHICLE:
            heatmap[-1] = np.maximum(heatmap[-1], gaussian)
            kinds = heatmap[: len(VEHICLES)]
            np.maximum(kinds, np.minimum(gaussian, _ALMOST), out=kinds)
        else:
            heatmap[labels[index]] = np.maximum(heatmap[labels[index]], gaussian)
        small = 1.5 if min(x2 - x1, y2 - y1) * STRIDE < SMALL_PX else 1.0
        importance[row, column] = small * IMPORTANCE.get(LABELS[labels[index]] if labels[index] >= 0 else "", 1.0)
        near = gaussian > 0.5
        sides[:, near], weight[near] = boxes[index][:, None], gaussian[near]
        mask[gaussian > 0.1] = 1
    return tuple(torch.from_numpy(each) for each in (heatmap, mask, sides, weight, importance))


def detection_loss(logits: Tensor, sides: Tensor, targets: list[Tensor]) -> Tensor:
    """CenterNet's penalty-reduced focal loss on the heatmap, generalised IoU on the boxes around centres, and cross-entropy
    between the kinds of vehicles at the centres of those whose kind is known.

    At the centre of a vehicle of unknown kind it is enough that one kind says so. As most are cars, that alone makes every
    vehicle a car; hence the third. logits, sides: the network's; targets: the five of :func:`render_targets`, each stacked over
    the batch.
    """
    heatmap, mask, boxes, weight, importance = targets
    unknown, heatmap = heatmap[:, -1:] == 1, heatmap[:, :-1]
    centre = heatmap == 1
    miss = -(logits.sigmoid() ** 2) * F.logsigmoid(-logits) * (1 - heatmap) ** 4 * ~centre
    some = logits[:, : len(VEHICLES)].amax(1, keepdim=True)
    hit = (_missed(logits) * centre).sum(1) + (_missed(some) * unknown).sum(1)
    count = (centre.sum() + unknown.sum()).clamp(min=1)
    focal = ((hit * importance + miss.sum(1)) * mask).sum() / count
    near = weight > 0
    predicted, wanted = (b.permute(0, 2, 3, 1)[near] for b in (boxes_from_sides(sides), boxes))
    overlap = (generalized_box_iou_loss(predicted, wanted) * weight[near]).sum() / weight[near].sum().clamp(min=1)
    return focal + 2 * overlap + KIND_WEIGHT * _mistaken(logits, centre, importance)


def _mistaken(logits: Tensor, centre: Tensor, importance: Tensor) -> Tensor:
    """How far the kinds of vehicles are mistaken for one another, where they are known; rare kinds weigh more."""
    kinds = centre[:, : len(VEHICLES)]
    known = kinds.any(1)
    if not known.any():
        return logits.sum() * 0
    weight = importance[known]
    wrong = F.cross_entropy(
        logits[:, : len(VEHICLES)].permute(0, 2, 3, 1)[known], kinds.float().argmax(1)[known], reduction="none"
    )
    return (wrong * weight).sum() / weight.sum()


def _missed(logits: Tensor) -> Tensor:
    return -((1 - logits.sigmoid()) ** 2) * F.logsigmoid(logits)
