"""Training the detector on a made folder, in moments; and the shipped weights on minutes that they never saw."""

from pathlib import Path

import pytest
import torch

from cctview_pipeline.detect import load_detector
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.registry.manifest import find_model, read_facts
from cctview_pipeline.registry.state_dicts import read_weights
from cctview_pipeline.training.detector.assessment import assess, consensus, find, published
from cctview_pipeline.training.detector.labels import find_frames, published_truth
from cctview_pipeline.training.detector.recipe import DetectorRecipe, load_frames, load_split, train_detector
from cctview_pipeline.training.versions import detector_version
from cctview_pipeline_tests.factories.recorded import recorded_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return recorded_folder(tmp_path / "data")


@pytest.mark.parametrize("narrowed", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_it_registers_weights_that_load_and_starts_where_it_stopped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, narrowed: int
):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    recipe = DetectorRecipe(epochs=2, batch=4, cities=0, narrowed=narrowed)
    stop_after_first_epoch = pytest.MonkeyPatch()
    stop_after_first_epoch.setattr("cctview_pipeline.training.fitting.save", _save_then_stop)
    with pytest.raises(KeyboardInterrupt):
        train_detector([folder], tmp_path / "one", recipe, "cpu")
    stop_after_first_epoch.undo()
    (checkpoint,) = (tmp_path / "one").glob("*.checkpoint")
    assert torch.load(checkpoint, weights_only=True)["epoch"] == 1

    resumed = train_detector([folder], tmp_path / "one", recipe, "cpu")
    resumed_facts = read_facts(resumed)
    straight = train_detector([folder], tmp_path / "other", recipe, "cpu")
    assert resumed_facts == read_facts(straight)  # the same weights, figures, curve and data, stopped or not
    assert {"openvino.xml", "openvino.bin"} < set(read_weights(straight)[0])
    assert not checkpoint.exists()
    assert load_detector("default", "cpu").version == find_model("default", "detector").version == straight.version
    assert len(resumed_facts["curve"]["loss"]) == len(resumed_facts["curve"]["ap50"]) == 2
    assert resumed_facts["code_version"] == detector_version()
    assert resumed_facts["measured"]["test_frames"] == 2


def _save_then_stop(checkpoint: Path, parts: dict, epoch: int) -> None:
    from cctview_pipeline.training.checkpoints import save

    save(checkpoint, parts, epoch)
    raise KeyboardInterrupt


def test_another_recipe_does_not_go_on_from_this_ones_checkpoint(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("cctview_pipeline.training.fitting.save", _save_then_stop)
    for seed in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            train_detector([folder], tmp_path, DetectorRecipe(epochs=2, batch=4, cities=0, seed=seed, narrowed=8), "cpu")
    assert len(list(tmp_path.glob("*.checkpoint"))) == 2


def test_a_camera_that_is_left_out_is_never_trained_on(folder: Path, tmp_path: Path):
    _copy_camera(folder, "cam-1", "cam-2")
    split = load_split([folder], tmp_path, DetectorRecipe(cities=0, without=("cam-2",)))
    known = {frame.frame_id.camera_id for frame in split.train + split.tune + split.test}
    assert known == {"cam-1"}
    assert {frame.frame_id.camera_id for frame in split.unseen} == {"cam-2"}
    assert len(split.unseen) == 12


def test_a_camera_that_is_not_there_cannot_be_left_out(folder: Path, tmp_path: Path):
    with pytest.raises(CctviewError, match=r"has no camera cam-9: it has cam-1\."):
        load_split([folder], tmp_path, DetectorRecipe(cities=0, without=("cam-9",)))


def _copy_camera(folder: Path, camera: str, name: str) -> None:
    for path in list(folder.rglob(f"{camera}--*")):
        copy = Path(str(path).replace(camera, name))
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())


def test_a_folder_without_the_minutes_for_testing_is_refused(folder: Path, tmp_path: Path):
    for path in folder.rglob("*--13.50.*"):
        path.unlink()
    with pytest.raises(CctviewError, match="must hold published frames of minutes 0-42, 43-44 and 45-59"):
        train_detector([folder], tmp_path / "training", DetectorRecipe(epochs=1), "cpu")


def test_the_shipped_weights_find_what_the_published_detector_found(published_hour: Path):
    """On some frames of minutes 45-49 of the published hour, which no training saw."""
    pictures = [path for path, frame_id in find_frames(published_hour) if frame_id.time.minute >= 45][::20]
    found = load_detector(device="cpu").detect([path.read_bytes() for path in pictures])
    assert assess(found, [published_truth(path) for path in pictures]).whole.average_precision > 0.89


@pytest.mark.slow
def test_the_shipped_weights_are_as_good_as_their_card_says(published_hour: Path):
    """AP50 on minutes 45-49 of the published hour, which no training saw."""
    frames = [frame for frame in load_frames(published_hour) if frame.frame_id.time.minute >= 45]
    detector = load_detector(device="cpu")
    card = read_facts(find_model("default", "detector"))["measured"]
    assert len(frames) == card["test_frames"]
    found = find(detector, frames)
    by_published, by_consensus = (assess(found, truths(frames)) for truths in (published, consensus))
    assert by_published.whole.average_precision == pytest.approx(card["ap50_published"], abs=0.005)
    assert by_consensus.whole.average_precision == pytest.approx(card["ap50_consensus"], abs=0.005)
    assert by_consensus.whole.at(detector.threshold) == pytest.approx((card["precision"], card["recall"]), abs=0.01)
    assert by_published.whole.average_precision > 0.895
