"""The loop of adapting, as a person closes it: label, learn, refuse or switch, and see what is stale."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cctview_pipeline.weights import find_model, read_weights, register_weights
from cctview_pipeline_tests.end_to_end.command import Workplace

CITY = ("backfill", "--network", "city", "--seed", "1001", "--minutes", "2", "--cameras", "city-2")
STALE = """
import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.workspace.context import LoadingContext
from cctview_pipeline.definitions import defs


class Context(LoadingContext):
    instance, loaders = None, None

    def __init__(self, instance):
        type(self).instance, type(self).loaders = instance, {}


with dg.DagsterInstance.get() as instance:
    resolver = CachingStaleStatusResolver(instance, defs.get_repository_def().asset_graph, Context(instance))
    for table in ("raw_frames", "detections", "features"):
        causes = resolver.get_stale_causes(dg.AssetKey(table), "city-2|2025-06-03T16")
        print(table, [cause.dependency_asset_key.to_user_string() for cause in causes])
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("adapting")
    shutil.copytree(find_model("default", "detector").path.parent, folder / "models")
    place = Workplace(folder, extra=(("CCTVIEW_MODELS", str(folder / "models")), ("OMP_NUM_THREADS", "1")))
    done = place.run(*CITY)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="module")
def boxes(place: Workplace) -> Path:
    """The truth as two teachers would write it down."""
    truth = pq.read_table(place.lake / "truth_boxes" / "camera=city-2").to_pylist()
    corners = ("x1", "y1", "x2", "y2")
    seen = [
        {"frame_id": row["frame_id"], "model": model, "type": row["label"], "score": 0.9} | {edge: row[edge] for edge in corners}
        for row in truth
        for model in ("one", "two")
    ]
    pq.write_table(pa.Table.from_pylist(seen), place.folder / "boxes.parquet")
    return place.folder / "boxes.parquet"


def stale(place: Workplace) -> dict[str, list[str]]:
    """Table -> the assets for which its partition is out of date."""
    done = subprocess.run([sys.executable, "-c", STALE], env=place.environment, capture_output=True, text=True, check=True)
    return {table: json.loads(rest.replace("'", '"')) for table, _, rest in (s.partition(" ") for s in done.stdout.splitlines())}


def test_frames_are_labelled_and_worse_weights_are_refused(place: Workplace, boxes: Path):
    ruin = ("--epochs", "1", "--learning-rate", "1", "--cities", "0", "--name", "mine")
    done = place.run("train", "detector", "--from-lake", "--teacher", boxes, *ruin)
    assert done.returncode == 1
    assert "cctview: The adapted weights are not kept: on" in done.stderr
    assert "Traceback" not in done.stderr
    labels = pq.read_table(place.lake / "labels")
    frames = pq.read_table(place.lake / "raw_frames", columns=["frame_id"])
    assert set(labels["frame_id"].to_pylist()) == set(frames["frame_id"].to_pylist())
    assert labels["role"].to_pylist().count("object") > 100
    assert '"mine"' not in place.run("models", "list").stdout
    listed = place.run("audit", "show").stdout
    assert "training" in listed
    assert "mine learns from 1 camera-hours of city-2" in " ".join(listed.split())


def test_switching_the_model_makes_what_the_old_one_made_stale(place: Workplace, monkeypatch: pytest.MonkeyPatch):
    assert stale(place) == {"raw_frames": [], "detections": [], "features": []}
    state, metadata = read_weights(find_model("default", "detector"))
    monkeypatch.setenv("CCTVIEW_MODELS", dict(place.extra)["CCTVIEW_MODELS"])
    register_weights("mine", "detector", state, metadata | {"threshold": "0.5"}, {"licence": "MIT"})
    done = place.run("models", "use", "mine")
    assert done.returncode == 0, done.stderr
    assert "The detector is now mine@" in done.stdout
    assert stale(place) == {"raw_frames": [], "detections": ["detector_model"], "features": []}
    assert place.run(*CITY, "--again").returncode == 0
    models = pq.read_table(place.lake / "detections", columns=["model"])["model"].unique().to_pylist()
    assert [model.split("@")[0] for model in models] == ["mine"]
    assert stale(place) == {"raw_frames": [], "detections": [], "features": []}
    assert place.run("models", "use", "default-detector").returncode == 0
    assert stale(place)["detections"] == ["detector_model"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "detector"), "Say what to learn from: --data DIR"),
        (("train", "detector", "--from-lake"), "Labels need a teacher"),
        (("train", "detector", "--from-lake", "--teacher", "nobody"), "There is no detector named 'nobody'"),
        (("train", "detector", "--from-lake", "--teacher", "away.parquet"), "away.parquet is neither a detector"),
        (("train", "extractor", "--from-lake", "--name", "default-extractor"), "can't be the name of an adapted model"),
        (("models", "use", "nobody"), "There is no detector or extractor named 'nobody'"),
        (("models", "use", "densenet201-veri"), "fetch it with `cctview models pull densenet201-veri`"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(place: Workplace, words: tuple[str, ...], sentence: str):
    done = place.run(*words)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
