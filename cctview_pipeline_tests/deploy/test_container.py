"""deploy/kubernetes/Containerfile: what it copies is there, what it installs is pinned by hash. No engine builds it here."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cctview_pipeline.paths import project_root
from cctview_pipeline_tests.deploy.chart import FOLDER
from supply_chain.lock import read_lock

ROOT = project_root()
FILE = FOLDER / "Containerfile"
HASHES = sorted(FOLDER.glob("requirements*.hashes"))


def instructions() -> list[tuple[str, str]]:
    """Every instruction and its words, in one line."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in text.splitlines() if line.strip()]


def words_of(name: str) -> list[str]:
    return [words for instruction, words in instructions() if instruction == name]


def test_what_is_copied_is_there_and_not_ignored():
    default = next(words.split("=", 1)[1] for words in words_of("ARG") if words.startswith("REQUIREMENTS="))
    allowed = [line[1:] for line in FILE.with_name("Containerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    for words in words_of("COPY"):
        sources = shlex.split(words)[:-1]
        if not sources[0].startswith("--from="):
            for source in (each.replace("${REQUIREMENTS}", default) for each in sources):
                assert (ROOT / source).exists(), source
                assert any(Path(source).match(pattern) for pattern in allowed), f"{source} is ignored"


def test_the_program_finds_what_it_reads_beside_itself():
    """pyproject.toml says where the project's root is; dagster.yaml and models lie there."""
    copied = {source for words in words_of("COPY") for source in shlex.split(words)[:-1]}
    assert {"pyproject.toml", "dagster.yaml", "models", "cctview_pipeline"} <= copied


def test_every_installed_file_is_known_by_its_hash():
    installs = [words for words in words_of("RUN") if "pip install" in words]
    assert installs
    assert all("--require-hashes" in words or "--no-deps --no-build-isolation" in words for words in installs)
    assert not re.search(r"index-url|trusted-host|https?://(?!127\.0\.0\.1)", " ".join(words for _, words in instructions()))


@pytest.mark.parametrize("path", HASHES, ids=lambda path: path.name)
def test_the_hashes_are_of_the_locks_versions(path: Path):
    text = path.read_text()
    pinned = dict(re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+) \\$", text, re.MULTILINE))
    lock = {name.lower().replace("_", "-").replace(".", "-"): version for name, version in read_lock().items()}
    other = {name: version for name, version in pinned.items() if lock.get(name, version) != version}
    assert not other, "make hashes was not run after a change of requirements.lock"
    assert {"dagster-k8s", "dagster-postgres", "psycopg2-binary", "setuptools"} <= set(pinned)
    assert ("torch" in pinned) == ("gpu" in path.name)
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)


def test_nobody_in_it_is_root_and_it_has_no_entry_point():
    """The chart gives code servers `args` alone, and Dagster its runs: an entry point would be put before them."""
    names = [name for name, _ in instructions()]
    assert names.index("USER") < names.index("CMD")
    assert words_of("USER") == ["10001:10001"]
    assert "ENTRYPOINT" not in names


def test_its_healthcheck_sees_a_collector(tmp_path: Path):
    """The command as it stands, on a port that answers and on one that does not."""
    from prometheus_client import CollectorRegistry, start_http_server

    from cctview_pipeline_tests.factories.ports import free_ports

    answering, silent = free_ports(2)
    server, thread = start_http_server(answering, addr="127.0.0.1", registry=CollectorRegistry())
    _, program, script = json.loads(words_of("HEALTHCHECK")[0].partition("CMD ")[2])

    def ask(port: int) -> int:
        environment = {"HEALTH_URL": f"http://127.0.0.1:{port}/metrics"}
        return subprocess.run([sys.executable, program, script], env=environment, capture_output=True).returncode

    try:
        assert (ask(answering), ask(silent)) == (0, 1)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_linter_finds_nothing():
    linter = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        pytest.skip("hadolint is not installed: the Containerfile is not linted")
    told = subprocess.run([linter, str(FILE)], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout
