"""What several folders of tests share.

A test that works on a lake makes one. What opens a lake, keys, a log or an instance without being told where finds a folder of
this session, and never the project's own.
"""

import atexit
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

# Workers share the cores, and threads that wait for each other's cores are slower than one. Read when NumPy, torch and
# Arrow are loaded, so it stands before them; models are told in pytest_runtest_setup.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")

import pytest
from hypothesis import settings

from cctview_pipeline.lake import Lake
from cctview_pipeline.runtime.device import set_threads
from cctview_pipeline_tests.factories.archive import make_archive
from cctview_pipeline_tests.factories.jobs import CAMERAS, HOUR, archive_campaign
from cctview_pipeline_tests.factories.s3_server import s3_server

# The same examples in every run, so that a change and not a draw makes a test fail; and code that compiles itself at its
# first use is slow then. `make test-all` takes the full profile.
settings.register_profile("full", derandomize=True, deadline=None, max_examples=150)
settings.register_profile("fast", settings.get_profile("full"), max_examples=25)
settings.load_profile("fast")

MAX_DURATION_S = 20.0
"""What a test of the fast tier may take."""

_HOME = Path(tempfile.mkdtemp(prefix="cctview-tests-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["CCTVIEW_LAKE"] = str(_HOME / "lake")
os.environ["CCTVIEW_KEYS"] = str(_HOME / "keys")
os.environ["CCTVIEW_AUDIT"] = str(_HOME / "audit" / "audit.jsonl")
os.environ["DAGSTER_HOME"] = str(_HOME / "dagster")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a running S3 server with an empty bucket ``lake``."""
    with s3_server(tmp_path_factory.mktemp("s3")) as environment:
        yield environment


@pytest.fixture(scope="session")
def published_hour() -> Path:
    """The published hour, which is personal data and stays outside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data" / "nyc-fdr"
    if not folder.exists():
        pytest.skip(f"the published hour is not at {folder}")
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Ten frames at 17:00 UTC of each camera of :func:`archive_campaign`."""
    root = tmp_path / "archive"
    make_archive(root, CAMERAS, HOUR, frames=10)
    return root


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake that knows the archive's campaign and holds nothing yet, with keys of its own: the ones that runs open."""
    monkeypatch.setenv("CCTVIEW_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("CCTVIEW_KEYS", str(tmp_path / "keys"))
    lake = Lake(str(tmp_path / "lake"))
    lake.write_campaign(archive_campaign(tmp_path / "archive"))
    return lake


def pytest_runtest_setup() -> None:
    """An asset that ran in this process may have given the models all cores."""
    set_threads(1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what has become too slow for ``make test``. It is no failure: a machine may have had other things to do."""
    if "not slow" not in config.option.markexpr:
        return
    took = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                took[report.nodeid] += report.duration
    for name, seconds in took.most_common():
        if seconds > MAX_DURATION_S:
            mend = "make it faster, or mark it slow if nothing smaller shows the same"
            terminalreporter.write_line(f"over {MAX_DURATION_S:.0f} s: {name} took {seconds:.1f} s: {mend}", yellow=True)
