"""The one place that picks the device a model runs on."""

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
