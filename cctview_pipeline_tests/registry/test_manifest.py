"""Weights are found, checked and registered in one place; CCTVIEW_MODELS names the folder."""

import hashlib
import tomllib

import pytest
import torch
from safetensors.torch import save_file

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.registry.manifest import ModelEntry, check_file, find_model
from cctview_pipeline.registry.state_dicts import read_weights, register_weights

STATE = {"layer.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4, "steps": torch.tensor(7)}


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """An empty folder of models."""
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def register(name="default-detector", task="detector"):
    return register_weights(name, task, STATE, {"threshold": "0.4"}, {"licence": "MIT", "classes": ["car"]})


def test_registered_weights_are_found_and_read_back():
    entry = register()
    assert find_model("default", "detector") == find_model("default-detector", "detector") == entry
    state, metadata = read_weights(entry)
    assert metadata == {"threshold": "0.4"}
    torch.testing.assert_close(state["layer.weight"], STATE["layer.weight"])
    assert state["layer.weight"].dtype == torch.float32
    assert state["steps"] == 7


def test_version_is_the_name_and_the_beginning_of_the_hash():
    entry = register()
    assert entry.version == f"default-detector@{entry.sha256[:12]}"


def test_manifest_names_file_size_hash_and_facts(models):
    entry = register()
    row = tomllib.loads((models / "manifest.toml").read_text())["default-detector"]
    facts = {"task": "detector", "file": "default-detector.safetensors", "licence": "MIT", "classes": ["car"]}
    assert row == facts | {"size": entry.path.stat().st_size, "sha256": entry.sha256}


def test_registering_one_model_keeps_the_others():
    first, second = register("b"), register("a", "extractor")
    assert find_model("b", "detector") == first
    assert find_model("a", "extractor") == second


def test_a_model_that_uses_another_s_file_uses_it_as_it_is_now(models):
    first = register()
    manifest = models / "manifest.toml"
    manifest.write_text(manifest.read_text() + manifest.read_text().replace("[default-detector]", "[fast-detector]"))
    assert find_model("fast-detector", "detector").sha256 == first.sha256
    again = register_weights("default-detector", "detector", STATE, {"threshold": "0.5"}, {"licence": "MIT"})
    assert again.sha256 != first.sha256
    assert find_model("fast-detector", "detector").sha256 == again.sha256
    check_file(find_model("fast-detector", "detector"))


def test_registering_again_replaces_and_leaves_nothing_behind(models):
    assert register() == register()
    assert sorted(path.name for path in models.iterdir()) == ["default-detector.safetensors", "manifest.toml"]


def test_unknown_name_is_told_with_the_known_ones(models):
    register()
    with pytest.raises(CctviewError) as refusal:
        find_model("yolo", "detector")
    assert str(refusal.value) == f"There is no detector named 'yolo' in {models}/manifest.toml: known are default-detector."


def test_model_of_another_task_is_unknown():
    register()
    with pytest.raises(CctviewError, match=r"There is no extractor named 'default-detector' .*: known are none\.$"):
        find_model("default-detector", "extractor")


def test_missing_weights():
    entry = register()
    entry.path.unlink()
    with pytest.raises(CctviewError, match=r"^The weights .* of the model 'default-detector' are missing: restore the file"):
        read_weights(entry)


@pytest.mark.parametrize("position", [0, 100, -1])
def test_one_damaged_byte_is_noticed(position):
    entry = register()
    data = bytearray(entry.path.read_bytes())
    data[position] ^= 1
    entry.path.write_bytes(bytes(data))
    with pytest.raises(CctviewError, match=r"^The weights .* are damaged: their SHA-256 is not the one in the manifest"):
        read_weights(entry)


def test_file_of_another_format_is_told(models):
    entry, data = register(), b"no tensors"
    entry.path.write_bytes(data)
    manifest = models / "manifest.toml"
    manifest.write_text(manifest.read_text().replace(entry.sha256, hashlib.sha256(data).hexdigest()))
    with pytest.raises(CctviewError, match=r"^The weights .* are no readable safetensors file: "):
        read_weights(find_model("default", "detector"))


def test_unreadable_manifest_is_told(models):
    models.mkdir()
    (models / "manifest.toml").write_text("a = 1\n[")
    with pytest.raises(CctviewError, match=r"^The model manifest .*manifest.toml is no TOML: line 2 is `\[`"):
        find_model("default", "detector")


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        ("default-detector = 1", "is no table"),
        ("[default-detector]\nfile = 'x.safetensors'", "has no text under task"),
        ("[default-detector]\ntask = 'detector'\nfile = '../x'", "has no name of a file in its own folder under file"),
        (
            "[default-detector]\ntask = 'detector'\nfile = 'x'\nsha256 = 'XY'",
            "something else than hexadecimal digits under sha256",
        ),
    ],
)
def test_an_entry_that_is_none_is_named(models, entry: str, wrong: str):
    models.mkdir()
    (models / "manifest.toml").write_text(entry)
    with pytest.raises(CctviewError, match=rf"manifest.toml is damaged: \[default-detector\] .*{wrong}"):
        find_model("default", "detector")


def test_metadata_that_is_no_json_is_refused(models):
    entry = register()
    state = {"a": torch.zeros(1)}
    save_file(state, entry.path, metadata={"cctview": "{"})
    with pytest.raises(CctviewError, match=r"header of the weights .* is no JSON"):
        read_weights(ModelEntry(entry.name, entry.task, entry.path, hashlib.sha256(entry.path.read_bytes()).hexdigest()))
