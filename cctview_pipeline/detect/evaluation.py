"""Average precision of boxes at an overlap of one half (AP50), with regions that count neither way."""

from dataclasses import dataclass

import numpy as np

from cctview_pipeline.boxes import pairwise_iou


@dataclass(frozen=True)
class Scored:
    """One image: predicted boxes (N, 4) with scores (N,), true boxes (M, 4), and boxes (K, 4) to leave out."""

    boxes: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    ignored: np.ndarray


@dataclass(frozen=True)
class Curve:
    """Hits and misses over all images, best score first. scores: (N,); precision, recall: (N,); truths: their number."""

    scores: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    truths: int

    @property
    def average_precision(self) -> float:
        """Area under the curve, precision made monotone first and every point used (as PASCAL VOC since 2010)."""
        precision = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float(np.sum(np.diff(self.recall, prepend=0) * precision))

    def best_threshold(self) -> float:
        """The score at which F1 is highest; one half when nothing was found at all."""
        if not len(self.scores):
            return 0.5
        f1 = 2 * self.precision * self.recall / np.maximum(self.precision + self.recall, 1e-9)
        return float(self.scores[f1.argmax()])

    def at(self, threshold: float) -> tuple[float, float]:
        """Precision and recall of the boxes that score threshold or more."""
        count = int((self.scores >= threshold).sum())
        return (float(self.precision[count - 1]), float(self.recall[count - 1])) if count else (1.0, 0.0)


def precision_recall(images: list[Scored], overlap: float = 0.5) -> Curve:
    """Match each image's boxes to its truth greedily, best score first.

    A truth is hit once. A box that hits nothing but lies on an ignored region (IoU of one half with it, or half of
    the box inside it) is left out, as in COCO's crowd rule.
    """
    scores, hits = [], []
    for image in images:
        order = np.argsort(-image.scores, kind="stable")
        iou = pairwise_iou(image.boxes, image.truth)
        excused = covered(image.boxes, image.ignored)
        taken = np.zeros(len(image.truth), bool)
        for index in order:
            free = np.where(taken, 0, iou[index])
            if free.size and free.max() >= overlap:
                taken[free.argmax()] = True
                scores.append(image.scores[index]), hits.append(True)
            elif not excused[index]:
                scores.append(image.scores[index]), hits.append(False)
    order = np.argsort(-np.array(scores), kind="stable")
    hit = np.array(hits, bool)[order]
    truths = sum(len(image.truth) for image in images)
    found = np.cumsum(hit)
    return Curve(np.array(scores)[order], found / np.arange(1, len(hit) + 1), found / max(truths, 1), truths)


def covered(boxes: np.ndarray, regions: np.ndarray) -> np.ndarray:
    if not len(regions):
        return np.zeros(len(boxes), bool)
    top_left = np.maximum(boxes[:, None, :2], regions[None, :, :2])
    bottom_right = np.minimum(boxes[:, None, 2:], regions[None, :, 2:])
    inside = np.prod(np.clip(bottom_right - top_left, 0, None), axis=2)
    own = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)[:, None]
    return ((inside / np.maximum(own, 1e-9)) >= 0.5).any(1) | (pairwise_iou(boxes, regions) >= 0.5).any(1)
