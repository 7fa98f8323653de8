"""The synthetic city all the way through, as the command line runs it, and its evaluation."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cctview_pipeline.cameras.city import CityNetwork, CitySettings
from cctview_pipeline.cameras.jpeg import strip_metadata
from cctview_pipeline.detect.detections import PEOPLE, VEHICLES
from cctview_pipeline.images import decode
from cctview_pipeline.privacy.masking import GREY
from cctview_pipeline.state_dicts import read_weights, register_weights
from cctview_pipeline.weights import find_model
from cctview_pipeline_tests.factories.command import Workplace

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
CAMERAS = ("city-1", "city-2")
BACKFILL = (
    "backfill",
    "--network",
    "city",
    "--seed",
    "1003",
    "--minutes",
    "2",
    "--faults",
    "serviced:city-2",
    "--people",
    "300",
    "--cameras",
    ",".join(CAMERAS),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    place = Workplace(tmp_path_factory.mktemp("city"))
    done = place.run(*BACKFILL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Beside the truth, 2025-06-03" in done.stdout
    return place


def test_the_lake_holds_the_frames_that_the_city_makes(finished: Workplace):
    network = CityNetwork(CitySettings(seed=1003, minutes=2, faults=("serviced:city-2",), people=300))
    for camera in CAMERAS:
        stored = pq.read_table(finished.lake / "raw_frames" / f"camera={camera}").sort_by("captured_at")
        made = network.read_hour(camera, network.begin).frames
        assert stored["frame_id"].to_pylist() == [frame.frame_id for frame in made]
        for row, frame in zip(stored.select(["jpeg", "filled"]).to_pylist(), made, strict=True):
            assert (strip_metadata(row["jpeg"]) == frame.jpeg) == (row["filled"] == 0), "only what is painted over changes"


def test_nobody_is_left_in_the_lake_s_pictures(finished: Workplace):
    """By the truth about every pixel of everybody who is to be seen at all."""
    whole, left, seen = 0, 0, 0
    for camera in CAMERAS:
        truth = pq.read_table(finished.lake / "truth_boxes" / f"camera={camera}").to_pylist()
        frames = pq.read_table(finished.lake / "raw_frames" / f"camera={camera}", columns=["frame_id", "jpeg"]).to_pylist()
        pictures = {row["frame_id"]: decode(row["jpeg"]).astype(int) for row in frames}
        for row in truth:
            if row["label"] in PEOPLE and row["visible_fraction"] >= 0.1:
                x1, y1, x2, y2 = round(row["x1"]), round(row["y1"]), round(row["x2"]), round(row["y2"])
                visible = np.abs(pictures[row["frame_id"]][y1:y2, x1:x2] - GREY).max(2) > 12
                whole, left, seen = whole + visible.size, left + visible.sum(), seen + 1
    assert seen > 100
    assert left / whole < 0.02


def test_no_crop_and_no_track_is_of_people(finished: Workplace):
    labels = set(pq.read_table(finished.lake / "crops", columns=["label"])["label"].to_pylist())
    labels |= set(pq.read_table(finished.lake / "tracks", columns=["label"])["label"].to_pylist())
    assert labels <= set(VEHICLES)


def test_truth_and_evaluation_stand_beside_the_results(finished: Workplace):
    files = {
        table: len(list((finished.lake / table).rglob("*.parquet"))) for table in ("truth_boxes", "truth_passages", "evaluation")
    }
    assert files == {"truth_boxes": 2, "truth_passages": 2, "evaluation": 1}
    assert finished.leftovers() == []


def test_evaluate_tells_what_the_asset_stored(finished: Workplace):
    done = finished.run("evaluate", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    subjects = {"detection", "tracking", "reidentification", "journeys", "calibration", "counts", "travel_times"}
    assert set(told) == subjects
    stored = pq.read_table(next((finished.lake / "evaluation").rglob("*.parquet"))).to_pylist()
    assert {(r["subject"], r["scope"], r["metric"]): r["value"] for r in stored} == {
        (subject, scope, metric): figure["value"]
        for subject, scopes in told.items()
        for scope, metrics in scopes.items()
        for metric, figure in metrics.items()
    }
    assert told["detection"]["all"]["AP50"]["value"] > 0.5
    assert told["counts"]["all"]["true_vehicles"]["value"] > 20


def test_the_same_command_again_has_nothing_to_do(finished: Workplace):
    before = finished.digests()
    done = finished.run(*BACKFILL)
    assert done.returncode == 0
    assert "partitions are finished" in done.stdout
    assert finished.digests() == before


def test_another_city_does_not_fit_into_the_lake(finished: Workplace):
    done = finished.run("backfill", "--network", "city", "--seed", "8")
    assert done.returncode == 1
    assert done.stderr == "cctview: The lake's city has seed 1003, not 8: leave it out, or use another lake.\n"


def test_the_citys_settings_do_not_fit_an_archive(finished: Workplace):
    done = finished.run("backfill", "--network", "archive", "--seed", "8")
    assert done.returncode == 1
    assert done.stderr == "cctview: --seed, --minutes, --faults and --people are the city's: add --network city.\n"


# The loop of adapting, as a person closes it: label, learn, refuse or switch, and see what is stale.


@pytest.fixture(scope="module")
def place(finished: Workplace) -> Workplace:
    """The same lake, with weights of its own to add to."""
    shutil.copytree(find_model("default", "detector").path.parent, finished.folder / "models")
    return Workplace(finished.folder, extra=(("CCTVIEW_MODELS", str(finished.folder / "models")),))


@pytest.fixture(scope="module")
def boxes(place: Workplace) -> Path:
    """The truth as two teachers would write it down."""
    truth = pq.read_table(place.lake / "truth_boxes").to_pylist()
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
    ruin = ("--epochs", "1", "--learning-rate", "1", "--cities", "0", "--name", "mine", "--every", "2")
    done = place.run("train", "detector", "--from-lake", "--teacher", boxes, *ruin)
    assert done.returncode == 1
    assert "cctview: The adapted weights are not kept: on" in done.stderr
    assert "Traceback" not in done.stderr
    labels = pq.read_table(place.lake / "labels")
    frames = pq.read_table(place.lake / "raw_frames", columns=["frame_id"])
    assert set(labels["frame_id"].to_pylist()) < set(frames["frame_id"].to_pylist())
    assert labels["role"].to_pylist().count("object") > 100
    assert '"mine"' not in place.run("models", "list").stdout
    listed = place.run("audit", "show").stdout
    assert "training" in listed
    assert "mine learns from 2 camera-hours of city-1, city-2" in " ".join(listed.split())


def test_switching_the_model_makes_what_the_old_one_made_stale(place: Workplace, monkeypatch: pytest.MonkeyPatch):
    assert stale(place) == {"raw_frames": [], "detections": [], "features": []}
    state, metadata = read_weights(find_model("default", "detector"))
    monkeypatch.setenv("CCTVIEW_MODELS", dict(place.extra)["CCTVIEW_MODELS"])
    register_weights("mine", "detector", state, metadata | {"threshold": "0.5"}, {"licence": "MIT"})
    done = place.run("models", "use", "mine")
    assert done.returncode == 0, done.stderr
    assert "The detector is now mine@" in done.stdout
    assert stale(place) == {"raw_frames": [], "detections": ["detector_model"], "features": []}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "detector"), "Say what to learn from: --data DIR"),
        (("train", "detector", "--from-lake"), "Labels need a teacher"),
        (("train", "extractor", "--from-lake", "--name", "default-extractor"), "can't be the name of an adapted model"),
        (("models", "use", "densenet201-veri"), "fetch it with `cctview models pull densenet201-veri`"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(place: Workplace, words: tuple[str, ...], sentence: str):
    done = place.run(*words)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
