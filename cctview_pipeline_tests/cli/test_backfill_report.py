"""What a person and a program are told when a backfill goes wrong, and what it leaves behind."""

import contextlib
import json
from pathlib import Path

import pytest

from cctview_pipeline.automation import instance
from cctview_pipeline.backfill import launch as backfill
from cctview_pipeline.backfill.followed import Outcome
from cctview_pipeline.backfill.stages import CHAIN, FIGURES
from cctview_pipeline.work import Work
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.odd_archives import frames, write

CAMERA = "735-683-N"


PLANNED = len(CHAIN) + 1 + 1 + len(FIGURES)
"""Of one camera and hour: its tables with coverage, the hour's journeys, and the day's figures."""


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write(tmp_path / "archive", frames(CAMERA, HOUR_17, 5) | {"notes.txt": b""})


@pytest.fixture
def nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's part fails after a while."""

    def run(instance, graph, campaign, todo, title, progress) -> Outcome:
        progress("frames to features", 0, [])
        progress("frames to features", 1, [Work("raw_frames", f"{CAMERA} 2020-05-05T17", 2, 4)])
        return Outcome(False, 0, "Dagster could not carry it out (SomeError)")

    monkeypatch.setattr(backfill, "run", run)
    monkeypatch.setattr(instance, "running_daemon", lambda instance, tick, district: contextlib.nullcontext())


@pytest.mark.usefixtures("nothing_is_made")
def test_a_backfill_that_made_nothing_leaves_no_campaign_and_no_empty_tables(place: Workplace, archive: Path):
    done = place.invoke("backfill", "--path", archive)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"cctview: 0 of {PLANNED} partitions are finished; Dagster could not carry it out (SomeError). See the runs"
    )
    assert len(done.stderr.strip().splitlines()) == 1
    assert "journeys," not in done.stdout
    assert "Cameras" not in done.stdout
    assert f"1 of {PLANNED} partitions; frames to features: raw_frames 735-683-N 2020-05-05T17 (2 of 4)" in done.stdout
    assert not (place.lake / "campaign.toml").exists()


@pytest.mark.usefixtures("nothing_is_made")
def test_a_campaign_that_was_there_stays(place: Workplace, archive: Path):
    place.lake.mkdir()
    (place.lake / "campaign.toml").write_text(
        '[campaign]\nname = "a"\nnetwork = "archive"\nstart = 2020-05-05T17:00:00Z\nend = 2020-05-05T18:00:00Z\n[[cameras]]\n'
        'id = "735-683-N"\nname = "48 St"\nlatitude = 40.75\nlongitude = -73.96\nfaces = "north"\ncorridor = "fdr"\norder = 1\n'
    )
    assert place.invoke("backfill", "--path", archive).returncode == 1
    assert (place.lake / "campaign.toml").exists()


@pytest.mark.usefixtures("nothing_is_made")
def test_as_json_the_report_is_all_of_standard_output(place: Workplace, archive: Path):
    done = place.invoke("backfill", "--path", archive, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["partitions"] == {"planned": PLANNED, "asked": PLANNED, "finished": 0}
    assert told["not_used"] == [
        {"reason": "other_file", "meaning": "files that are no pictures", "count": 1, "example": "notes.txt"}
    ]
    assert "Not used: files that are no pictures: notes.txt." in told["notes"]
    assert told["rejected"] == []


def test_several_paths_are_refused_with_the_mend(place: Workplace, archive: Path):
    done = place.invoke("backfill", "--path", archive, "--path", archive)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("cctview: One --path is read: give the folder that holds all")


def test_another_city_is_shown_the_file_to_fill_in(place: Workplace, tmp_path: Path):
    done = place.invoke("backfill", "--path", write(tmp_path / "archive", frames("oak-1", HOUR_17, 2)))
    assert done.returncode == 1
    assert 'id = "oak-1"' in done.stdout
    assert not place.lake.exists() or not list(place.lake.iterdir())
