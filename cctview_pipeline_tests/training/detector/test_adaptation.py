"""Adapting the detector to a lake: kept when it is better, refused when it is not, and nothing held out is learned from."""

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.detect import load_detector
from cctview_pipeline.detect.network import DetectorNetwork
from cctview_pipeline.detect.padding import padded
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import FrameId
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.registry.manifest import find_model, list_models, read_facts
from cctview_pipeline.registry.state_dicts import read_weights, register_weights
from cctview_pipeline.training.detector.adaptation import AdaptationRecipe, Adapted, adapt_detector, split_lake
from cctview_pipeline.training.detector.labels import FrameLabels
from cctview_pipeline.training.detector.lake_labels import label_frames
from cctview_pipeline.training.detector.quantization import quantize
from cctview_pipeline.training.detector.teachers import RecordedTeacher, TeacherEnsemble
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows
from cctview_pipeline_tests.factories.tiny_detector import plain_traffic, register_untrained

FRAMES = 55
QUICK = AdaptationRecipe(epochs=4, batch=4, learning_rate=4e-3, cities=0)
RECIPE = AdaptationRecipe(epochs=3, batch=4, learning_rate=1e-3, cities=0)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[Partition]]:
    return plain_traffic(tmp_path_factory.mktemp("lake"), frames=FRAMES)


@pytest.fixture(scope="module")
def adapted(lake, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Adapted]:
    """A folder with a tiny detector that knows nothing and with `mine`, which has learned from it; and the adaptation itself."""
    folder = tmp_path_factory.mktemp("adaptation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CCTVIEW_MODELS", str(folder / "models"))
        register_untrained("untrained")
        made = adapt_detector(*lake, "mine", folder / "work", QUICK, "cpu", start="untrained")
    assert not list((folder / "work").glob("*.checkpoint"))
    return folder / "models", made


@pytest.fixture
def models(adapted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(adapted[0], tmp_path / "models")
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def test_better_weights_are_registered_with_what_they_follow_from(adapted, models: Path):
    check_registered(adapted[1], models, "untrained", "cam-1")


def check_registered(adapted: Adapted, models: Path, start: str, camera: str) -> None:
    assert adapted.after > adapted.before + 0.02
    assert adapted.refused == ""
    facts = read_facts(adapted.entry)
    assert facts["lineage"]["start"] == find_model(start, "detector").version
    assert facts["lineage"]["cameras"] == [camera]
    assert [teacher.count("@") for teacher in facts["lineage"]["teachers"]] == [2]
    assert facts["measured"]["ap50_after"] == adapted.after
    assert facts["measured"]["test_frames"] == 11
    assert (models / "mine.reference.json").exists(), "so that drift from its training can be told"
    assert load_detector("mine", "cpu").version == adapted.entry.version


def test_worse_weights_are_refused_and_leave_nothing(lake, models: Path, tmp_path: Path):
    ruin = AdaptationRecipe(epochs=1, batch=4, learning_rate=1.0, cities=0)
    before = [entry.version for entry in list_models()]
    adapted = adapt_detector(*lake, "ruined", tmp_path / "work", ruin, "cpu", start="mine")
    assert adapted.entry is None
    assert adapted.refused.startswith("The adapted weights are not kept: on 11 held-out frames their AP50 is")
    assert find_model("mine", "detector").version in adapted.refused
    assert [entry.version for entry in list_models()] == before
    assert not list(models.glob("ruined*"))


def test_only_this_projects_own_network_learns(lake, models: Path, tmp_path: Path):
    text = (models / "manifest.toml").read_text()
    (models / "manifest.toml").write_text(text.replace("[untrained]", '[untrained]\nloader = "torchvision-ssd"'))
    with pytest.raises(CctviewError, match="'untrained' can be a teacher, but only this project's own network can learn"):
        adapt_detector(*lake, "mine", tmp_path, RECIPE, "cpu", start="untrained")


@pytest.fixture
def in_city(tmp_path: Path) -> tuple[Lake, list[Partition]]:
    """A minute and a half of a camera of the city, labelled by its own truth as two teachers would write it down."""
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
    pq.write_table(pa.Table.from_pylist(boxes), tmp_path / "boxes.parquet")
    hour = Partition.camera_hour("city-2", network.begin)
    lake = Lake(str(tmp_path / "lake"))
    lake.write("raw_frames", hour, frames)
    lake.write("labels", hour, label_frames(TeacherEnsemble([RecordedTeacher.read(tmp_path / "boxes.parquet")]), frames))
    return lake, [hour]


@pytest.fixture
def out_of_tune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped weights, and the same out of tune, as on cameras of another kind."""
    state, metadata = read_weights(find_model("default", "detector"))
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    register_weights("default-detector", "detector", state, metadata, {"licence": "MIT"})
    torch.manual_seed(1)
    for name, value in state.items():
        if value.ndim == 4:
            state[name] = value + 0.4 * value.std() * torch.randn_like(value)
    network, noise = DetectorNetwork.of(state), np.random.default_rng(0).integers(0, 255, (240, 352, 3), np.uint8)
    spoiled = network.state_dict() | quantize(network.eval(), [padded(noise)])
    register_weights("spoiled", "detector", spoiled, metadata, {"licence": "MIT"})
    return tmp_path / "models"


@pytest.mark.slow
def test_shipped_weights_out_of_tune_are_adapted_to_a_city(in_city, out_of_tune: Path, tmp_path: Path):
    adapted = adapt_detector(*in_city, "mine", tmp_path / "work", RECIPE, "cpu", start="spoiled")
    check_registered(adapted, out_of_tune, "spoiled", "city-2")
    ruin = AdaptationRecipe(epochs=1, batch=4, learning_rate=1.0, cities=0)
    assert adapt_detector(*in_city, "ruined", tmp_path / "work", ruin, "cpu").entry is None


def frame(camera: str, second: int, vehicles: int = 1) -> FrameLabels:
    boxes = np.tile(np.array([[10, 10, 40, 40]], np.float32), (vehicles, 1))
    nothing = np.zeros((0, 4), np.float32)
    frame_id = FrameId(camera, HOUR_17 + timedelta(seconds=second), published=False)
    return FrameLabels(
        path=None, frame_id=frame_id, objects=boxes, labels=np.zeros(vehicles, np.int64), ignored=nothing, still=nothing
    )


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
