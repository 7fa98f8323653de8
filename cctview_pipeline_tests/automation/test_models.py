"""The weights in use are assets: what they are, what they were made from, and what they made."""

from collections.abc import Callable

import dagster as dg
import pytest

from cctview_pipeline.assets import weights
from cctview_pipeline.assets.detector_model import DetectorTraining
from cctview_pipeline.assets.extractor_model import ExtractorTraining
from cctview_pipeline.assets.graph import build_assets
from cctview_pipeline.assets.weights import record_models
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Lake
from cctview_pipeline.registry.manifest import ModelEntry, find_model, read_facts
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.training.versions import detector_version, extractor_version
from cctview_pipeline_tests.factories.jobs import archive_campaign

RESOURCES = {"lake": LakeResource()}
ASSETS = {key.path[-1]: asset for asset in build_assets(archive_campaign()) for key in asset.keys}
MODELS = pytest.mark.parametrize(("task", "figure"), [("detector", "ap50_published"), ("extractor", "city_rank1")])

DETECTOR, EXTRACTOR = dg.AssetKey(weights.DETECTOR), dg.AssetKey(weights.EXTRACTOR)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@MODELS
def test_without_a_folder_it_is_the_shipped_weights(instance: dg.DagsterInstance, lake: Lake, task: str, figure: str):
    result = dg.materialize([ASSETS[f"{task}_model"]], instance=instance, resources=RESOURCES)
    (event,) = result.asset_materializations_for_node(f"{task}_model")
    entry = find_model("default", task)
    facts = read_facts(entry)
    assert event.tags["dagster/data_version"] == entry.sha256 == event.metadata["sha256"].value
    assert event.metadata["model"].value == entry.version
    assert event.metadata["measured"].value == facts["measured"]
    assert event.metadata[figure].value == facts["measured"][figure]
    assert event.metadata["data_version"].value == facts["data_version"]
    assert "data:image/png" in event.metadata["curve"].value


@pytest.mark.parametrize(
    ("task", "trainer", "config"),
    [
        ("detector", "training.detector.recipe.train_detector", DetectorTraining),
        ("extractor", "training.extractor.recipe.train_extractor", ExtractorTraining),
    ],
)
def test_with_a_folder_it_is_trained(
    instance: dg.DagsterInstance, lake: Lake, monkeypatch: pytest.MonkeyPatch, task: str, trainer: str, config: type
):
    asked = []

    def train(data, workspace, recipe, device) -> ModelEntry:
        asked.append(
            ([str(each) for each in data] if isinstance(data, list) else [str(data)], recipe.epochs, recipe.seed, device)
        )
        return find_model("default", task)

    monkeypatch.setattr(f"cctview_pipeline.{trainer}", train)
    run_config = dg.RunConfig({f"{task}_model": config(data="/recordings", epochs=3, seed=1, device="cpu")})
    assert dg.materialize([ASSETS[f"{task}_model"]], instance=instance, run_config=run_config, resources=RESOURCES).success
    assert asked == [(["/recordings"], 3, 1, "cpu")]


@pytest.mark.parametrize(("table", "model"), [("detections", DETECTOR), ("features", EXTRACTOR)])
def test_tables_are_made_from_them(table: str, model: dg.AssetKey):
    node = build_definitions(archive_campaign()).get_repository_def().asset_graph.get(dg.AssetKey(table))
    assert model in node.parent_keys


@pytest.mark.parametrize(("model", "version"), [(DETECTOR, detector_version), (EXTRACTOR, extractor_version)])
def test_their_code_version_is_that_of_the_training(model: dg.AssetKey, version: Callable[[], str]):
    (asset,) = (each for each in build_definitions(archive_campaign()).assets if model in each.keys)
    assert asset.code_versions_by_key[model] == version()


def test_weights_are_recorded_once_and_again_when_they_change(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch):
    def recorded() -> list[int]:
        return [len(instance.fetch_materializations(key, limit=10).records) for key in (DETECTOR, EXTRACTOR)]

    record_models(instance, archive_campaign())
    record_models(instance, archive_campaign())
    assert recorded() == [1, 1]
    changed = lambda name, task: ModelEntry(name, task, find_model(name, task).path, "0" * 64)  # noqa: E731
    entries = {"detector": find_model("default", "detector"), "extractor": changed("default-extractor", "extractor")}
    monkeypatch.setattr(weights, "find_model", lambda name, task: entries[task])
    record_models(instance, archive_campaign())
    assert recorded() == [1, 2]
    assert instance.get_latest_materialization_event(EXTRACTOR).asset_materialization.tags["dagster/data_version"] == "0" * 64
