"""Training the extractor on a made folder, in moments; and the shipped weights on minutes that they never saw."""

import tomllib
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cctview_pipeline.embed import load_extractor
from cctview_pipeline.embed.training import ExtractorRecipe, agreement, load_lesson, train_extractor
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import DetectionId
from cctview_pipeline.paths import models_directory
from cctview_pipeline_tests.made_archive import HOUR_17, draw_frame, traffic, write_frame


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Drawn frames of minutes 10 and 50 with two boxes each, and a feature for each box."""
    root, rng, ids = tmp_path / "data", np.random.default_rng(0), []
    cars = traffic(120)
    for number, time in enumerate(HOUR_17 + timedelta(minutes=m, seconds=2 * i) for m in (10, 50) for i in range(6)):
        path = write_frame(root, "cam-1", time, draw_frame(2.0 * number, cars))
        frame_id = path.name.removesuffix("--original.jpeg")
        ids += [str(DetectionId(frame_id, n, "car", 90.0, (40 * n, 90, 40 * n + 30, 115))) for n in (1, 2)]
        ids.append(str(DetectionId(frame_id, 3, "person", 90.0, (5, 90, 15, 115))))
    features = rng.standard_normal((len(ids), 16)).astype(np.float16)
    kind = pa.list_(pa.float16(), 16)
    column = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), type=kind)
    pq.write_table(pa.table({"detection_id": ids, "pca": column}), root / "cam-1" / "cam-1--features-pca256.parquet")
    return root


def test_it_learns_from_vehicles_and_registers_weights(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    recipe = ExtractorRecipe(epochs=2, batch=4)
    first = train_extractor(folder, tmp_path / "checkpoint", recipe, "cpu")
    again = train_extractor(folder, tmp_path / "checkpoint", recipe, "cpu")
    assert first.sha256 == again.sha256
    extractor = load_extractor("default", "cpu")
    assert extractor.dimension == 16
    assert extractor.embed([np.zeros((20, 30, 3), np.uint8)]).shape == (1, 16)


def test_people_teach_nothing(folder: Path):
    assert len(load_lesson(folder).crops) == 24


def test_a_folder_without_the_minutes_for_measuring_is_refused(folder: Path, tmp_path: Path):
    path = folder / "cam-1" / "cam-1--features-pca256.parquet"
    table = pq.read_table(path)
    pq.write_table(
        table.filter([".50." not in text.split("--detections")[0] for text in table["detection_id"].to_pylist()]), path
    )
    with pytest.raises(CctviewError, match="must hold crops of minutes 0-44 and of 45-59"):
        train_extractor(folder, tmp_path / "checkpoint", ExtractorRecipe(epochs=1), "cpu")


def test_the_shipped_weights_are_as_good_as_their_card_says(published_hour: Path):
    """Agreement with the published features on minutes 45-49, which no training saw."""
    lesson = load_lesson(published_hour)
    test = lesson.select(lesson.minutes >= 45)
    card = tomllib.loads((models_directory() / "manifest.toml").read_text())["default-extractor"]["measured"]
    assert len(test.crops) == card["test_crops"]
    cosine, shared = agreement(load_extractor().embed(list(test.crops)), test.targets)
    assert cosine == pytest.approx(card["centred_cosine"], abs=0.005)
    assert shared == pytest.approx(card["teacher_nearest_in_top5"], abs=0.01)
