"""Measuring a student against its teacher, and a training small enough to run in a moment."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from cctview_pipeline.embed import load_extractor
from cctview_pipeline.embed.training import ExtractorRecipe, agreement, augment, distillation_loss, load_lesson, train_extractor
from cctview_pipeline.errors import CctviewError
from cctview_pipeline_tests.made_archive import HOUR_17, draw_frame, write_frame


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def random_units(count: int, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, 6)))


def plain_agreement(embeddings: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """The same, crop by crop."""
    hits = 0
    for i in range(len(targets)):
        others = [j for j in range(len(targets)) if j != i]
        nearest = max(others, key=lambda j: targets[i] @ targets[j])
        hits += nearest in sorted(others, key=lambda j: -(embeddings[i] @ embeddings[j]))[:5]
    return float(np.mean(np.sum(embeddings * targets, axis=1))), hits / len(targets)


def test_student_that_is_its_teacher_agrees_wholly():
    targets = random_units(9)
    assert agreement(targets, targets) == pytest.approx((1, 1))


def test_student_that_looks_the_other_way_has_cosine_minus_1_and_the_same_neighbours():
    assert agreement(-random_units(9), random_units(9)) == pytest.approx((-1, 1))


def test_agreement_by_hand():
    """On a circle, 0 and 1 are each other's nearest for the teacher; the student puts 1 opposite 0, behind all others."""
    degrees = np.array([0.0, 1, 40, 60, 80, 100, 120])
    moved = np.array([0.0, 180, 40, 60, 80, 100, 120])
    targets, embeddings = (np.stack([np.cos(np.radians(d)), np.sin(np.radians(d))], 1) for d in (degrees, moved))
    # The student finds 1 sixth for 0, and 0 sixth for 1; everyone else's nearest is still among five.
    cosine, shared = agreement(unit(embeddings), unit(targets))
    assert shared == pytest.approx(5 / 7)
    assert cosine == pytest.approx((6 + np.cos(np.radians(179))) / 7)


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_agreement_crop_by_crop(block):
    targets, embeddings = random_units(40), random_units(40, seed=1)
    assert agreement(embeddings, targets, block) == pytest.approx(plain_agreement(embeddings, targets))


@pytest.mark.parametrize("count", [2, 5, 6])
def test_agreement_of_few_crops(count):
    targets, embeddings = random_units(count), random_units(count, seed=1)
    assert agreement(embeddings, targets) == pytest.approx(plain_agreement(embeddings, targets))


def test_loss_is_least_where_the_student_is_its_teacher():
    targets = torch.from_numpy(random_units(8))
    assert distillation_loss(targets, targets).item() == pytest.approx(0, abs=1e-6)
    assert distillation_loss(torch.from_numpy(random_units(8, 1)), targets).item() > 0.5


def test_augmented_crops_stay_pictures():
    torch.manual_seed(0)
    crops = torch.rand(6, 3, 64, 64)
    changed = augment(crops)
    assert changed.shape == crops.shape
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not torch.allclose(changed, crops)


def made_lesson(root, minutes=(0, 10, 50), boxes=6, label="car"):
    """A folder with a frame at each of these minutes, and the teacher's features of the boxes in it."""
    rng, ids = np.random.default_rng(2), []
    for minute in minutes:
        path = write_frame(root, "cam-1", HOUR_17 + timedelta(minutes=minute), draw_frame(minute, []))
        frame_id = path.name.removesuffix("--original.jpeg")
        ids += [f"{frame_id}--detections--{n}--{label}--90.0--30x20--{20 + n * 40}.90v{50 + n * 40}.110" for n in range(boxes)]
    ids.append(f"{frame_id}--detections--90--person--90.0--30x20--20.90v50.110")
    ids.append(f"{frame_id}--detections--91--{label}--90.0--3x20--20.90v23.110")
    features = pa.array(list(rng.normal(size=(len(ids), 256)).astype(np.float32)))
    pq.write_table(pa.table({"detection_id": ids, "pca": features}), root / "cam-1" / "cam-1--features-pca256.parquet")
    return root


def test_lesson_has_every_vehicle_of_more_than_a_few_pixels(tmp_path):
    lesson = load_lesson(made_lesson(tmp_path))
    assert lesson.crops.shape == (18, 64, 64, 3)
    assert lesson.minutes.tolist() == [0] * 6 + [10] * 6 + [50] * 6
    np.testing.assert_allclose(np.linalg.norm(lesson.targets, axis=1), 1, atol=1e-5)


def test_nothing_to_learn_from_is_told(tmp_path):
    with pytest.raises(CctviewError, match=r"There is nothing to learn from: no .*features-pca256.parquet below"):
        load_lesson(tmp_path)
    with pytest.raises(CctviewError, match="There is nothing to learn from"):
        load_lesson(made_lesson(tmp_path, label="bicycle"))


@pytest.mark.parametrize("minutes", [(0, 44), (45, 59)])
def test_minutes_to_train_and_to_measure_on_are_needed(tmp_path, minutes):
    with pytest.raises(CctviewError, match="must hold crops of minutes 0-44 and of 45-59"):
        train_extractor(made_lesson(tmp_path, minutes), tmp_path / "checkpoint", device="cpu")


def test_trained_extractor_is_registered_and_loads(tmp_path, monkeypatch):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    data, checkpoint = made_lesson(tmp_path / "data"), tmp_path / "checkpoint.pt"
    entry = train_extractor(data, checkpoint, ExtractorRecipe(epochs=2, batch=6), device="cpu")
    extractor = load_extractor("default", device="cpu")
    assert (extractor.version, extractor.dimension) == (entry.version, 256)
    assert not checkpoint.exists()
