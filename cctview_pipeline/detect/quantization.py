"""The network in 8-bit integers, as OpenVINO runs it on processors: a quarter of the memory, half of bfloat16's time.

Post-training quantization (NNCF): weights a channel at a time, activations by the ranges that they take on real frames.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import nncf
import numpy as np
import openvino as ov
import torch
from torch import Tensor
from torch.fx.experimental.optimization import fuse

from cctview_pipeline.detect.network import Candidates, DetectorNetwork


def quantize(network: DetectorNetwork, images: Sequence[np.ndarray]) -> dict[str, Tensor]:
    """images: (H, W, 3), uint8, sides multiples of MULTIPLE, such as the network will see: 300 are plenty.

    Returns the OpenVINO model's two files as tensors of bytes, to be stored beside the weights they were made from.
    """
    example = torch.from_numpy(np.stack([images[0]] * 2))
    model = ov.convert_model(
        Candidates(fuse(network.cpu().eval())), example_input=example, input=[ov.PartialShape([-1, -1, -1, 3])]
    )
    quantized = nncf.quantize(model, nncf.Dataset(images, lambda image: image[None]), subset_size=len(images))
    # Names are counted over the process and would differ every time.
    quantized.set_friendly_name("candidates")
    for number, node in enumerate(quantized.get_ordered_ops()):
        node.set_friendly_name(f"{node.get_type_name()}_{number}")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "network.xml"
        ov.save_model(quantized, path, compress_to_fp16=False)
        parts = {f"openvino.{suffix}": path.with_suffix(f".{suffix}").read_bytes() for suffix in ("xml", "bin")}
    return {name: torch.frombuffer(bytearray(data), dtype=torch.uint8) for name, data in parts.items()}
