"""The extractor's network as OpenVINO runs it on processors: the identity tower in 8-bit integers, which leaves its ranks as they
are, the likeness tower in floating point, where integers would move one crop in a hundred far from its place.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from cctview_pipeline.embed.default import DefaultExtractor, OpenVinoBackend
from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.embed.torch_backend import extractor_of, published_map
from cctview_pipeline.embed.views import two_views
from cctview_pipeline.extras import need
from cctview_pipeline.images import decode
from cctview_pipeline.runtime.openvino_form import quantized

MAX_PICTURES = 300
"""Crops that the ranges of its layers are taken from."""
_FLOATING = ["Concat", "Divide", "MatMul", "Maximum", "Multiply", "ReduceL2", "ReduceMax", "ReduceMean"]
"""What follows the towers' maps, and costs nothing."""
_LIKENESS = tuple(
    f"__module.network.likeness.{name}" for name in ("stages.0.0.0/aten::_convolution/Convolution", "project/aten::linear/MatMul")
)
"""The first and the last layer of the tower that stays in floating point, as OpenVINO calls them."""


class _FromViews(nn.Module):
    """(B, 64, 64, 6) uint8, as :func:`two_views` gives them -> (B, D) float32."""

    def __init__(self, network: ExtractorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Tensor) -> Tensor:
        return self.network(views.permute(0, 3, 1, 2).float() / 255)


def quantize(network: ExtractorNetwork, crops: Sequence[np.ndarray | bytes]) -> dict[str, Tensor]:
    """crops: such as the network will see, as for ``embed``; up to MOST of them are used, evenly taken. See :func:`quantized`."""
    need("Quantizing a network", "nncf")
    from nncf import AdvancedQuantizationParameters, IgnoredScope, Subgraph  # takes seconds
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    chosen = [crops[i] for i in np.unique(np.linspace(0, len(crops) - 1, MAX_PICTURES).astype(int))]
    views = [two_views(decode(crop))[None] for crop in chosen]
    # A bright crop reaches far beyond the mean crop's range.
    ranges = AdvancedQuantizationParameters(activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX)
    floating = IgnoredScope(types=_FLOATING, subgraphs=[Subgraph(inputs=[_LIKENESS[0]], outputs=[_LIKENESS[1]])])
    fused = fuse(_FromViews(network.cpu().eval()))  # or convolutions would have no names
    return quantized(fused, (-1, 64, 64, 6), views, advanced_parameters=ranges, ignored_scope=floating)


def extractor_with(network: ExtractorNetwork, form: dict[str, Tensor], version: str) -> DefaultExtractor:
    """What the weights of a network and its form give where the network is: that on a processor, PyTorch elsewhere."""
    if network.share.device.type != "cpu":
        return extractor_of(network, version)
    return DefaultExtractor(OpenVinoBackend(form), version, published_map(network))
