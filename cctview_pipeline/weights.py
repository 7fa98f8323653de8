"""The one place that finds, checks, reads and registers model weights.

``models/manifest.toml`` lists every model with its file, size and SHA-256; a file that differs is refused, because a
detector with damaged weights does not fail, it sees things.
"""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

import tomlkit
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.paths import models_directory

METADATA = "cctview"
"""The entry of a file's header that holds the metadata, as JSON."""


@dataclass(frozen=True)
class ModelEntry:
    """One model of the manifest. task: ``detector``, ``extractor`` or ``masker``; version: what tables say in their ``model``
    column."""

    name: str
    task: str
    path: Path
    sha256: str

    @property
    def version(self) -> str:
        return f"{self.name}@{self.sha256[:12]}"


def find_model(name: str, task: str) -> ModelEntry:
    """Look a model up in the manifest. ``default`` means ``default-<task>``."""
    entries = _manifest()
    key = f"default-{task}" if name == "default" else name
    entry = entries.get(key)
    if entry is None or entry["task"] != task:
        known = ", ".join(sorted(k for k, e in entries.items() if e["task"] == task)) or "none"
        raise CctviewError(f"There is no {task} named '{name}' in {models_directory() / 'manifest.toml'}: known are {known}.")
    return ModelEntry(key, task, models_directory() / entry["file"], entry["sha256"])


def list_models() -> list[ModelEntry]:
    """All models of the manifest, by name."""
    return [ModelEntry(n, e["task"], models_directory() / e["file"], e["sha256"]) for n, e in sorted(_manifest().items())]


def read_facts(entry: ModelEntry) -> dict:
    """All that the manifest says of a model, such as its licence, recipe and measured figures."""
    return _manifest()[entry.name]


def read_weights(entry: ModelEntry) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The state dict (float32) and the metadata of a model's file, after its hash was checked."""
    check_file(entry)
    try:
        with safe_open(entry.path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - safe_open is no dict
            metadata = file.metadata() or {}
            metadata = json.loads(metadata[METADATA]) if METADATA in metadata else metadata
    except (SafetensorError, OSError) as error:
        raise CctviewError(f"The weights {entry.path} are no readable safetensors file: {error}.") from error
    return {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in state.items()}, metadata


def check_file(entry: ModelEntry) -> None:
    """Raises CctviewError when a model's file is missing, or is not the one that the manifest means."""
    mend = (
        f"fetch it with `cctview models pull {entry.name}`"
        if "url" in _manifest().get(entry.name, {})
        else "restore the file from git"
    )
    if not entry.path.exists():
        raise CctviewError(f"The weights {entry.path} of the model '{entry.name}' are missing: {mend}.")
    if file_hash(entry.path) != entry.sha256:
        raise CctviewError(f"The weights {entry.path} are damaged: their SHA-256 is not the one in the manifest; {mend}.")


def register_weights(
    name: str, task: str, state: dict[str, torch.Tensor], metadata: dict[str, str], facts: dict[str, object]
) -> ModelEntry:
    """Store weights as float16 safetensors and enter them in the manifest.

    facts: what a reader of the manifest wants to know besides (licence, classes, input).
    """
    models_directory().mkdir(parents=True, exist_ok=True)
    path = models_directory() / f"{name}.safetensors"
    halves = {k: t.detach().cpu().half() if t.is_floating_point() else t.cpu() for k, t in state.items()}
    partial = path.with_suffix(".partial")
    # One entry, since safetensors writes several in any order: the same weights must have the same hash.
    one = {METADATA: json.dumps(metadata, sort_keys=True)}
    save_file({k: t.contiguous() for k, t in halves.items()}, partial, metadata=one)
    partial.replace(path)
    entries = _manifest()
    digest = file_hash(path)
    entries[name] = {"task": task, "file": path.name, "size": path.stat().st_size, "sha256": digest, **facts}
    manifest = models_directory() / "manifest.toml"
    partial = manifest.with_suffix(".partial")
    partial.write_text(tomlkit.dumps(dict(sorted(entries.items()))))
    partial.replace(manifest)
    return ModelEntry(name, task, path, digest)


def _manifest() -> dict[str, dict]:
    path = models_directory() / "manifest.toml"
    try:
        return tomllib.loads(path.read_text()) if path.exists() else {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CctviewError(f"The model manifest {path} cannot be read: {error}.") from error


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
