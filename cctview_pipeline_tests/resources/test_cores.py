"""How many processors a run may use, by where it runs."""

import os
from pathlib import Path

import dagster as dg
import pytest
import yaml

from cctview_pipeline.paths import project_root
from cctview_pipeline.resources.cores import on_this_machine, share_cores
from cctview_pipeline.runtime import granted
from cctview_pipeline.runtime.device import threads

ELSEWHERE = {"module": "cctview_pipeline_tests.factories.launchers", "class": "ElsewhereLauncher"}


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CCTVIEW_CPUS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(granted, "_quota", lambda root: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))


def shared(folder: Path, **changes: object) -> tuple[bool, int]:
    """Whether runs of the project's instance, with these changes, are on this machine, and how many threads one takes."""
    said = yaml.safe_load((project_root() / "dagster.yaml").read_text())
    (folder / "dagster.yaml").write_text(yaml.safe_dump(said | changes))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        share_cores(dg.build_init_resource_context(instance=instance))
        return on_this_machine(instance), threads()


def test_runs_of_one_machine_divide_its_processors(tmp_path: Path):
    assert shared(tmp_path) == (True, 4)
    assert shared(tmp_path, concurrency={"runs": {"max_concurrent_runs": 20}}) == (True, 1)


def test_a_run_elsewhere_has_what_is_there_however_many_others_the_cluster_runs(tmp_path: Path):
    assert shared(tmp_path, run_launcher=ELSEWHERE, concurrency={"runs": {"max_concurrent_runs": 40}}) == (False, 8)


@pytest.mark.parametrize("variable", ["CCTVIEW_CPUS", "OMP_NUM_THREADS"])
def test_what_was_granted_counts_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str):
    monkeypatch.setenv(variable, "3")
    assert shared(tmp_path) == (True, 3)
    assert shared(tmp_path, run_launcher=ELSEWHERE) == (False, 3)
