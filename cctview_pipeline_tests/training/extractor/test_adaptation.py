"""Adapting the shipped extractor to a made lake, in moments."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from cctview_pipeline.embed import load_extractor
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import encode_png
from cctview_pipeline.lake import Lake
from cctview_pipeline.paths import project_root
from cctview_pipeline.registry.manifest import find_model, list_models, read_facts
from cctview_pipeline.registry.state_dicts import read_weights, register_weights, without_openvino
from cctview_pipeline.training.extractor import adaptation
from cctview_pipeline.training.extractor.adaptation import AdaptationRecipe, Adapted, adapt_extractor
from cctview_pipeline_tests.factories.tracked_lake import passages, write_lake

QUICK = AdaptationRecipe(epochs=3, of_a_track=3, tracks=24, views=2, learning_rate=1e-3, cities=0, held_out=0.4)
EARLY = passages(30)


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the shipped extractor."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("manifest.toml", "default-extractor.safetensors"):
        shutil.copy(project_root() / "models" / name, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CCTVIEW_MODELS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list]:
    """Vehicles in a flickering light, 29 to learn from and 20 to measure on."""
    return write_lake(tmp_path_factory.mktemp("lake"), EARLY + passages(20, begins=400, first=30))


@pytest.fixture(scope="module")
def adapted(made: tuple[Lake, list], tmp_path_factory: pytest.TempPathFactory) -> Adapted:
    return adapt_extractor(*made, "mine", tmp_path_factory.mktemp("work"), QUICK, "cpu")


def test_it_finds_vehicles_again_that_it_never_saw(adapted: Adapted):
    assert adapted.refused == ""
    assert adapted.after.camera.mean_average_precision > adapted.before.camera.mean_average_precision + 0.05
    assert len(adapted.after.camera.first) == 20
    extractor = load_extractor("mine", "cpu")
    assert extractor.version == adapted.entry.version
    assert extractor.embed([np.zeros((20, 30, 3), np.uint8)]).shape == (1, 384)


def test_only_identity_has_changed_and_the_published_space_is_nearly_where_it_was(adapted: Adapted):
    old, new = (without_openvino(read_weights(entry)[0]) for entry in (find_model("default", "extractor"), adapted.entry))
    changed = {name.split(".")[0] for name in old if not torch.equal(old[name], new[name])}
    assert changed == {"identity", "published"}
    assert adapted.published_cosine > 0.95


def test_the_manifest_tells_what_it_was_made_from(adapted: Adapted):
    facts = read_facts(adapted.entry)
    assert facts["lineage"] == {
        "start": find_model("default", "extractor").version,
        "campaign": "made",
        "cameras": ["cam-1"],
        "hours": ["2020-05-05T17"],
        "tracks_models": ["tracker"],
        "tracks": 29,
        "crops": 87,
        "judged_pairs": 0,
    }
    assert facts["measured"]["after_mAP"] == round(adapted.after.camera.mean_average_precision, 4)
    assert facts["measured"]["before_queries"] == 20
    assert len(facts["curve"]["identity_loss"]) == QUICK.epochs
    assert facts["recipe"]["learning_rate"] == QUICK.learning_rate


def test_what_is_held_out_has_no_say_and_a_stop_makes_no_difference(
    adapted: Adapted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Other vehicles are held out, and the training is stopped after its first epoch: the same weights, to the bit."""
    others = write_lake(tmp_path / "lake", EARLY + passages(20, begins=400, first=70))
    kept = adaptation.save

    def stop(*arguments) -> None:
        kept(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as stopping:
        stopping.setattr(adaptation, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            adapt_extractor(*others, "again", tmp_path, QUICK, "cpu")
    (checkpoint,) = tmp_path.glob("*.checkpoint")
    assert torch.load(checkpoint, weights_only=True)["epoch"] == 1
    assert adapt_extractor(*others, "again", tmp_path, QUICK, "cpu").entry.sha256 == adapted.entry.sha256
    assert list(tmp_path.glob("*.checkpoint")) == []


def test_what_has_become_worse_is_refused_and_not_registered(made: tuple[Lake, list], tmp_path: Path):
    absurd = adapt_extractor(*made, "absurd", tmp_path, replace(QUICK, epochs=1, learning_rate=3.0), "cpu")
    assert absurd.entry is None
    assert absurd.refused.startswith("Nothing was registered: on 20 held-out tracks the mAP went from")
    assert "absurd" not in {entry.name for entry in list_models()}


def test_the_city_is_shown_again_and_measured(made: tuple[Lake, list], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(adaptation, "draw_city_crops", draw_few)
    shown = adapt_extractor(*made, "shown", tmp_path, replace(QUICK, epochs=1, cities=1, vehicles=3), "cpu")
    assert len(shown.before.city.first) == len(shown.after.city.first) == 4 * 2 * 5  # four cities, both ways, five vehicles
    assert min(shown.curve.city_loss) > 0


def draw_few(seeds: range, minutes: int, directory: Path) -> pa.Table:
    """Instead of the city's crops a few plain ones, drawn in no time."""
    found = [
        {"seed": seed, "vehicle_id": f"v{v}", "camera_id": f"city-{c}", "captured_at": v * 1_000_000}
        | {"image": encode_png(np.full((20, 30, 3), 40 + 40 * v, np.uint8))}
        for seed in seeds
        for v in range(5)
        for c in (1, 2)
    ]
    table = pa.Table.from_pylist(found)
    return table.set_column(3, "captured_at", table["captured_at"].cast(pa.timestamp("us", "UTC")))


def test_too_few_tracks_are_told(tmp_path: Path):
    lake, hours = write_lake(tmp_path / "few", passages(20))
    with pytest.raises(CctviewError, match=r"tracks with crops to learn from and 4 later ones .* name more hours or cameras"):
        adapt_extractor(lake, hours, "mine-2", tmp_path, AdaptationRecipe(cities=0), "cpu")


def test_a_start_of_another_kind_is_refused(made: tuple[Lake, list], tmp_path: Path):
    with pytest.raises(CctviewError, match="densenet201-veri cannot be adapted here: start from 'default'"):
        adapt_extractor(*made, "mine-2", tmp_path, QUICK, "cpu", start="densenet201-veri")
    register_weights("other", "extractor", {"weight": torch.zeros(3)}, {}, {})
    with pytest.raises(CctviewError, match="other is another network"):
        adapt_extractor(*made, "mine-2", tmp_path, QUICK, "cpu", start="other")
