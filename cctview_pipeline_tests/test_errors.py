"""What other people's errors come to in tables, reports and sentences: the same words for the same failure."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from cctview_pipeline.errors import CctviewError, reason_of
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.storage import Storage
from cctview_pipeline.privacy.entries import Entry
from cctview_pipeline.privacy.retention import ExpiredItem, purge
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.segments import Segment


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CctviewError("Others read it."), "Others read it"),
        (PermissionError(13, "Permission denied", "/home/somebody/lake"), "Permission denied"),
        (OSError(28, "[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left"), "No space left on device"),
        (
            OSError("When reading 'k': AWS Error ACCESS_DENIED during HeadObject operation: Request ID: 17F0"),
            "S3 answers ACCESS_DENIED",
        ),
        (ClientError({"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"RequestId": "17F0"}}, "Put"), "S3 answers SlowDown"),
        (EndpointConnectionError(endpoint_url="http://10.0.0.1:9"), "EndpointConnectionError"),
        (ValueError("<object at 0x7f3c5d>"), "ValueError"),
    ],
)
def test_a_failure_is_told_in_our_words(error: Exception, reason: str):
    assert reason_of(error) == reason


def test_a_lake_that_cannot_be_written_names_the_system_s_reason(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(CctviewError, match=r"cannot be written: Not a directory\.$"):
        Storage(str(tmp_path / "file" / "lake")).check_writable()


def test_the_report_of_a_purge_says_the_same_of_the_same_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def failing(segment: Segment) -> None:
        raise OSError(16, f"Device or resource busy: {segment} of <segment object at {id(segment):#x}>")

    monkeypatch.setattr(Segment, "delete", failing)
    now, segment = datetime(2026, 1, 1, tzinfo=UTC), Segment(SpoolFolder(tmp_path), "0/a.segment")
    day = timedelta(days=1)
    due = ExpiredItem(kind="spool", place=str(segment), since=now - day, lifetime=day / 2, segment=segment)
    (failed,) = purge(Lake(str(tmp_path)), [due], now).failed
    assert failed == (due, "Device or resource busy.")


WRITTEN = Entry(
    number=1,
    time=datetime(2026, 1, 1, tzinfo=UTC),
    user="me",
    purpose="",
    kind="query",
    lake="/lake",
    asked="select 1",
    tables=("tracks",),
    previous="0" * 64,
)


def test_a_line_of_an_audit_log_is_read_back():
    assert Entry.parse(WRITTEN.line()) == WRITTEN


def test_no_table_or_metadata_takes_a_library_s_words():
    """Where a library's error is put into a sentence that is stored, it goes through reason_of."""
    package = Path(__file__).parents[1] / "cctview_pipeline"
    stored = [package / place for place in ("images", "cameras/spooled.py", "redaction/masking.py", "lake")]
    assert all(place.exists() for place in stored)
    files = [file for place in stored for file in ([place] if place.is_file() else place.rglob("*.py"))]
    told = {file.name: re.findall(r"\{error[^}]*\}|repr\(error\)", file.read_text()) for file in files}
    assert {name: found for name, found in told.items() if found} == {}
