"""requirements.lock has exactly what pyproject.toml needs, and the files of hashes their parts of it, file by file."""

import re
import subprocess
from pathlib import Path

import pytest

from cctview_pipeline.errors import CctviewError
from supply_chain.lock import GROUPS, LOCK, ROOT, grouped, read_lock

HERE = [group for group in GROUPS if group != "benchmark"]
"""What `make test` installs."""
HASHES = [
    ("requirements.hashes", ["base"]),
    ("deploy/ray/requirements.hashes", ["base", "postgres", "cluster"]),
    ("deploy/kubernetes/requirements.hashes", ["base", "postgres", "kubernetes"]),
    ("deploy/kubernetes/requirements-gpu.hashes", ["base", "postgres", "kubernetes", "torch"]),
]
PINNED = re.compile(r"^([\w.-]+)(?:\[[\w, -]+\])?==(\S+) \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def hashed(file: str) -> dict[str, tuple[str, int]]:
    """The version of every package of a file of hashes, and how many files it has."""
    found: dict[str, tuple[str, int]] = {}
    for line in (ROOT / file).read_text().splitlines():
        if line.startswith("#"):
            continue
        if pinned := PINNED.match(line):
            name, version = pinned.groups()
            found[name] = version, 0
        else:
            assert HASH.match(line), f"neither a version nor a hash: {line}"
            found[name] = version, found[name][1] + 1
    return found


@pytest.mark.parametrize(("file", "groups"), HASHES)
def test_every_package_has_its_hashes(file: str, groups: list[str]):
    base = {each.name: each.version for each in grouped(read_lock(), groups)}
    found = hashed(file)
    assert {name: version for name, (version, _) in found.items()} == base | {"setuptools": read_lock()["setuptools"]}
    assert min(files for _, files in found.values()) > 0


def test_make_installs_nothing_else_for_the_base():
    told = subprocess.run(["make", "--dry-run", "--always-make", "install"], cwd=ROOT, capture_output=True, text=True, check=True)
    installs = [line for line in told.stdout.splitlines() if "pip install" in line]
    assert installs
    assert all("--require-hashes" in line or "--no-deps --no-build-isolation" in line for line in installs)


def test_no_address_of_an_index_is_in_the_files():
    for name in (
        "requirements.lock",
        "requirements.hashes",
        "deploy/ray/requirements.hashes",
        "pyproject.toml",
        "docs/licences.md",
    ):
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", (ROOT / name).read_text()), name


def test_every_package_is_pinned_and_every_pin_is_needed():
    needed = {each.name for each in grouped(read_lock(), HERE)}
    page = (ROOT / "docs" / "licences.md").read_text().partition(f"## Packages: {GROUPS['benchmark']}")[2]
    assert read_lock().keys() - needed == set(re.findall(r"^\| ([a-z0-9-]+) \| \d", page, re.MULTILINE))


@pytest.mark.parametrize("line", ["numpy", "numpy>=2", "==2.0", "numpy=="])
def test_a_line_that_pins_nothing(tmp_path: Path, line: str):
    (tmp_path / "lock").write_text(f"# versions\nattrs==26.1.0\n{line}\n")
    with pytest.raises(CctviewError, match=r"^Line 3 of .*: write it as package==version\.$"):
        read_lock(tmp_path / "lock")


def test_a_package_that_is_not_pinned():
    lock = read_lock()
    del lock["numpy"]
    with pytest.raises(CctviewError, match=r"^numpy is needed and not in requirements\.lock: add a line numpy==version\.$"):
        grouped(lock, ["base"])


def test_another_version_than_the_locks():
    with pytest.raises(CctviewError, match=rf"^numpy 1\.0 is in {LOCK.name}, but \S+ here: make licences installs it\.$"):
        grouped(read_lock() | {"numpy": "1.0"}, ["base"])
