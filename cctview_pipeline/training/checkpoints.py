"""Checkpoints of a training, so that a stopped one goes on where it was."""

from pathlib import Path
from typing import Any

import torch


def save(checkpoint: Path, parts: dict[str, Any], epoch: int) -> None:
    """Write the state of every part (network, optimizer, ...) after a number of finished epochs, whole or not at all."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    partial = checkpoint.with_suffix(".partial")
    torch.save({name: part.state_dict() for name, part in parts.items()} | {"epoch": epoch}, partial)
    partial.replace(checkpoint)


def resume(checkpoint: Path, parts: dict[str, Any]) -> int:
    """Load what an interrupted training left into the parts; returns the number of epochs it had finished."""
    if not checkpoint.exists():
        return 0
    saved = torch.load(checkpoint, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return saved["epoch"]
