"""Training the extractor on a made folder, in moments; and the shipped weights on minutes that they never saw."""

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from cctview_pipeline.embed import load_extractor
from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.embed.torch_backend import extractor_of
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import encode_png
from cctview_pipeline.paths import models_directory
from cctview_pipeline.registry.manifest import read_facts
from cctview_pipeline.registry.state_dicts import read_weights
from cctview_pipeline.training.extractor import recipe as training
from cctview_pipeline.training.extractor.assessment import agreement, centred_cosine, embedded, next_frame_rank1
from cctview_pipeline.training.extractor.lessons import load_recorded, published_basis
from cctview_pipeline.training.extractor.recipe import ExtractorRecipe, load_split, train_extractor
from cctview_pipeline_tests.factories.vehicles import write_features

SMALL = ExtractorRecipe(epochs=2, batch=6, paired=6, vehicles=2, crops=2, cities=1, narrowed=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_features(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module", autouse=True)
def city() -> Iterator[None]:
    """Instead of the city's crops a few plain ones, drawn in no time."""

    def draw(seeds: range, minutes: int, directory: Path) -> pa.Table:
        rng = np.random.default_rng(1)
        rows = [
            {"seed": seed, "vehicle_id": f"v{v}", "camera_id": f"city-{c}", "captured_at": v * 1_000_000, "frame_id": f"{c}"}
            | {"image": encode_png(np.clip(rng.integers(0, 9, (20, 30, 3)) + 40 * v, 0, 255).astype(np.uint8))}
            for seed in seeds
            for v in range(5)
            for c in (1, 2)
        ]
        table = pa.Table.from_pylist(rows)
        return table.set_column(3, "captured_at", table["captured_at"].cast(pa.timestamp("us", "UTC")))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "draw_city_crops", draw)
        yield


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder of models of its own for every test."""
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))


@pytest.fixture(scope="module")
def once(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the small recipe gives: the hash of its weights."""
    place = tmp_path_factory.mktemp("once")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CCTVIEW_MODELS", str(place / "models"))
        return train_extractor(folder, place, SMALL, "cpu").sha256


@pytest.mark.parametrize("narrowed", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_it_learns_and_registers_weights_that_can_be_loaded(folder: Path, tmp_path: Path, narrowed: int):
    entry = train_extractor(folder, tmp_path / "work", replace(SMALL, narrowed=narrowed), "cpu")
    extractor, facts = load_extractor("default", "cpu"), read_facts(entry)
    crop = np.zeros((20, 30, 3), np.uint8)
    assert extractor.embed([crop]).shape == (1, facts["dimension"]) == (1, 384)
    assert extractor.embed([crop], space="veri").shape == (1, 1920)
    assert facts["recipe"]["cities"] == 1
    assert len(facts["curve"]["loss"]) == 2
    assert {"centred_cosine", "published_nearest_in_top5", "next_frame_rank1", "city_rank1"} <= set(facts["measured"])
    assert list((tmp_path / "work").glob("*.checkpoint")) == []


def test_the_same_twice_and_after_a_stop(folder: Path, once: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopping:
        stopping.setattr(training, "choose_share", stop)  # after the last epoch: everything is in the checkpoint
        with pytest.raises(KeyboardInterrupt):
            train_extractor(folder, tmp_path / "stopped", SMALL, "cpu")
    (checkpoint,) = (tmp_path / "stopped").glob("*.checkpoint")
    saved = torch.load(checkpoint, weights_only=True)
    assert saved["epoch"] == 2
    assert len(saved["history"]["loss"]) == 2
    assert train_extractor(folder, tmp_path / "stopped", SMALL, "cpu").sha256 == once


def test_another_recipe_is_another_training(folder: Path, once: str, tmp_path: Path):
    assert train_extractor(folder, tmp_path, replace(SMALL, seed=8), "cpu").sha256 != once


def test_without_tracks_and_city_only_likeness_is_left(folder: Path, tmp_path: Path):
    entry = train_extractor(folder, tmp_path, replace(SMALL, tracks=False, cities=0), "cpu")
    assert read_weights(entry)[0]["share"] == 1
    assert "city_rank1" not in read_facts(entry)["measured"]


def test_a_camera_that_is_left_out_is_measured_apart(folder: Path, tmp_path: Path):
    entry = train_extractor(folder, tmp_path, replace(SMALL, without=("cam-2",)), "cpu")
    measured = read_facts(entry)["measured"]
    assert measured["test_crops"] == measured["test_crops_unseen"] == 16
    assert "published_nearest_in_top5_unseen" in measured


def test_an_unknown_camera_is_told_with_the_known_ones(folder: Path, tmp_path: Path):
    with pytest.raises(CctviewError, match=r"has no camera cam-9: it has cam-1, cam-2\."):
        load_split(folder, tmp_path, ExtractorRecipe(without=("cam-9",)))


def test_a_folder_without_the_minutes_for_measuring_is_refused(tmp_path: Path):
    folder = write_features(tmp_path / "data", cameras=("cam-1",))
    path = folder / "cam-1" / "cam-1--features-pca256.parquet"
    table = pq.read_table(path)
    early = ["--13.50." not in text for text in table["detection_id"].to_pylist()]
    pq.write_table(table.filter(early), path)
    with pytest.raises(CctviewError, match="must hold crops of minutes 0-42, 43-44 and 45-59"):
        load_split(folder, tmp_path, ExtractorRecipe())


def test_the_map_to_the_published_space_is_the_least_squares_one(folder: Path, tmp_path: Path):
    """A teacher whose features follow from the embedding is met exactly."""
    split, network = load_split(folder, tmp_path, replace(SMALL, cities=0)), ExtractorNetwork().eval()
    embed = extractor_of(network, "made").embed
    wanted = np.random.default_rng(0).normal(size=(384, 256)) * 20
    cameras = [replace(camera, features=(embed(list(camera.crops)) @ wanted).astype(np.float32)) for camera in split.train]
    training.fit_published(network, replace(split, train=cameras), torch.device("cpu"))
    extractor = extractor_of(network, "made")
    for camera in cameras:
        assert centred_cosine(extractor.embed(list(camera.crops), space="veri"), camera, split.basis) > 0.99


def test_the_shipped_weights_see_as_the_published_ones_do(published_hour: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In a minute of one camera, which no training saw."""
    monkeypatch.delenv("CCTVIEW_MODELS")
    file = min(published_hour.glob("*/*--features-pca256.parquet"))
    (tmp_path / file.parent.name).mkdir()
    (tmp_path / file.parent.name / "2020").symlink_to(file.parent / "2020")
    minute = pc.match_substring(pq.read_table(file, columns=["detection_id"])["detection_id"], "--13.46.")
    pq.write_table(pq.read_table(file).filter(minute), tmp_path / file.parent.name / file.name)
    (camera,) = load_recorded(tmp_path)
    assert len(camera.crops) > 50
    found = load_extractor("default", "cpu").embed(list(camera.crops), space="veri")
    assert centred_cosine(found, camera, published_basis(published_hour)) > 0.6


@pytest.mark.slow
def test_the_shipped_weights_are_as_good_as_their_card_says(published_hour: Path, monkeypatch: pytest.MonkeyPatch):
    """On minutes 45-49, which no training saw."""
    monkeypatch.delenv("CCTVIEW_MODELS")
    card = tomllib.loads((models_directory() / "manifest.toml").read_text())["default-extractor"]["measured"]
    cameras = [camera.select(camera.minutes >= 45) for camera in load_recorded(published_hour)]
    assert sum(len(camera.crops) for camera in cameras) == card["test_crops"]
    extractor, basis = load_extractor("default", "cpu"), published_basis(published_hour)
    cosines = [centred_cosine(extractor.embed(list(c.crops), space="veri"), c, basis) for c in cameras]
    cosine = np.average(cosines, weights=[len(c.crops) for c in cameras])
    assert cosine == pytest.approx(card["centred_cosine"], abs=0.005)
    assert agreement(embedded(extractor, "veri"), cameras) == pytest.approx(card["published_nearest_in_top5"], abs=0.01)
    found, queries = next_frame_rank1(embedded(extractor), cameras)
    assert queries == card["next_frame_queries"]
    assert found == pytest.approx(card["next_frame_rank1"], abs=0.02)
