"""Checkpoints of a training, so that a stopped one goes on where it was."""

import io
from pathlib import Path
from typing import Any

import torch

from cctview_pipeline.files import write_whole


def save(checkpoint: Path, parts: dict[str, Any], epoch: int) -> None:
    """Write the state of every part (network, optimizer, ...) after a number of finished epochs, whole or not at all."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save({name: part.state_dict() for name, part in parts.items()} | {"epoch": epoch}, buffer)
    write_whole(checkpoint, buffer.getvalue())


def resume(checkpoint: Path, parts: dict[str, Any]) -> int:
    """Load what an interrupted training left into the parts; returns the number of epochs it had finished."""
    if not checkpoint.exists():
        return 0
    saved = torch.load(checkpoint, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return saved["epoch"]
