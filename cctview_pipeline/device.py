"""The one place that picks the device a model runs on, and the precision that is quick there."""

import torch

from cctview_pipeline.errors import CctviewError


def pick_device(device: str = "auto") -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` into a torch device; ``auto`` takes a GPU when there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise CctviewError(f"'{device}' is no device: use auto, cpu, cuda or cuda:N.") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise CctviewError(f"The device '{device}' was asked for, but torch sees no CUDA device: use auto or cpu.")
    return chosen


def quick_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where there are instructions for it, else float32: a processor without AVX-512 takes nine times as long in
    bfloat16 as in float32, and one with AMX a quarter of the time."""
    quick = device.type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if quick else torch.float32


def quick_autocast(device: torch.device) -> torch.autocast:
    """The context in which a network learns in bfloat16 where that is quick, and in float32 elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=quick_precision(device) == torch.bfloat16)


def set_threads(count: int) -> None:
    """How many threads models of this process may use."""
    torch.set_num_threads(count)
