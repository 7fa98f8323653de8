"""The detector's network as PyTorch computes it: on graphics cards, in training, and wherever else it is asked for."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor
from torch.fx.experimental.optimization import fuse
from torch.nn import functional as F
from torchvision.io import ImageReadMode, decode_jpeg

from cctview_pipeline.detect.backends import Found
from cctview_pipeline.detect.network import Candidates, DetectorNetwork
from cctview_pipeline.detect.padding import padded_size
from cctview_pipeline.images import ImageLike, decode
from cctview_pipeline.images.size import Size
from cctview_pipeline.registry.manifest import ModelEntry
from cctview_pipeline.registry.state_dicts import read_weights
from cctview_pipeline.runtime.device import quick_precision, torch_device


class TorchBackend:
    """The network in PyTorch: half precision on a graphics card, where JPEGs are decoded too; on a processor bfloat16,
    or float32 where that is quicker."""

    batch = 16

    def __init__(self, network: DetectorNetwork, device: torch.device) -> None:
        self._device, self._on_gpu = device, device.type == "cuda"
        # Normalisation is folded into the convolutions, and the weights are kept in the precision they are used in.
        dtype = torch.float16 if self._on_gpu else quick_precision(device)
        self._network = Candidates(fuse(network.eval())).to(device, dtype).to(memory_format=torch.channels_last)
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
                loaded = [
                    next(decoded).permute(1, 2, 0) if isinstance(image, bytes) else torch.tensor(decode(image)).to(self._device)
                    for image in images
                ]
            except RuntimeError:  # one of a kind that the card does not decode: all as on a processor, whose error tells
                loaded = [torch.tensor(decode(image)).to(self._device) for image in images]
            self._decoding.synchronize()  # this thread waits, not the one that keeps the card busy
        return loaded

    def scale(self, image: Tensor, size: Size) -> Tensor:
        planes = image.permute(2, 0, 1)[None].float()
        return F.interpolate(planes, size[::-1], mode="bilinear", antialias=True)[0].permute(1, 2, 0).round().to(torch.uint8)

    @classmethod
    def of(cls, entry: ModelEntry, device: str) -> "TorchBackend":
        """With the weights of a model of the manifest."""
        network = DetectorNetwork.of(read_weights(entry)[0])
        return cls(network, torch_device(device))

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
            return lambda: _arrays(outputs)
        copies = [torch.empty(output.shape, dtype=output.dtype, pin_memory=True) for output in outputs]
        for copy, output in zip(copies, outputs, strict=True):
            copy.copy_(output, non_blocking=True)
        done = torch.cuda.Event()
        done.record()

        def result() -> Found:
            done.synchronize()
            return _arrays(copies)

        return result


def _arrays(outputs: Iterable[Tensor]) -> Found:
    scores, labels, boxes = (output.numpy() for output in outputs)
    return scores, labels, boxes
