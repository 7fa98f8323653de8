"""The extractor's network as OpenVINO runs it on processors."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from cctview_pipeline.embed.default import DefaultExtractor, OpenVinoBackend
from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.embed.torch_backend import extractor_of, published_map
from cctview_pipeline.embed.views import two_views
from cctview_pipeline.images import decode
from cctview_pipeline.openvino_form import quantized

MOST = 300
"""Crops that the ranges of its layers are taken from."""


class _FromViews(nn.Module):
    """(B, 64, 64, 6) uint8, as :func:`two_views` gives them -> (B, D) float32."""

    def __init__(self, network: ExtractorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Tensor) -> Tensor:
        return self.network(views.permute(0, 3, 1, 2).float() / 255)


def quantize(network: ExtractorNetwork, crops: Sequence[np.ndarray | bytes]) -> dict[str, Tensor]:
    """crops: such as the network will see, as for ``embed``; up to MOST of them are used, evenly taken. See :func:`quantized`."""
    chosen = [crops[i] for i in np.unique(np.linspace(0, len(crops) - 1, MOST).astype(int))]
    views = [two_views(decode(crop))[None] for crop in chosen]
    return quantized(_FromViews(fuse(network.cpu().eval())), (-1, 64, 64, 6), views)


def extractor_with(network: ExtractorNetwork, form: dict[str, Tensor], version: str) -> DefaultExtractor:
    """What the weights of a network and its form give where the network is: that on a processor, PyTorch elsewhere."""
    if network.share.device.type != "cpu":
        return extractor_of(network, version)
    return DefaultExtractor(OpenVinoBackend(form), version, published_map(network))
