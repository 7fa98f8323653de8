"""The extractor's network as PyTorch computes it: on graphics cards and in training."""

from collections.abc import Callable

import numpy as np
import torch
from torch.fx.experimental.optimization import fuse
from torch.nn.functional import normalize

from cctview_pipeline.embed.default import DefaultExtractor
from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.registry.manifest import ModelEntry
from cctview_pipeline.registry.state_dicts import read_weights
from cctview_pipeline.runtime.device import quick_precision, torch_device


class TorchBackend:
    """In bfloat16 where that is quick: it moves an embedding by less than its storage as float16 does (cosine 0.9997)."""

    batch, depth = 64, 1

    def __init__(self, network: ExtractorNetwork, device: torch.device) -> None:
        self.dimension, self._device = network.dimension, device
        self._precision = quick_precision(device)
        self._network = fuse(network.eval()).to(device, self._precision).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def start(self, views: np.ndarray) -> Callable[[], np.ndarray]:
        inputs = torch.from_numpy(views).to(self._device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255)
        found = self._network(inputs.to(self._precision).contiguous(memory_format=torch.channels_last)).float()
        found = normalize(found, dim=1)  # bf16 rounds the halves' weights
        return lambda: found.cpu().numpy()


def extractor_of(network: ExtractorNetwork, version: str) -> DefaultExtractor:
    """The extractor that a network is at this moment, where it is."""
    return DefaultExtractor(TorchBackend(network, network.share.device), version, published_map(network))


def published_map(network: ExtractorNetwork) -> tuple[np.ndarray, np.ndarray]:
    """(1920, D) and (1920,): from an embedding to the published features."""
    weight, bias = (part.detach().cpu().numpy() for part in (network.published.weight, network.published.bias))
    return weight, bias


def load_extractor(entry: ModelEntry, device: str) -> DefaultExtractor:
    """With the weights of a model of the manifest."""
    network = ExtractorNetwork.of(read_weights(entry)[0])
    return extractor_of(network.to(torch_device(device)), entry.version)
