"""How many processors a process may use: what was said, the container's quota, the machine's, in this order."""

import os
from pathlib import Path

import pytest

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.runtime.granted import granted_cpus, own_cpus, said_cpus

MANY = 16


@pytest.fixture(autouse=True)
def nobody_says_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 16 processors."""
    monkeypatch.delenv("CCTVIEW_CPUS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(MANY)))


def system(root: Path, groups: str, **files: str) -> Path:
    """A system with these control groups; files: by their paths under /sys/fs/cgroup, with __ for /."""
    written = {"proc/self/cgroup": groups} | {f"sys/fs/cgroup/{name.replace('__', '/')}": text for name, text in files.items()}
    for name, text in written.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


def test_who_starts_a_run_knows_best(monkeypatch: pytest.MonkeyPatch):
    assert (said_cpus(), granted_cpus() <= MANY) == (None, True)
    monkeypatch.setenv("OMP_NUM_THREADS", "3,1")
    assert granted_cpus() == 3
    monkeypatch.setenv("CCTVIEW_CPUS", "2.5")
    assert granted_cpus() == 2
    monkeypatch.setenv("CCTVIEW_CPUS", "0.25")
    assert granted_cpus() == 1


@pytest.mark.parametrize("text", ["four", "0", "-2", "nan", "inf"])
def test_what_is_no_number_of_processors(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("CCTVIEW_CPUS", text)
    with pytest.raises(CctviewError, match=f"CCTVIEW_CPUS is '{text}': set a number above 0, such as 4"):
        granted_cpus()


def test_what_others_wrote_into_their_variable_is_theirs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "auto")
    assert said_cpus() is None


def test_without_control_groups_it_is_what_the_kernel_lets_it_run_on(tmp_path: Path):
    assert own_cpus(tmp_path) == MANY
    assert own_cpus(system(tmp_path, "0::/")) == MANY


def test_the_quota_of_a_container(tmp_path: Path):
    """Version 2: its own group is the root that it sees."""
    assert own_cpus(system(tmp_path, "0::/", **{"cpu.max": "350000 100000"})) == 3
    assert own_cpus(system(tmp_path, "0::/", **{"cpu.max": "50000 100000"})) == 1
    assert own_cpus(system(tmp_path, "0::/", **{"cpu.max": "max 100000"})) == MANY
    assert own_cpus(system(tmp_path, "0::/", **{"cpu.max": "9000000 100000"})) == MANY


def test_a_group_around_ones_own_may_have_less(tmp_path: Path):
    """As of a systemd unit in a slice."""
    root = system(
        tmp_path,
        "0::/work.slice/run.service",
        **{"work.slice__cpu.max": "200000 100000", "work.slice__run.service__cpu.max": "max 1"},
    )
    assert own_cpus(root) == 2


def test_the_quota_of_older_control_groups(tmp_path: Path):
    """Version 1, of a container that does not see the folder that its group has on the machine."""
    groups = "5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab"
    files = {"cpu,cpuacct__cpu.cfs_quota_us": "400000", "cpu,cpuacct__cpu.cfs_period_us": "100000"}
    assert own_cpus(system(tmp_path, groups, **files)) == 4
    assert own_cpus(system(tmp_path, groups, **(files | {"cpu,cpuacct__cpu.cfs_quota_us": "-1"}))) == MANY
