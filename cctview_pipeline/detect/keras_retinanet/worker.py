"""The process that has TensorFlow: ``python -m cctview_pipeline.detect.keras_retinanet.worker WEIGHTS [--device cuda:1]``.

Images come in on stdin and boxes go out on stdout, as :mod:`.exchange` has it; an empty answer says that the weights are
loaded. Everything else that is printed goes to stderr. The process ends with its stdin, or within a second of its parent.
"""

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from cctview_pipeline.detect.keras_retinanet.exchange import FOUND, REFUSED, Found, pack_found, unpack_images
from cctview_pipeline.detect.keras_retinanet.layout import read_layers
from cctview_pipeline.detect.keras_retinanet.pixels import prepare
from cctview_pipeline.errors import CctviewError


class Original:
    """The original detector, one image at a time. Needs TensorFlow."""

    def __init__(self, weights: Path, device: str = "auto") -> None:
        """device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``. Raises CctviewError for weights or a device that it cannot use."""
        layers = read_layers(weights)  # before the seconds that TensorFlow takes
        import tensorflow as tf

        from cctview_pipeline.detect.keras_retinanet.network import RetinaNet

        tf.config.experimental.enable_tensor_float_32_execution(False)  # on cards too, the numbers are the original's
        self._tf, self._device = tf, pick_tensorflow_device(device)
        with tf.device(self._device):
            self._network = RetinaNet(layers)

    def find(self, image: np.ndarray) -> Found:
        """RGB uint8 (H, W, 3) -> what it shows."""
        from cctview_pipeline.detect.keras_retinanet.boxes import survivors

        pixels, scale = prepare(image)
        with self._tf.device(self._device):
            candidates = self._network(pixels)
        boxes, scores, classes = survivors(*(each.numpy() for each in candidates))
        return Found(boxes / np.float32(scale), scores, classes.astype(np.int16))


def pick_tensorflow_device(device: str) -> str:
    """TensorFlow's name of a device, whose memory is then taken as it is needed, since PyTorch may need some of it too."""
    import tensorflow as tf

    cards = tf.config.list_physical_devices("GPU")
    for card in cards:
        tf.config.experimental.set_memory_growth(card, True)
    if device == "cpu" or (device == "auto" and not cards):
        return "/CPU:0"
    number = int(device.partition(":")[2] or 0)
    if number >= len(cards):
        raise CctviewError(f"The device '{device}' was asked for, but TensorFlow sees {len(cards)} of CUDA: use auto or cpu.")
    return f"/GPU:{number}"


def serve(original: Original, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the requests end."""
    with pa.ipc.new_stream(answers, FOUND) as writer:
        writer.write_batch(pack_found([]))  # the parent waits for it: the weights are loaded
        answers.flush()
        for batch in pa.ipc.open_stream(requests):
            writer.write_batch(pack_found([original.find(image) for image in unpack_images(batch)]))
            answers.flush()


def leave_with(parent: int) -> None:
    """End this process when its parent has ended, however it did: other children of it may hold our stdin open."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Load the weights and answer requests on standard input until it ends."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--parent", type=int, help="end when this process does")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's to deal with
    if arguments.parent is not None:
        leave_with(arguments.parent)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    try:
        original = Original(arguments.weights, arguments.device)
    except CctviewError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)
    serve(original, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
