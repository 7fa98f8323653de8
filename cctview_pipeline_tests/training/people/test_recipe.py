"""Training the people finder on a made folder, in moments."""

from dataclasses import replace
from pathlib import Path

import pytest

from cctview_pipeline.redaction.people import PeopleDetector
from cctview_pipeline.registry.manifest import find_model, read_facts
from cctview_pipeline.training.people.recipe import PeopleRecipe, train_people
from cctview_pipeline_tests.factories.recorded import recorded_folder


def test_it_registers_weights_that_load_and_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    folder, recipe = recorded_folder(tmp_path / "data", somebody=True), PeopleRecipe(epochs=1, batch=4, cities=0)
    entry = train_people([folder], tmp_path / "work", recipe, "cpu")
    assert entry == find_model("people-finder", "masker")
    assert PeopleDetector.load("cpu").version == entry.version
    assert len(read_facts(entry)["curve"]["covered"]) == 1
    assert not list((tmp_path / "work").glob("*.checkpoint"))

    further = train_people([folder], tmp_path / "work", replace(recipe, start=entry.name, seed=8), "cpu", "further")
    assert further.name == "further"
    assert further.sha256 != entry.sha256
    assert read_facts(further)["recipe"]["start"] == "people-finder"
