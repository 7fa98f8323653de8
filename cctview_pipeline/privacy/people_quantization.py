"""The people finder's network as OpenVINO runs it on processors."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from cctview_pipeline.openvino_form import quantized
from cctview_pipeline.privacy.people_network import FromBytes, PeopleNetwork


def quantize(network: PeopleNetwork, images: Sequence[np.ndarray]) -> dict[str, Tensor]:
    """images: (H, W, 3), uint8, sides multiples of 16, such as the network will see: 300 are plenty. See :func:`quantized`."""
    return quantized(FromBytes(network.cpu().eval()), (1, -1, -1, 3), [image[None] for image in images])
