"""`cctview report` at a terminal."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cctview_pipeline.cli.app import app
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import key
from cctview_pipeline.privacy.tombstones import Tombstone, Tombstones
from cctview_pipeline_tests.factories.reported import BEGIN, reported


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    for variable, folder in (("CCTVIEW_LAKE", "lake"), ("DAGSTER_HOME", "home")):
        monkeypatch.setenv(variable, str(tmp_path / folder))
    monkeypatch.chdir(tmp_path)
    return reported(tmp_path, per_hour=40)


def cctview(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["report", *words])
    if isinstance(found.exception, CctviewError):
        raise found.exception
    return found.exit_code, found.stdout


def test_it_is_written_verified_and_found_out(lake: Lake, tmp_path: Path):
    told = cctview()
    assert told == (0, f"Wrote report-2020-05-05.html, {Path('report-2020-05-05.html').stat().st_size / 1000:,.0f} kB.\n")
    status, text = cctview("--verify", "report-2020-05-05.html")
    assert status == 0
    assert text.endswith("0 differ.\n")
    hour = Partition.camera_hour("road-1", BEGIN)
    lake.write("passages", hour, lake.read("passages", hour).slice(1))
    status, text = cctview("--verify", "report-2020-05-05.html")
    assert status == 1
    assert "was" in text
    status, text = cctview("--verify", "report-2020-05-05.html", "--json")
    assert (status, json.loads(text)["gone"]) == (1, {})


def test_what_was_deleted_on_purpose_is_told_with_its_reason(lake: Lake):
    cctview("--out", "mine.html")
    hour = Partition.camera_hour("road-1", BEGIN)
    Tombstones(lake).put(Tombstone("passages", hour, "the campaign keeps passages for 168 hours", BEGIN))
    lake.storage.delete(key("passages", hour))
    status, text = cctview("--verify", "mine.html")
    assert status == 0
    assert "passages: 1 partitions that it was made from are not in the lake any more." in text
    assert "keeps passages for 168 hours" in text
    assert "cannot be verified, as what they rest on has gone" in text


def test_two_times(lake: Lake, tmp_path: Path):
    days = "2020-05-05..2020-05-05"
    status, text = cctview("--compare", days, days, "--out", "both.html")
    assert status == 0
    assert "road-1 N" in text
    assert b"<!doctype html>" in Path("both.html").read_bytes()
    assert "(not known)" in text  # nobody has measured the counter with this model
    status, text = cctview("--compare", days, days, "--json")
    assert json.loads(text)["measures"][0]["matched_quarters"] == 6 * 16


def test_what_cannot_be_is_refused(lake: Lake):
    for words, sentence in (
        (("--day", "today"), "'today' is no day"),
        (("--verify", "nowhere.html"), "nowhere.html cannot be read"),
        (("--out", "no/folder/x.html"), "cannot be written"),
        (("--verify", "x", "--compare", "a", "b"), "One thing at a time"),
    ):
        with pytest.raises(CctviewError, match=sentence):
            cctview(*words)
