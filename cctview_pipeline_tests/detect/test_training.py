"""Training the detector on a made folder, in moments; and the shipped weights on minutes that they never saw."""

import json
import tomllib
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from cctview_pipeline.detect import load_detector
from cctview_pipeline.detect.labels import load_labels
from cctview_pipeline.detect.training import DetectorRecipe, evaluate_on_labels, evaluate_on_published, train_detector
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.paths import models_directory
from cctview_pipeline.weights import find_model
from cctview_pipeline_tests.made_archive import HOUR_17, draw_frame, traffic, write_frame


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Drawn frames of minutes 10, 43 and 50, with the published detector and the packaged ones agreeing on one box."""
    root, rows = tmp_path / "data", []
    cars = traffic(120)
    times = [
        HOUR_17 + timedelta(minutes=minute, seconds=2 * i) for minute, count in ((10, 8), (43, 2), (50, 2)) for i in range(count)
    ]
    for number, time in enumerate(times):
        path = write_frame(root, "cam-1", time, draw_frame(2.0 * number, cars))
        box = [100 + number, 100, 130 + number, 125]
        frame_id = path.name.removesuffix("--original.jpeg")
        found = {f"{frame_id}--detections--1": {"type": "car", "percentage_probability": 90, "box_points": box}}
        path.with_name(f"{frame_id}--detections.json").write_text(json.dumps(found))
        corners = dict(zip(("x1", "y1", "x2", "y2"), map(float, box), strict=True))
        rows += [{"frame_id": frame_id, "model": model, "type": "car", "score": 0.9} | corners for model in ("first", "second")]
    pq.write_table(pa.Table.from_pylist(rows), root / "packaged-detections.parquet")
    return root


def test_it_registers_weights_that_load_and_starts_where_it_stopped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    checkpoint, recipe = tmp_path / "checkpoint", DetectorRecipe(epochs=2, batch=4, cities=0)
    stop_after_first_epoch = pytest.MonkeyPatch()
    stop_after_first_epoch.setattr("cctview_pipeline.detect.training.save", _save_then_stop)
    with pytest.raises(KeyboardInterrupt):
        train_detector(folder, checkpoint, recipe, "cpu")
    stop_after_first_epoch.undo()
    assert torch.load(checkpoint, weights_only=True)["epoch"] == 1

    resumed = train_detector(folder, checkpoint, recipe, "cpu")
    straight = train_detector(folder, tmp_path / "other", recipe, "cpu")
    assert resumed.sha256 == straight.sha256  # the same weights, stopped or not
    assert not checkpoint.exists()
    assert load_detector("default", "cpu").version == find_model("default", "detector").version == straight.version
    entry = tomllib.loads((tmp_path / "models" / "manifest.toml").read_text())["default-detector"]
    assert entry["measured"]["test_frames"] == 2


def _save_then_stop(checkpoint: Path, parts: dict, epoch: int) -> None:
    from cctview_pipeline.checkpoints import save

    save(checkpoint, parts, epoch)
    raise KeyboardInterrupt


def test_a_folder_without_the_minutes_for_testing_is_refused(folder: Path, tmp_path: Path):
    for path in folder.rglob("*--13.50.*"):
        path.unlink()
    with pytest.raises(CctviewError, match="must hold frames of minutes 0-42, 43-44 and 45-59"):
        train_detector(folder, tmp_path / "checkpoint", DetectorRecipe(epochs=1), "cpu")


def test_the_shipped_weights_are_as_good_as_their_card_says(published_hour: Path):
    """AP50 on minutes 45-49 of the published hour, which no training saw."""
    frames = [frame for frame in load_labels(published_hour) if frame.frame_id.time.minute >= 45]
    detector = load_detector()
    card = tomllib.loads((models_directory() / "manifest.toml").read_text())["default-detector"]["measured"]
    assert len(frames) == card["test_frames"]
    published, consensus = evaluate_on_published(detector, frames), evaluate_on_labels(detector, frames)
    assert published.average_precision == pytest.approx(card["ap50_published"], abs=0.005)
    assert consensus.average_precision == pytest.approx(card["ap50_consensus"], abs=0.005)
    assert consensus.at(detector.threshold) == pytest.approx((card["precision"], card["recall"]), abs=0.01)
    assert published.average_precision > 0.5
