"""What computes the network: OpenVINO on processors, PyTorch on graphics cards.

docs/detector.md has the measurements behind the choice. A backend takes a batch and gives back a promise of its result, so
that decoding, computing and reading off the results of different batches happen at the same time.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import openvino as ov
import torch
from torch import Tensor
from torch.fx.experimental.optimization import fuse
from torch.nn import functional as F
from torchvision.io import ImageReadMode, decode_jpeg

from cctview_pipeline.detect.network import Candidates, DetectorNetwork, padded_size
from cctview_pipeline.device import quick_precision
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import ImageLike, decode

Found: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Scores (B, K), label indices (B, K) and boxes (B, K, 4) of a batch's candidates."""


class Backend(Protocol):
    """batch: images at a time; depth: batches that may be under way at a time."""

    batch: int
    depth: int

    def load(self, images: Sequence[ImageLike]) -> list:
        """Decode images to (H, W, 3), uint8, wherever the backend wants them. Runs beside the computation, in a thread."""

    def submit(self, images: list) -> Callable[[], Found]:
        """Start on up to ``batch`` loaded images of one size; the result is waited for when it is called."""


class OpenVinoBackend:
    """The network in 8-bit integers on a processor, one image at a time on each of some threads."""

    batch = 1

    def __init__(self, model: bytes, weights: bytes, threads: int) -> None:
        """model, weights: what OpenVINO keeps in an .xml and a .bin file."""
        self._core = ov.Core()
        self._model = self._core.read_model(model, weights)
        self._settings = {
            "NUM_STREAMS": threads,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",  # of the few layers that are not in integers
            "ENABLE_CPU_PINNING": False,  # two processes would be pinned to the same cores
        }
        self.depth = 2 * threads
        self._idle: dict[tuple[int, int], list[ov.InferRequest]] = defaultdict(list)
        self._compiled: dict[tuple[int, int], ov.CompiledModel] = {}

    @classmethod
    def of(cls, state: dict[str, Tensor], threads: int) -> "OpenVinoBackend":
        """From a model's tensors, where :func:`~cctview_pipeline.detect.quantization.quantize` puts the two files."""
        return cls(*(state[f"openvino.{part}"].numpy().tobytes() for part in ("xml", "bin")), threads)

    def load(self, images: Sequence[ImageLike]) -> list[np.ndarray]:
        return [decode(image) for image in images]

    def submit(self, images: list[np.ndarray]) -> Callable[[], Found]:
        (image,) = images
        image = padded(image)
        size = image.shape[:2]
        if size not in self._compiled:
            model = self._model.clone()
            model.reshape([1, *size, 3])
            self._compiled[size] = self._core.compile_model(model, "CPU", self._settings)
        idle = self._idle[size]
        request = idle.pop() if idle else self._compiled[size].create_infer_request()
        request.start_async([image[None]])

        def result() -> Found:
            request.wait()
            found = tuple(np.array(request.get_output_tensor(i).data) for i in range(3))
            idle.append(request)
            return found

        return result


class TorchBackend:
    """The network in PyTorch: half precision on a graphics card, where JPEGs are decoded too; on a processor bfloat16,
    or float32 where that is quicker."""

    batch = 16

    def __init__(self, network: DetectorNetwork, device: torch.device) -> None:
        self._device, self._on_gpu = device, device.type == "cuda"
        # Normalisation is folded into the convolutions, and the weights are kept in the precision they are used in.
        dtype = torch.float16 if self._on_gpu else quick_precision(device)
        self._network = Candidates(fuse(network.eval())).to(device, dtype, memory_format=torch.channels_last)
        self.depth = 3 if self._on_gpu else 1
        if self._on_gpu:
            self.batch = 128
            self._decoding = torch.cuda.Stream(device)

    def load(self, images: Sequence[ImageLike]) -> list[Tensor]:
        if not self._on_gpu:
            return [torch.tensor(decode(image)) for image in images]
        jpegs = [torch.frombuffer(bytearray(image), dtype=torch.uint8) for image in images if isinstance(image, bytes)]
        with torch.cuda.stream(self._decoding):
            try:
                decoded = iter(decode_jpeg(jpegs, ImageReadMode.RGB, device=self._device) if jpegs else [])
            except RuntimeError as error:
                raise CctviewError(f"An image cannot be decoded: {error}.") from error
            loaded = [
                next(decoded).permute(1, 2, 0) if isinstance(image, bytes) else torch.tensor(decode(image)).to(self._device)
                for image in images
            ]
            self._decoding.synchronize()  # this thread waits, not the one that keeps the card busy
        return loaded

    @torch.inference_mode()
    def submit(self, images: list[Tensor]) -> Callable[[], Found]:
        height, width = images[0].shape[:2]
        full = padded_size(height, width)
        batch = F.pad(torch.stack(images), (0, 0, 0, full[1] - width, 0, full[0] - height))
        if self._on_gpu:
            for image in images:  # made on another stream: their memory must not be used again before this one has read it
                image.record_stream(torch.cuda.current_stream(self._device))
        outputs = self._network(batch)
        if not self._on_gpu:
            return lambda: tuple(output.numpy() for output in outputs)
        copies = [torch.empty(output.shape, dtype=output.dtype, pin_memory=True) for output in outputs]
        for copy, output in zip(copies, outputs, strict=True):
            copy.copy_(output, non_blocking=True)
        done = torch.cuda.Event()
        done.record()

        def result() -> Found:
            done.synchronize()
            return tuple(copy.numpy() for copy in copies)

        return result


def padded(image: np.ndarray) -> np.ndarray:
    """The image with black to the right and below, up to a size that the network takes."""
    height, width = padded_size(*image.shape[:2])
    if image.shape[:2] == (height, width):
        return image
    return np.pad(image, ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)))
