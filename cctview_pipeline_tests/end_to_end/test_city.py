"""The synthetic city all the way through, and its evaluation."""

import json
import os
import re
import shutil
from html import unescape
from pathlib import Path
from unittest import mock

import dagster as dg
import jupytext
import nbformat
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.workspace.context import LoadingContext
from nbclient import NotebookClient

from cctview_pipeline.automation.instance import prepare_home
from cctview_pipeline.backfill.select import Asked, choose
from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.detect.detections import PEOPLE, VEHICLES
from cctview_pipeline.images import decode
from cctview_pipeline.images.jpeg import strip_metadata
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.paths import keys_uri, project_root
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.redaction.masking import GREY
from cctview_pipeline.registry.manifest import find_model
from cctview_pipeline.registry.state_dicts import read_weights, register_weights
from cctview_pipeline.viewer import ViewerSettings
from cctview_pipeline_tests.documentation.pages import blocks
from cctview_pipeline_tests.factories.cities import RUSH
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.jobs import run_all
from cctview_pipeline_tests.viewer.conftest import Browser
from cctview_pipeline_tests.viewer.test_counted import shown

CAMERAS = ("city-1", "city-2")
NOTEBOOK = project_root() / "notebooks" / "working_with_the_tables.ipynb"
TABLES = ("raw_frames", "detections", "features")
SETTINGS = {"seed": 1003, "minutes": 1, "faults": ["serviced:city-2"], "people": 600}
ASKED = ("--seed", "1003", "--minutes", "1", "--faults", "serviced:city-2", "--people", "600", "--cameras", ",".join(CAMERAS))
"""The same, as a person says it."""
BACKFILL = ("backfill", "--network", "city", "--from", f"{RUSH:%Y-%m-%dT%H:%MZ}", *ASKED)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    place = Workplace(tmp_path_factory.mktemp("city"))
    lake = Lake(str(place.lake))
    lake.write_campaign(choose(lake, Asked(network="city", cameras=list(CAMERAS), begin=RUSH, settings=SETTINGS)).campaign)
    with mock.patch.dict(os.environ, place.environment):
        prepare_home()
        with dg.DagsterInstance.get() as instance:
            run_all(lake, instance)
    return place


@pytest.mark.slow
def test_the_command_makes_the_same(finished: Workplace, tmp_path: Path):
    place = Workplace(tmp_path)
    done = place.run(*BACKFILL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Beside the truth, 2025-06-03" in done.stdout
    made = {path: digest for path, digest in finished.digests().items() if not path.startswith("labels/")}
    assert place.digests() == made


def test_the_lake_holds_the_frames_that_the_city_makes(finished: Workplace):
    network = CityNetwork(CitySettings(seed=1003, start=RUSH, minutes=1, faults=("serviced:city-2",), people=600))
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
    assert left / whole < 0.05


def test_no_crop_and_no_track_is_of_people(finished: Workplace):
    labels = set(pq.read_table(finished.lake / "crops", columns=["label"])["label"].to_pylist())
    labels |= set(pq.read_table(finished.lake / "tracks", columns=["label"])["label"].to_pylist())
    assert labels <= set(VEHICLES)


def test_every_figure_leads_to_the_vehicles_that_it_counts(finished: Workplace, tmp_path: Path):
    lake = Lake(str(finished.lake))
    browser = Browser(lake, KeyStore(keys_uri(lake.uri)), ViewerSettings(), AuditLog(tmp_path / "audit.jsonl")).state("synthetic")
    day = Partition.of_day(RUSH.date())
    for table in ("vehicle_counts", "travel_times"):
        links = [unescape(each) for each in re.findall(r'href="([^"]*rests-on[^"]*)"', browser.get(f"/figures/{table}").text)]
        figures = lake.read(table, day)["vehicles"].to_pylist()
        seen = [(link, count) for link, count in zip(links, figures, strict=True) if count is not None]
        assert [shown(browser, link) for link, _ in seen] == [(count, count) for _, count in seen]
        assert sum(count for _, count in seen) > 10
        assert 'href="/vehicles/' in browser.get(links[0]).text, "by their names, which the run's key gives"


def test_truth_and_evaluation_stand_beside_the_results(finished: Workplace):
    files = {
        table: len(list((finished.lake / table).rglob("*.parquet")))
        for table in ("truth_boxes", "truth_passages", "truth_movements", "evaluation")
    }
    assert files == {"truth_boxes": 2, "truth_passages": 2, "truth_movements": 2, "evaluation": 1}
    assert finished.leftovers() == []


def test_evaluate_tells_what_the_asset_stored(finished: Workplace):
    done = finished.invoke("evaluate", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    subjects = {"detection", "tracking", "reidentification", "journeys", "calibration"}
    subjects |= {"counts", "in_view", "labels", "speeds", "travel_times"}
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
    done = finished.invoke(*BACKFILL)
    assert done.returncode == 0
    assert "partitions are finished" in done.stdout
    assert finished.digests() == before


def test_another_city_does_not_fit_into_the_lake(finished: Workplace):
    done = finished.invoke("backfill", "--network", "city", "--seed", "8")
    assert done.returncode == 1
    assert done.stderr == "cctview: The lake's city has seed 1003, not 8: leave it out, or use another lake.\n"


def test_the_citys_settings_do_not_fit_an_archive(finished: Workplace):
    done = finished.invoke("backfill", "--network", "archive", "--seed", "8")
    assert done.returncode == 1
    options = "--seed, --minutes, --faults, --people, --sizes and --world"
    assert done.stderr == f"cctview: {options} are the city's: add --network city.\n"


def test_the_examples_of_the_python_interface_run(finished: Workplace):
    """docs/api.md, from top to bottom, as somebody would paste it."""
    known: dict = {}
    with mock.patch.dict(os.environ, finished.environment):
        for example in blocks("docs/api.md", "python"):
            exec(compile(example, "docs/api.md", "exec"), known)
    assert len(known["hour"].frames) > 20
    assert known["found"].boxes.shape == (len(known["found"].scores), 4)
    assert known["embeddings"].shape == (len(known["crops"]), 384)
    assert [near[0] for near in known["nearest"]] == [0, 1, 2]
    stored = finished.lake / "tracks" / "camera=city-1"
    assert known["tracked"]["track_id"].to_pylist() == pq.read_table(stored)["track_id"].to_pylist()
    assert known["counts"].num_rows > 0
    assert known["journeys"].num_rows > 0


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


class Loading(LoadingContext):
    """What Dagster's resolver reads an instance through."""

    instance, loaders = None, None

    def __init__(self, instance: dg.DagsterInstance) -> None:
        type(self).instance, type(self).loaders = instance, {}


def stale(place: Workplace) -> dict[str, list[str]]:
    """Table -> the assets for which its partition is out of date."""
    graph = build_definitions(Lake(str(place.lake)).require_campaign()).get_repository_def().asset_graph
    with dg.DagsterInstance.from_config(place.environment["DAGSTER_HOME"]) as instance:
        resolver = CachingStaleStatusResolver(instance, graph, Loading(instance))
        causes = {table: resolver.get_stale_causes(dg.AssetKey(table), f"city-2|{RUSH:%Y-%m-%dT%H}") for table in TABLES}
    return {table: [cause.dependency_asset_key.to_user_string() for cause in found] for table, found in causes.items()}


def test_frames_are_labelled_and_worse_weights_are_refused(place: Workplace, boxes: Path):
    ruin = ("--epochs", "1", "--learning-rate", "1", "--cities", "0", "--name", "mine")
    done = place.invoke("train", "detector", "--from-lake", "--teacher", boxes, *ruin)
    assert done.returncode == 1
    assert "cctview: The adapted weights are not kept: on" in done.stderr
    assert "Traceback" not in done.stderr
    labels = pq.read_table(place.lake / "labels")
    frames = pq.read_table(place.lake / "raw_frames", columns=["frame_id"])
    assert set(labels["frame_id"].to_pylist()) == set(frames["frame_id"].to_pylist())
    assert labels["role"].to_pylist().count("object") > 100
    assert '"mine"' not in place.invoke("models", "list").stdout
    listed = place.invoke("audit", "show").stdout
    assert "training" in listed
    assert "mine learns from 2 camera-hours of city-1, city-2" in " ".join(listed.split())


def test_switching_the_model_makes_what_the_old_one_made_stale(place: Workplace, monkeypatch: pytest.MonkeyPatch):
    assert stale(place) == {"raw_frames": [], "detections": [], "features": []}
    lake = Lake(str(place.lake))
    before = lake.require_campaign()
    state, metadata = read_weights(find_model("default", "detector"))
    monkeypatch.setenv("CCTVIEW_MODELS", dict(place.extra)["CCTVIEW_MODELS"])
    register_weights("mine", "detector", state, metadata | {"threshold": "0.5"}, {"licence": "MIT"})
    done = place.invoke("models", "use", "mine")
    assert done.returncode == 0, done.stderr
    assert "The detector is now mine@" in done.stdout
    assert stale(place) == {"raw_frames": [], "detections": ["detector_model"], "features": []}
    lake.write_campaign(before)  # it is other tests' too


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
    done = place.invoke(*words)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_notebook_runs_on_the_city_from_beginning_to_end(finished: Workplace, monkeypatch: pytest.MonkeyPatch):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for name, value in finished.environment.items():
        monkeypatch.setenv(name, str(value))
    done = NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [kind for cell in done.cells for output in cell.get("outputs", []) for kind in output.get("data", {})]
    assert shown.count("image/png") == 4


def test_the_notebook_is_what_its_script_says():
    script, notebook = jupytext.read(NOTEBOOK.with_suffix(".py")), nbformat.read(NOTEBOOK, as_version=4)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [(cell.cell_type, cell.source) for cell in script.cells]
    assert not any(cell.get("outputs") for cell in notebook.cells)
