"""What is measured by hand still loads: a renamed function would be missed on the day somebody measures."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from cctview_pipeline_tests.documentation.pages import ROOT

BENCHMARKS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))


def benchmark_source(name: str) -> str:
    return (ROOT / "benchmarks" / f"{name}.py").read_text()


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        if error.name.startswith("cctview"):
            raise
        pytest.skip(f"{error.name} is not installed: it comes with the extra `benchmark`")
    return module


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_loads(name: str, monkeypatch: pytest.MonkeyPatch):
    assert loaded(name, monkeypatch).__doc__


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if "_tests.factories" in benchmark_source(name)])
def test_what_uses_the_tests_runs_from_anywhere(name: str, tmp_path: Path):
    """The tests are no part of what is installed."""
    path = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_the_study_of_association_takes_out_is_there(monkeypatch: pytest.MonkeyPatch):
    study = loaded("association", monkeypatch)
    taken = [change for changes, _ in study.TRACKING.values() for change in changes]
    taken += [change for changes in study.MATCHING.values() for change in changes]
    assert len(taken) > 15
    assert [name for place, name, _ in taken if not hasattr(place, name)] == []


def test_links_are_of_one_vehicle_and_a_second_apart(monkeypatch: pytest.MonkeyPatch):
    identities = loaded("identities", monkeypatch)
    owner = np.array([7, 3, -1, 7, 3, 7, -1])
    times = np.array([0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 1.0])
    assert identities.successive(owner, times).tolist() == [[0, 3], [3, 5]], "3 was away for a second, and -1 is nobody"


def test_a_link_is_judged_where_both_ends_are_known(monkeypatch: pytest.MonkeyPatch):
    identities = loaded("identities", monkeypatch)
    vehicle = np.array([0, 1, 0, 1])  # of the true boxes: two vehicles in two frames
    hit = np.array([0, 1, -1, 2, 3, -1])  # on which each box lies: two and a shadow in each frame
    right, swapped, unknown = [0, 3], [1, 3], [2, 4]
    ends, correct = identities.judged(np.array([right, swapped, unknown]), hit, vehicle)
    assert (ends.tolist(), correct.tolist()) == ([[0, 2], [1, 2]], [True, False])


def test_what_a_tracker_joined_is_counted_beside_what_is_true(monkeypatch: pytest.MonkeyPatch):
    """A bus that moves and a parked car, for three seconds; the tracker goes from the bus to the car in the last."""
    identities = loaded("identities", monkeypatch)
    bus, car = ([[x, 0, x + 40, 30] for x in (0, 50, 100)], [[200, 0, 220, 15]] * 3)
    boxes, frame = np.array([box for pair in zip(bus, car, strict=True) for box in pair], float), np.repeat(np.arange(3), 2)
    names = np.array([""] * 6)
    truth = identities.GroundTruthBoxes(
        frame=frame, vehicle=np.array([0, 1] * 3), boxes=boxes, counted=np.ones(6, bool), label=names, carriageway=names
    )
    track = np.array([4, -1, 4, 5, -1, 4])
    scores = np.array([0.9, 0.3, 0.9, 0.9, 0.9, 0.9])
    found = identities.PredictedBoxes(ids=names, frame=frame, boxes=boxes + 1, score=scores, label=names, track=track)
    clips = identities.Clips(
        camera="a",
        times=np.arange(3.0),
        light=np.array(["day", "night", "night"]),
        truth=truth,
        moved=np.array([True, False] * 3),
        found=found,
        threshold=0.5,
        made_by="",
    )
    true = identities.true_links(clips)
    assert true[["light", "moved"]].values.tolist() == [["day", True], ["night", True], ["day", False], ["night", False]]
    assert true["detected"].all()
    assert true["sure"].tolist() == [True, True, False, True], "the car's first box is below the threshold"
    made = identities.links_of(clips, lambda each: each.found.track)
    assert identities.figures(made, len(true)) == {"found_links": 1, "made_links": 2, "found": 0.25, "right": 0.5}
    assert made["moved"].tolist() == [True, True], "a link from what moves to what stands is of what moves"


def test_clips_are_told_apart_by_the_time_between_them(monkeypatch: pytest.MonkeyPatch):
    identities = loaded("identities", monkeypatch)
    assert identities.runs(np.array([0.0, 1.0, 2.0, 600.0, 601.0])) == [(0, 3), (3, 5)]
