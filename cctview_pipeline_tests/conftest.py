"""What several folders of tests share.

Partitions are read from the lake's campaign when the definitions load, so the tests' lake and its campaign must be there
before any module of the package is imported: three cameras of the catalogue and four hours of a day in May.
"""

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from cctview_pipeline.cameras.catalogue import find_cameras
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Lake
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
CAMERAS = ("733-681-N", "735-683-N", "689-640-S")
START, END = datetime(2020, 5, 5, 16, tzinfo=UTC), datetime(2020, 5, 5, 20, tzinfo=UTC)
_CAMPAIGN = Campaign("tests", "archive", START, END, tuple(find_cameras(list(CAMERAS))), str(_HOME / "archive"))
Lake(os.environ["CCTVIEW_LAKE"]).write_campaign(_CAMPAIGN)


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
