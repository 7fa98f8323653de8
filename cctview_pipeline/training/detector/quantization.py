"""The detector's network in 8-bit integers, as OpenVINO runs it on processors."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.fx.experimental.optimization import fuse

from cctview_pipeline.detect.network import Candidates, DetectorNetwork
from cctview_pipeline.runtime.openvino_form import quantized


def quantize(network: DetectorNetwork, images: Sequence[np.ndarray]) -> dict[str, Tensor]:
    """images: (H, W, 3), uint8, of a size that the network takes, such as it will see: 300 are plenty. See :func:`quantized`."""
    return quantized(Candidates(fuse(network.cpu().eval())), (-1, -1, -1, 3), [image[None] for image in images])
