"""Adapting the detector to a lake: kept when it is better, refused when it is not, and nothing held out is learned from."""

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from cctview_pipeline.cameras.city import CityNetwork, CitySettings
from cctview_pipeline.detect import load_detector
from cctview_pipeline.detect.adaptation import AdaptationRecipe, adapt_detector, split_lake
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.detect.labels import FrameLabels
from cctview_pipeline.detect.lake_labels import label_frames
from cctview_pipeline.detect.network import DetectorNetwork
from cctview_pipeline.detect.padding import padded
from cctview_pipeline.detect.quantization import quantize
from cctview_pipeline.detect.teachers import Panel, RecordedTeacher
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import FrameId
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.state_dicts import read_weights, register_weights
from cctview_pipeline.weights import find_model, list_models, read_facts
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows

FRAMES = 55


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[Partition]]:
    """A minute and a half of a camera of the city, labelled by its own truth as two teachers would write it down."""
    folder = tmp_path_factory.mktemp("adaptation")
    network = CityNetwork(CitySettings(seed=1001, minutes=4))
    shots = network.shots("city-2", network.begin)[:FRAMES]
    drawn = [network.picture_and_truth("city-2", shot) for shot in shots]
    frames = rows(
        "raw_frames",
        *(
            {"frame_id": frame.frame_id, "camera_id": "city-2", "captured_at": frame.captured_at, "jpeg": frame.jpeg}
            for frame, _ in drawn
        ),
    )
    seen = [row for _, truth in drawn for row in truth.to_pylist() if row["visible_fraction"] > 0.3]
    corners = ("x1", "y1", "x2", "y2")
    boxes = [
        {"frame_id": row["frame_id"], "model": model, "type": row["label"], "score": 0.9} | {edge: row[edge] for edge in corners}
        for row in seen
        for model in ("one", "two")
    ]
    pq.write_table(pa.Table.from_pylist(boxes), folder / "boxes.parquet")
    hour = Partition.camera_hour("city-2", network.begin)
    lake = Lake(str(folder / "lake"))
    lake.write("raw_frames", hour, frames)
    lake.write("labels", hour, label_frames(Panel([RecordedTeacher.read(folder / "boxes.parquet")]), frames))
    return lake, [hour]


@pytest.fixture(scope="module")
def kept_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped weights, and the same out of tune, as on cameras of another kind."""
    state, metadata = read_weights(find_model("default", "detector"))
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CCTVIEW_MODELS", str(folder))
        register_weights("default-detector", "detector", state, metadata, {"licence": "MIT"})
        torch.manual_seed(1)
        network = DetectorNetwork(len(LABELS))
        spoiled = {name: state[name] for name in network.state_dict()}
        for name, value in spoiled.items():
            if value.ndim == 4:
                spoiled[name] = value + 0.4 * value.std() * torch.randn_like(value)
        network.load_state_dict(spoiled)
        noise = np.random.default_rng(0).integers(0, 255, (240, 352, 3), np.uint8)
        register_weights("spoiled", "detector", spoiled | quantize(network.eval(), [padded(noise)]), metadata, {"licence": "MIT"})
    return folder


@pytest.fixture
def models(kept_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(kept_models, tmp_path / "models")
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


RECIPE = AdaptationRecipe(epochs=3, batch=4, learning_rate=1e-3, cities=0)


def test_better_weights_are_registered_with_what_they_follow_from(lake, models: Path, tmp_path: Path):
    store, hours = lake
    adapted = adapt_detector(store, hours, "mine", tmp_path / "work", RECIPE, "cpu", start="spoiled")
    assert adapted.after > adapted.before + 0.02
    assert adapted.refused == ""
    facts = read_facts(adapted.entry)
    assert facts["lineage"]["start"] == find_model("spoiled", "detector").version
    assert facts["lineage"]["cameras"] == ["city-2"]
    assert [teacher.count("@") for teacher in facts["lineage"]["teachers"]] == [2]
    assert facts["measured"]["ap50_after"] == adapted.after
    assert facts["measured"]["test_frames"] == 11
    assert (models / "mine.reference.json").exists(), "so that drift from its training can be told"
    assert load_detector("mine", "cpu").version == adapted.entry.version
    assert not list((tmp_path / "work").glob("*.checkpoint"))


def test_worse_weights_are_refused_and_leave_nothing(lake, models: Path, tmp_path: Path):
    store, hours = lake
    ruin = AdaptationRecipe(epochs=1, batch=4, learning_rate=1.0, cities=0)
    before = [entry.version for entry in list_models()]
    adapted = adapt_detector(store, hours, "mine", tmp_path / "work", ruin, "cpu")
    assert adapted.entry is None
    assert adapted.refused.startswith("The adapted weights are not kept: on 11 held-out frames their AP50 is")
    assert find_model("default", "detector").version in adapted.refused
    assert [entry.version for entry in list_models()] == before
    assert not list(models.glob("mine*"))


def test_only_this_projects_own_network_learns(lake, models: Path, tmp_path: Path):
    store, hours = lake
    text = (models / "manifest.toml").read_text()
    (models / "manifest.toml").write_text(text.replace("[spoiled]", '[spoiled]\nloader = "torchvision-ssd"'))
    with pytest.raises(CctviewError, match="'spoiled' can be a teacher, but only this project's own network can learn"):
        adapt_detector(store, hours, "mine", tmp_path, RECIPE, "cpu", start="spoiled")


def frame(camera: str, second: int, vehicles: int = 1) -> FrameLabels:
    boxes = np.tile(np.array([[10, 10, 40, 40]], np.float32), (vehicles, 1))
    nothing = np.zeros((0, 4), np.float32)
    frame_id = FrameId(camera, HOUR_17 + timedelta(seconds=second), published=False)
    return FrameLabels(None, frame_id, boxes, np.zeros(vehicles, np.int64), nothing, nothing)


def test_each_cameras_last_fifth_is_held_out():
    frames = [frame(camera, second) for camera, count in (("cam-1", 200), ("cam-2", 100)) for second in range(count)]
    split = split_lake(frames[::-1], RECIPE, Path("unused"))
    for camera, count in (("cam-1", 200), ("cam-2", 100)):
        train, tune, test = (
            [f.frame_id.time for f in part if f.frame_id.camera_id == camera] for part in (split.train, split.tune, split.test)
        )
        assert (len(train), len(tune), len(test)) == (0.72 * count, 0.08 * count, 0.2 * count)
        assert max(train) < min(tune) < max(tune) < min(test)


@pytest.mark.parametrize(("count", "vehicles"), [(40, 20), (100, 1)])
def test_too_little_to_learn_from(count: int, vehicles: int):
    with pytest.raises(CctviewError, match=rf"too little to learn from: {count} labelled frames with \d+ vehicles"):
        split_lake([frame("cam-1", second, vehicles) for second in range(count)], RECIPE, Path("unused"))
