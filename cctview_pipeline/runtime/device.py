"""The one place that picks the device a model runs on, how many threads it may use, and the precision that is quick there.

Nothing here imports PyTorch before it is needed: a processor runs the shipped models without it.
"""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cctview_pipeline.errors import ModelError
from cctview_pipeline.extras import installed, need
from cctview_pipeline.runtime.granted import granted_cpus

if TYPE_CHECKING:
    import torch

_threads = 0


def set_threads(count: int) -> None:
    """How many threads models of this process may use from now on, on a processor, whatever runs them."""
    global _threads
    _threads = max(1, count)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(_threads)


def threads() -> int:
    """What was set last, or as many as the process was granted processors."""
    return _threads or granted_cpus()


def pick_device(device: str = "auto") -> str:
    """Turn ``auto`` into ``cuda`` or ``cpu``; ``cpu``, ``cuda`` and ``cuda:1`` stay what they are.

    ``auto`` takes a GPU when there is one and PyTorch is installed. Raises CctviewError for what is no device, and for a GPU that
    is not there or that nothing can use.
    """
    if device == "cpu":
        return device
    if device == "auto":
        return "cuda" if _may_have_gpu() and installed("torch") and _torch_sees_gpu() else "cpu"
    if not re.fullmatch(r"cuda(:\d+)?", device):
        raise ModelError(f"'{device}' is no device: use auto, cpu, cuda or cuda:N.")
    need(f"The device '{device}'", "torch")
    if not _torch_sees_gpu():
        raise ModelError(f"The device '{device}' was asked for, but torch sees no CUDA device: use auto or cpu.")
    return device


def _may_have_gpu() -> bool:
    """Whether the kernel has a device that PyTorch could use: on a machine without one, PyTorch need not be imported to ask."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or any(Path("/dev", name).exists() for name in ("dxg", "kfd"))


def _torch_sees_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def torch_device(device: str) -> "torch.device":
    """A device as PyTorch has it, PyTorch being held to the threads that models may use."""
    import torch

    chosen = torch.device(pick_device(device))
    if _threads and torch.get_num_threads() != _threads:
        torch.set_num_threads(_threads)
    return chosen


def quick_precision(device: "torch.device") -> "torch.dtype":
    """bfloat16 where there are instructions for it, else float32: a processor without AVX-512 takes nine times as long in
    bfloat16 as in float32, and one with AMX a quarter of the time."""
    import torch

    quick = device.type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if quick else torch.float32


def quick_autocast(device: "torch.device") -> "torch.autocast":
    """The context in which a network learns in bfloat16 where that is quick, and in float32 elsewhere."""
    import torch

    return torch.autocast(device.type, torch.bfloat16, enabled=quick_precision(device) == torch.bfloat16)
