"""From the heads' outputs to boxes: anchors, regression and non-maximum suppression as the original does them, in TensorFlow."""

import numpy as np
import tensorflow as tf

from cctview_pipeline.detect.keras_retinanet.layout import CLASSES

DEVIATIONS = (0.1, 0.1, 0.2, 0.2)
"""What the network's (dx, dy, dw, dh) are multiplied by; their means are 0."""
FLOOR, OVERLAP, MAX_BOXES = 0.05, 0.5, 300
"""Of each class: scores above the floor, suppressed above this IoU, and so many boxes at most."""


def anchors_over(places: tf.Tensor, base: tf.Tensor, stride: int) -> tf.Tensor:
    """places: rows and columns of a level; base (9, 4): anchors around 0, 0 -> (rows * columns * 9, 4), row by row."""
    y, x = ((tf.cast(tf.range(count), tf.float32) + 0.5) * stride for count in tf.unstack(places, 2))
    x, y = (tf.reshape(grid, [-1, 1]) for grid in tf.meshgrid(x, y))
    return tf.reshape(tf.concat([x, y, x, y], 1)[:, None] + base[None], [-1, 4])


def regress(anchors: tf.Tensor, deltas: tf.Tensor) -> tf.Tensor:
    """Anchors (N, 4) moved and stretched by (N, 4) outputs of the network, in the centre-size form."""
    sizes = anchors[:, 2:] - anchors[:, :2]
    deltas = deltas * DEVIATIONS
    centres = anchors[:, :2] + 0.5 * sizes + deltas[:, :2] * sizes
    halves = 0.5 * tf.exp(deltas[:, 2:]) * sizes
    return tf.concat([centres - halves, centres + halves], 1)


def survivors(boxes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Non-maximum suppression class by class: (N, 4) and (N, 80) -> boxes (M, 4), scores (M,), classes (M,), best first.

    A box that survives in several classes is of the one where it scores most.
    """
    kept = np.zeros((len(boxes), CLASSES), np.float32)
    for label in np.flatnonzero((scores > FLOOR).any(0)):
        (rows,) = np.nonzero(scores[:, label] > FLOOR)
        chosen = rows[tf.image.non_max_suppression(boxes[rows], scores[rows, label], MAX_BOXES, OVERLAP).numpy()]
        kept[chosen, label] = scores[chosen, label]
    best = kept.max(1)
    order = np.argsort(-best, kind="stable")[: np.count_nonzero(best)]
    return boxes[order], best[order], kept.argmax(1)[order]
