"""What the network should say about an image, and what it costs to say something else."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss

from cctview_pipeline.detect.augmentation import HEIGHT, WIDTH, Example
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.detect.network import STRIDE, boxes_from_sides


def render_targets(example: Example) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One image's objects on the stride-4 grid (h, w).

    Returns the heatmap (labels, h, w): a Gaussian a box, 1 at its centre cell; the mask (h, w): 0 where the loss looks
    away; the boxes (4, h, w) and their weight (h, w), above 0 around centres only.
    """
    boxes, labels = example.objects, example.labels
    rows, columns = HEIGHT // STRIDE, WIDTH // STRIDE
    heatmap, mask = np.zeros((len(LABELS), rows, columns), np.float32), np.ones((rows, columns), np.float32)
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
        heatmap[labels[index]] = np.maximum(heatmap[labels[index]], gaussian)
        near = gaussian > 0.5
        sides[:, near], weight[near] = boxes[index][:, None], gaussian[near]
        mask[gaussian > 0.1] = 1
    return torch.from_numpy(heatmap), torch.from_numpy(mask), torch.from_numpy(sides), torch.from_numpy(weight)


def detection_loss(logits: Tensor, sides: Tensor, targets: list[Tensor]) -> Tensor:
    """CenterNet's penalty-reduced focal loss on the heatmap plus generalised IoU on the boxes around centres.

    logits, sides: the network's; targets: the four of :func:`render_targets`, each stacked over the batch.
    """
    heatmap, mask, boxes, weight = targets
    centre = heatmap == 1
    log_p, log_q = F.logsigmoid(logits), F.logsigmoid(-logits)
    p = logits.sigmoid()
    hit = -((1 - p) ** 2) * log_p * centre
    miss = -(p**2) * log_q * (1 - heatmap) ** 4 * ~centre
    focal = ((hit + miss) * mask[:, None]).sum() / centre.sum().clamp(min=1)
    near = weight > 0
    predicted, wanted = (b.permute(0, 2, 3, 1)[near] for b in (boxes_from_sides(sides), boxes))
    overlap = (generalized_box_iou_loss(predicted, wanted) * weight[near]).sum() / weight[near].sum().clamp(min=1)
    return focal + 2 * overlap
