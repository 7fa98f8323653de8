"""Weights as PyTorch has them: state dicts read from models' files, checked against a network, and registered."""

import json
from collections.abc import Mapping

import torch
from safetensors.torch import save

from cctview_pipeline.errors import ModelError
from cctview_pipeline.files import write_whole
from cctview_pipeline.registry.manifest import METADATA, ModelEntry, enter_model, models_directory, open_weights
from cctview_pipeline.runtime.openvino_network import FORM


def read_weights(entry: ModelEntry) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors (float32) and the metadata of a model's file, after its hash was checked: the state dict and, as bytes, the
    network in OpenVINO's form."""
    with open_weights(entry, "pt") as (file, metadata):
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - safe_open is no dict
    return {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in state.items()}, metadata


def register_weights(
    name: str, task: str, state: dict[str, torch.Tensor], metadata: dict[str, str], facts: Mapping[str, object]
) -> ModelEntry:
    """Store weights as float16 safetensors and enter them in the manifest.

    facts: what a reader of the manifest wants to know besides (licence, classes, input).
    """
    models_directory().mkdir(parents=True, exist_ok=True)
    path = models_directory() / f"{name}.safetensors"
    halves = {k: t.detach().cpu().half() if t.is_floating_point() else t.cpu() for k, t in state.items()}
    # One entry, since safetensors writes several in any order: the same weights must have the same hash.
    one = {METADATA: json.dumps(metadata, sort_keys=True)}
    write_whole(path, save({k: t.contiguous() for k, t in halves.items()}, metadata=one))
    return enter_model(name, task, path, facts)


def without_openvino(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state dict alone, of what a model's file holds."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(FORM)}


def load_checked(network: torch.nn.Module, state: object, name: str) -> None:
    """Load a state dict after every key and shape was compared. Counters of seen batches may be missing: old files lack them.

    Raises CctviewError that names the first keys that are missing, unknown or of another shape.
    """
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ModelError(f"{name} holds no state dict of tensors.")
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [key for key in state if key not in wanted]
    shapes = [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in state and state[key].shape != value.shape
    ]
    problems = [
        *([f"{len(missing)} keys are missing, the first is {missing[0]}"] if missing else []),
        *([f"{len(unknown)} keys are unknown, the first is {unknown[0]}"] if unknown else []),
        *shapes[:1],
    ]
    if problems:
        raise ModelError(f"{name} does not fit the network: {'; '.join(problems)}.")
    network.load_state_dict(wanted | state)
