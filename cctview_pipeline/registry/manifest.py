"""The one place that finds, checks and opens model weights; registry/state_dicts.py reads and registers those of PyTorch.

``models/manifest.toml`` lists every model with its file, size and SHA-256; a file that differs is refused, because a
detector with damaged weights does not fail, it sees things. Of weights that somebody else publishes without a hash the
manifest holds the digits that are known, or none, until :func:`pin_file` writes down what came.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tomlkit
from safetensors import SafetensorError, safe_open

from cctview_pipeline.documents import parse_json
from cctview_pipeline.errors import ModelError, NotFoundError
from cctview_pipeline.files import write_whole
from cctview_pipeline.paths import models_directory
from cctview_pipeline.shell import command
from cctview_pipeline.toml_text import decode_toml, parse_toml

METADATA = "cctview"
"""The entry of a file's header that holds the metadata, as JSON."""
MAX_NAME = 255
"""Bytes of a file's name, on every common file system."""


@dataclass(frozen=True)
class ModelEntry:
    """One model of the manifest. task: ``detector``, ``extractor`` or ``masker``; sha256: in hexadecimal, of an unpinned file
    its first digits or nothing; version: what tables say in their ``model`` column."""

    name: str
    task: str
    path: Path
    sha256: str

    @property
    def pinned(self) -> bool:
        """Whether the whole hash is known."""
        return len(self.sha256) == 64

    @property
    def digest(self) -> str:
        """The whole hash, of the file until it is pinned. Raises CctviewError when the file is needed for it and missing."""
        return self.sha256 if self.pinned else _hash_of(self)

    @property
    def version(self) -> str:
        return f"{self.name}@{self.digest[:12]}"


def find_model(name: str, task: str) -> ModelEntry:
    """Look a model up in the manifest. ``default`` means ``default-<task>``."""
    entries = _manifest()
    key = f"default-{task}" if name == "default" else name
    entry = entries.get(key)
    if entry is None or entry["task"] != task:
        known = ", ".join(sorted(k for k, e in entries.items() if e["task"] == task)) or "none"
        raise NotFoundError(f"There is no {task} named '{name}' in {models_directory() / 'manifest.toml'}: known are {known}.")
    return ModelEntry(key, task, models_directory() / entry["file"], entry.get("sha256", ""))


def list_models() -> list[ModelEntry]:
    """All models of the manifest, by name."""
    folder = models_directory()
    return [ModelEntry(n, e["task"], folder / e["file"], e.get("sha256", "")) for n, e in sorted(_manifest().items())]


def read_facts(entry: ModelEntry) -> dict:
    """All that the manifest says of a model, such as its licence, recipe and measured figures."""
    return _manifest()[entry.name]


@contextmanager
def open_weights(entry: ModelEntry, framework: str = "numpy") -> Iterator[tuple[safe_open, dict[str, str]]]:
    """A model's open file and its metadata, after its hash was checked. framework: ``numpy`` or ``pt``, of the file's tensors."""
    check_file(entry)
    try:
        with safe_open(entry.path, framework=framework) as file:
            yield file, _metadata(file, entry)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"The weights {entry.path} are no readable safetensors file: {_mend(entry)}.") from error


def _metadata(file: safe_open, entry: ModelEntry) -> dict[str, str]:
    metadata = file.metadata() or {}
    if METADATA not in metadata:
        return metadata
    found = parse_json(metadata[METADATA].encode(), f"The entry '{METADATA}' in the header of the weights {entry.path}")
    if not isinstance(found, dict):
        raise ModelError(f"The entry '{METADATA}' in the header of the weights {entry.path} is no JSON object: {_mend(entry)}.")
    return found


def read_metadata(entry: ModelEntry) -> dict[str, str]:
    """What a model's file says of its weights; they are not read."""
    with open_weights(entry) as (_, metadata):
        return metadata


def read_arrays(entry: ModelEntry, *beginnings: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors whose names begin so, as they are stored, and the metadata of a model's file. Reads no others."""
    with open_weights(entry) as (file, metadata):
        return {key: file.get_tensor(key) for key in file.keys() if key.startswith(beginnings)}, metadata  # noqa: SIM118


def check_file(entry: ModelEntry) -> None:
    """Raises CctviewError when a model's file is missing, or is not the one that the manifest means."""
    if not _hash_of(entry).startswith(entry.sha256):
        raise ModelError(f"The weights {entry.path} are damaged: their SHA-256 is not the one in the manifest; {_mend(entry)}.")


def pin_file(entry: ModelEntry) -> ModelEntry:
    """Write a file's whole hash and size into the manifest, so that no other is taken from now on. The rest stays as it is.

    Raises CctviewError when the file is missing or differs from what is known of it.
    """
    check_file(entry)
    manifest = models_directory() / "manifest.toml"
    document = tomlkit.parse(manifest.read_text())
    document[entry.name]["size"] = entry.path.stat().st_size
    document[entry.name]["sha256"] = digest = file_hash(entry.path)
    write_whole(manifest, tomlkit.dumps(document).encode())
    return replace(entry, sha256=digest)


def _hash_of(entry: ModelEntry) -> str:
    if not entry.path.is_file():
        wrong = "are no file" if entry.path.exists() else "are missing"
        raise ModelError(f"The weights {entry.path} of the model '{entry.name}' {wrong}: {_mend(entry)}.")
    return file_hash(entry.path)


def _mend(entry: ModelEntry) -> str:
    pullable = "url" in _manifest().get(entry.name, {})
    return f"fetch it with `{command('cctview', 'models', 'pull', entry.name)}`" if pullable else "restore the file from git"


def enter_model(name: str, task: str, path: Path, facts: Mapping[str, object]) -> ModelEntry:
    """Enter a file of weights that has just been written in the manifest, in place of any model of that name. Other models that
    use the same file use it as it is now."""
    entries, digest = _manifest(), file_hash(path)
    written = {"file": path.name, "size": path.stat().st_size, "sha256": digest}
    entries = {each: said | written if said["file"] == path.name else said for each, said in entries.items()}
    entries[name] = {"task": task, **written, **facts}
    write_whole(models_directory() / "manifest.toml", tomlkit.dumps(dict(sorted(entries.items()))).encode())
    return ModelEntry(name, task, path, digest)


def _manifest() -> dict[str, dict]:
    path = models_directory() / "manifest.toml"
    if not path.exists():
        return {}
    source = f"The model manifest {path}"
    try:
        text = decode_toml(path.read_bytes(), source)
    except OSError as error:
        raise ModelError(f"{source} cannot be read: {error.strerror}.") from error
    found = parse_toml(text, source)
    for name, entry in found.items():
        if wrong := _wrong(entry):
            raise ModelError(f"{source} is damaged: [{name}] {wrong}; mend it, or restore it from git.")
    return found


def _wrong(entry: object) -> str:
    """What is wrong with a model's entry, or nothing."""
    if not isinstance(entry, dict):
        return "is no table"
    if not isinstance(entry.get("task"), str):
        return "has no text under task"
    file = entry.get("file")
    if not isinstance(file, str) or not file.isprintable() or not _names_file(file):
        return "has no name of a file in its own folder under file"
    digest = entry.get("sha256", "")
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{0,64}", digest):
        return "has something else than hexadecimal digits under sha256"
    return ""


def _names_file(file: str) -> bool:
    """Whether a text can be the name of a file in a folder: the folder itself and the one above it are none."""
    return file not in ("", "..") and Path(file).name == file and len(file.encode()) <= MAX_NAME


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
