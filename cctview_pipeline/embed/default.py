"""The default extractor: the network of :mod:`cctview_pipeline.embed.network` with weights from models/."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch.fx.experimental.optimization import fuse
from torch.nn.functional import normalize

from cctview_pipeline.device import pick_device, quick_precision
from cctview_pipeline.embed import Space
from cctview_pipeline.embed.network import SIDE, ExtractorNetwork
from cctview_pipeline.images import decode
from cctview_pipeline.weights import ModelEntry, read_weights

GREY = 114
"""The border of a letterboxed crop, so that a bus is not squeezed into a car."""


class DefaultExtractor:
    """The small network trained by this project. Embeddings have length 1. See models/ for its card."""

    def __init__(self, network: ExtractorNetwork, version: str, device: torch.device) -> None:
        self.dimension = network.dimension
        self.version = version
        self._device = device
        self._published = network.published.weight.detach().cpu().numpy(), network.published.bias.detach().cpu().numpy()
        # bf16, where it is quick, moves an embedding by less than its storage as float16 does (cosine 0.9997).
        self._precision = quick_precision(device)
        self._network = fuse(network.eval()).to(device, self._precision, memory_format=torch.channels_last)

    @classmethod
    def load(cls, entry: ModelEntry, device: str) -> "DefaultExtractor":
        state, _ = read_weights(entry)
        return cls(ExtractorNetwork.of(state), entry.version, pick_device(device))

    def embed(self, crops: Sequence[np.ndarray], space: Space = "own", batch: int = 64) -> np.ndarray:
        """RGB uint8 arrays (H, W, 3) of any size -> (N, D) float32 of length 1, in the order of the crops.

        space: ``veri`` gives (N, 1920) instead, near to what the published DenseNet201 would give, of its lengths.
        """
        embeddings = np.zeros((len(crops), self.dimension), np.float32)
        for begin in range(0, len(crops), batch):
            views = np.stack([two_views(decode(crop)) for crop in crops[begin : begin + batch]])
            embeddings[begin : begin + batch] = self._embed_batch(torch.from_numpy(views))
        if space == "own":
            return embeddings
        weight, bias = self._published
        return embeddings @ weight.T + bias

    @torch.inference_mode()
    def _embed_batch(self, views: torch.Tensor) -> np.ndarray:
        inputs = views.to(self._device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255).to(self._precision)
        found = self._network(inputs.contiguous(memory_format=torch.channels_last)).float()
        return normalize(found, dim=1).cpu().numpy()  # bf16 rounds the halves' weights


def two_views(crop: np.ndarray) -> np.ndarray:
    """A crop (H, W, 3) as the network takes it, (64, 64, 6): its middle and, behind that, the whole of it."""
    return np.concatenate([middle(crop), letterbox(crop)], axis=2)


def middle(crop: np.ndarray) -> np.ndarray:
    """The square that DenseNet201-VeRI sees of a crop (H, W, 3), 224/256 of its shorter side in the middle: (64, 64, 3)."""
    height, width = crop.shape[:2]
    side = min(height, width) * 224 / 256
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(Image.fromarray(crop).resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box))


def letterbox(crop: np.ndarray) -> np.ndarray:
    """A crop (H, W, 3) scaled so that its longer side is 64, centred on grey: (64, 64, 3) uint8."""
    height, width = crop.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = Image.fromarray(crop).resize(size, Image.Resampling.BILINEAR)
    return canvas
