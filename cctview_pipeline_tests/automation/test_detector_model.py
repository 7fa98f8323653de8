"""The weights in use are an asset: what they are, what they were made from, and what they made."""

import dagster as dg
import pytest

from cctview_pipeline.assets import detector_model as module
from cctview_pipeline.assets.detector_model import KEY, DetectorTraining, detector_model, record_model
from cctview_pipeline.definitions import defs
from cctview_pipeline.detect import training_version
from cctview_pipeline.weights import ModelEntry, find_model, read_facts


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_without_a_folder_it_is_the_shipped_weights(instance: dg.DagsterInstance):
    result = dg.materialize([detector_model], instance=instance)
    (event,) = result.asset_materializations_for_node("detector_model")
    entry = find_model("default", "detector")
    facts = read_facts(entry)
    assert event.tags["dagster/data_version"] == entry.sha256 == event.metadata["sha256"].value
    assert event.metadata["model"].value == entry.version
    assert event.metadata["measured"].value == facts["measured"]
    assert event.metadata["ap50_published"].value == facts["measured"]["ap50_published"]
    assert event.metadata["data_version"].value == facts["data_version"]
    assert "data:image/png" in event.metadata["curve"].value


def test_with_a_folder_it_is_trained(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def train(data, workspace, recipe, device) -> ModelEntry:
        asked.append((str(data), recipe.epochs, recipe.seed, device))
        return find_model("default", "detector")

    monkeypatch.setattr("cctview_pipeline.detect.training.train_detector", train)
    config = DetectorTraining(data="/recordings", epochs=3, seed=1, device="cpu")
    assert dg.materialize([detector_model], instance=instance, run_config=dg.RunConfig({"detector_model": config})).success
    assert asked == [("/recordings", 3, 1, "cpu")]


def test_detections_are_made_from_it():
    node = defs.get_repository_def().asset_graph.get(dg.AssetKey("detections"))
    assert KEY in node.parent_keys


def test_its_code_version_is_that_of_the_training():
    assert defs.get_repository_def().asset_graph.get(KEY).code_version == training_version()


def test_weights_are_recorded_once_and_again_when_they_change(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch):
    def recorded() -> int:
        return len(instance.fetch_materializations(KEY, limit=10).records)

    record_model(instance)
    record_model(instance)
    assert recorded() == 1
    entry = find_model("default", "detector")
    monkeypatch.setattr(module, "find_model", lambda *_: ModelEntry(entry.name, entry.task, entry.path, "0" * 64))
    record_model(instance)
    assert recorded() == 2
    assert instance.get_latest_materialization_event(KEY).asset_materialization.tags["dagster/data_version"] == "0" * 64
