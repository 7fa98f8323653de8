"""What several folders of tests share.

A test that works on a lake makes one. What opens a lake, keys, a log or an instance without being told where finds a folder of
this session, and never the project's own.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.archive import make_archive
from cctview_pipeline_tests.factories.jobs import CAMERAS, HOUR, archive_campaign
from cctview_pipeline_tests.factories.s3_server import s3_server

# The same examples in every run, so that a change and not a draw makes a test fail; and code that compiles itself at its
# first use is slow then.
settings.register_profile("tests", derandomize=True, deadline=None)
settings.load_profile("tests")

_HOME = Path(tempfile.mkdtemp(prefix="cctview-tests-"))
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
