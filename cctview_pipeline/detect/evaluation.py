"""Average precision of boxes at an overlap of one half (AP50), with regions that count neither way.

The same as COCO's evaluator gives, to which a test holds it. It is not called here, because it gives no point of the curve at a
score: an operating point is chosen and judged by precision and recall there.
"""

from dataclasses import dataclass

import numpy as np

from cctview_pipeline.boxes import pairwise_iou

SIZES = ("under 12 px", "12-24 px", "over 24 px")
"""Classes of size, by the shorter side of a box; 24 px is in the middle one."""


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

    def best_threshold(self, slack: float = 0.0) -> float:
        """The highest score at which F1 is within ``slack`` of its best; one half when nothing was found at all."""
        if not len(self.scores):
            return 0.5
        f1 = 2 * self.precision * self.recall / np.maximum(self.precision + self.recall, 1e-9)
        return float(self.scores[f1 >= f1.max() - slack].max())

    def at(self, threshold: float) -> tuple[float, float]:
        """Precision and recall of the boxes that score threshold or more."""
        count = int((self.scores >= threshold).sum())
        return (float(self.precision[count - 1]), float(self.recall[count - 1])) if count else (1.0, 0.0)


@dataclass(frozen=True)
class Outcomes:
    """What became of every predicted box that counts: scores (N,), boxes (N, 4), whether it hit a truth (N,), and the
    number of truths there were."""

    scores: np.ndarray
    boxes: np.ndarray
    hits: np.ndarray
    truths: int


def match(images: list[Scored], overlap: float = 0.5) -> Outcomes:
    """Match each image's boxes to its truth greedily, best score first.

    A truth is hit once. A box that hits nothing but lies on an ignored region (IoU of one half with it, or half of
    the box inside it) is left out, as in COCO's crowd rule.
    """
    scores, boxes, hits = [], [], []
    for image in images:
        order = np.argsort(-image.scores, kind="stable")
        iou = pairwise_iou(image.boxes, image.truth)
        excused = covered(image.boxes, image.ignored)
        taken = np.zeros(len(image.truth), bool)
        for index in order:
            free = np.where(taken, 0, iou[index])
            hit = bool(free.size and free.max() >= overlap)
            if hit:
                taken[free.argmax()] = True
            if hit or not excused[index]:
                scores.append(image.scores[index])
                boxes.append(image.boxes[index])
                hits.append(hit)
    truths = sum(len(image.truth) for image in images)
    return Outcomes(np.array(scores), np.array(boxes, np.float32).reshape(-1, 4), np.array(hits, bool), truths)


def precision_recall(images: list[Scored], overlap: float = 0.5) -> Curve:
    """The curve over all images; :func:`match` says which boxes count."""
    outcomes = match(images, overlap)
    order = np.argsort(-outcomes.scores, kind="stable")
    found = np.cumsum(outcomes.hits[order])
    precision, recall = found / np.arange(1, len(found) + 1), found / max(outcomes.truths, 1)
    return Curve(outcomes.scores[order], precision, recall, outcomes.truths)


def by_size(image: Scored, overlap: float = 0.5) -> list[Scored]:
    """The image once for each of SIZES, with the true boxes of other sizes ignored.

    A predicted box belongs with the true one it overlaps most, by ``overlap`` or more, else to its own size: a box a pixel
    too wide is no false alarm in the next class.
    """
    true, own = _size(image.truth), _size(image.boxes)
    if len(true) and len(own):
        iou = pairwise_iou(image.boxes, image.truth)
        own = np.where(iou.max(1) >= overlap, true[iou.argmax(1)], own)
    return [
        Scored(
            image.boxes[own == size],
            image.scores[own == size],
            image.truth[true == size],
            np.concatenate([image.ignored.reshape(-1, 4), image.truth[true != size]]),
        )
        for size in range(len(SIZES))
    ]


def _size(boxes: np.ndarray) -> np.ndarray:
    shorter = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf)
    return (shorter >= 12).astype(np.int64) + (shorter > 24)


def covered(boxes: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """(N,) bool: which boxes (N, 4) lie on a region (K, 4): half of the box inside, or an IoU of one half."""
    if not len(regions):
        return np.zeros(len(boxes), bool)
    top_left = np.maximum(boxes[:, None, :2], regions[None, :, :2])
    bottom_right = np.minimum(boxes[:, None, 2:], regions[None, :, 2:])
    inside = np.prod(np.clip(bottom_right - top_left, 0, None), axis=2)
    own = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)[:, None]
    return ((inside / np.maximum(own, 1e-9)) >= 0.5).any(1) | (pairwise_iou(boxes, regions) >= 0.5).any(1)
