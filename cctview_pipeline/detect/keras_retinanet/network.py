"""RetinaNet (arXiv 1708.02002) on a ResNet-50, in TensorFlow, with the peculiarities of the Keras code that the weights are for.

These are: the stride of a stage stands in its first 1x1 convolution (as in Caffe); the padding of the first convolution is 3 on
every side, that of the pooling and of P6 and P7 is TensorFlow's "same"; and a level is enlarged bilinearly between the corners
of pixels, not their centres, as TensorFlow 1 did.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from cctview_pipeline.detect.keras_retinanet.boxes import FLOOR, anchors_over, regress
from cctview_pipeline.detect.keras_retinanet.layout import BLOCKS, CLASSES, DEPTH, LEVELS, Weights, block_name

EPSILON = 1e-5
"""Of the normalisations, whose statistics stay as they are: they become part of the convolutions."""
Convolution = tuple[tf.Tensor, tf.Tensor]
"""A kernel and a bias."""


class RetinaNet:
    """Prepared pixels (H, W, 3), float32 -> candidates: boxes (N, 4) in those pixels, and scores (N, 80).

    A candidate scores more than 0.05 in some class.
    """

    def __init__(self, weights: Weights) -> None:
        with tf.init_scope():
            self._convolutions = {name: (tf.constant(kernel), tf.constant(bias)) for name, kernel, bias in convolutions(weights)}
            self._anchors = [tf.constant(weights[f"anchors_{level}"][0]) for level in range(LEVELS)]

    @tf.function(input_signature=[tf.TensorSpec((None, None, 3), tf.float32)])
    def __call__(self, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        levels = self._pyramid(*self._backbone(pixels[None]))
        deltas = tf.concat([self._head("regression", level, 4) for level in levels], 0)
        logits = tf.concat([self._head("classification", level, CLASSES) for level in levels], 0)
        anchors = [
            anchors_over(tf.shape(level)[1:3], base, 2 ** (3 + i))
            for i, (level, base) in enumerate(zip(levels, self._anchors, strict=True))
        ]
        scores = tf.sigmoid(logits)
        found = tf.where(tf.reduce_any(scores > FLOOR, 1))[:, 0]
        return regress(tf.gather(tf.concat(anchors, 0), found), tf.gather(deltas, found)), tf.gather(scores, found)

    def _backbone(self, x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """C3, C4 and C5."""
        x = tf.nn.relu(self._convolve("conv1", x, 2, [[0, 0], [3, 3], [3, 3], [0, 0]]))
        x = tf.nn.max_pool2d(x, 3, 2, "SAME")
        stages = []
        for stage, blocks in enumerate(BLOCKS, start=2):
            for block in range(blocks):
                x = self._residual(f"res{block_name(stage, block)}", x, 2 if stage > 2 and block == 0 else 1)
            stages.append(x)
        return tuple(stages[1:])

    def _residual(self, name: str, x: tf.Tensor, stride: int) -> tf.Tensor:
        y = tf.nn.relu(self._convolve(f"{name}_branch2a", x, stride))
        y = tf.nn.relu(self._convolve(f"{name}_branch2b", y))
        y = self._convolve(f"{name}_branch2c", y)
        shortcut = f"{name}_branch1"
        return tf.nn.relu(y + (self._convolve(shortcut, x, stride) if shortcut in self._convolutions else x))

    def _pyramid(self, c3: tf.Tensor, c4: tf.Tensor, c5: tf.Tensor) -> list[tf.Tensor]:
        """P3 to P7."""
        p5 = self._convolve("C5_reduced", c5)
        p4 = self._convolve("C4_reduced", c4) + _enlarge(p5, c4)
        p3 = self._convolve("C3_reduced", c3) + _enlarge(p4, c3)
        p6 = self._convolve("P6", c5, 2)
        p7 = self._convolve("P7", tf.nn.relu(p6), 2)
        return [self._convolve("P3", p3), self._convolve("P4", p4), self._convolve("P5", p5), p6, p7]

    def _head(self, kind: str, x: tf.Tensor, outputs: int) -> tf.Tensor:
        """What one level says of each of its anchors: (places * 9, outputs)."""
        for i in range(DEPTH):
            x = tf.nn.relu(self._convolve(f"pyramid_{kind}_{i}", x))
        return tf.reshape(self._convolve(f"pyramid_{kind}", x), [-1, outputs])

    def _convolve(self, name: str, x: tf.Tensor, stride: int = 1, padding: str | list = "SAME") -> tf.Tensor:
        kernel, bias = self._convolutions[name]
        return tf.nn.conv2d(x, kernel, stride, padding) + bias


def _enlarge(x: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.ResizeBilinear(images=x, size=tf.shape(like)[1:3], align_corners=False, half_pixel_centers=False)


def convolutions(weights: Weights) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Every convolution's name, kernel and bias; a normalisation that follows is folded into both."""
    for name, arrays in weights.items():
        if name.startswith(("conv", "res")):
            yield name, *_folded(arrays[0], *weights["bn_conv1" if name == "conv1" else name.replace("res", "bn")])
        elif name.endswith("_submodel"):
            kind = name.removesuffix("_submodel")
            inner = [f"pyramid_{kind}_{i}" for i in range(DEPTH)] + [f"pyramid_{kind}"]
            yield from zip(inner, arrays[0::2], arrays[1::2], strict=True)
        elif len(arrays) == 2:
            kernel, bias = arrays
            yield name, kernel, bias


def _folded(
    kernel: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The kernel and bias of a convolution with the normalisation after it, computed in float64."""
    factor = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + EPSILON)
    return (kernel * factor).astype(np.float32), (beta - mean * factor).astype(np.float32)
