"""Making a network's form for OpenVINO out of PyTorch's: in 8-bit integers, or with the weights as they are.

Post-training quantization (NNCF): weights a channel at a time, activations by the ranges that they take on real pictures. That is
a quarter of the memory and half of bfloat16's time.
"""

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from torch import Tensor, nn

from cctview_pipeline.extras import need
from cctview_pipeline.runtime.openvino_network import FORM


def quantized(network: nn.Module, shape: Sequence[int], batches: Sequence[np.ndarray], **settings: object) -> dict[str, Tensor]:
    """shape: of a batch, -1 where it may be of any length; batches: such as the network will see, 300 are plenty; settings: what
    NNCF is told besides, such as what stays in floating point.

    Returns the OpenVINO model's two files as tensors of bytes, to be stored beside the weights they were made from: the same for
    the same weights and batches.
    """
    need("Quantizing a network", "nncf")
    import nncf  # takes seconds

    model = _converted(network, shape, batches[0])
    return _files(nncf.quantize(model, nncf.Dataset(batches), subset_size=len(batches), **settings))


def converted(network: nn.Module, shape: Sequence[int], batch: np.ndarray) -> dict[str, Tensor]:
    """As :func:`quantized`, in floating point."""
    return _files(_converted(network, shape, batch))


def _converted(network: nn.Module, shape: Sequence[int], batch: np.ndarray) -> ov.Model:
    example = torch.from_numpy(np.concatenate([batch, batch]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # OpenVINO traces the network in a way that PyTorch will drop
        return ov.convert_model(network, example_input=example, input=[ov.PartialShape(list(shape))])


def _files(model: ov.Model) -> dict[str, Tensor]:
    # Names are counted over the process and would differ every time.
    model.set_friendly_name("network")
    for number, node in enumerate(model.get_ordered_ops()):
        node.set_friendly_name(f"{node.get_type_name()}_{number}")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "network.xml"
        ov.save_model(model, path, compress_to_fp16=False)
        parts = {f"{FORM}{suffix}": path.with_suffix(f".{suffix}").read_bytes() for suffix in ("xml", "bin")}
    return {name: torch.frombuffer(bytearray(data), dtype=torch.uint8) for name, data in parts.items()}
