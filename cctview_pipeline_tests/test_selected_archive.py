"""What a backfill of an odd archive means: which hours and cameras are made, and what is said of the rest."""

import os
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cctview_pipeline.backfill.select import Asked, BackfillRequest, choose
from cctview_pipeline.cameras.described import UndescribedCameras
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.odd_archives import frames, small, write, zip_up

CAMERA, OTHER = "735-683-N", "733-681-N"
HOUR = timedelta(hours=1)
NOW = datetime(2020, 5, 5, 19, 30, tzinfo=UTC)
FIVE, SEVEN = NOW.replace(hour=17, minute=0), NOW.replace(hour=19, minute=0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "archive", frames(CAMERA, FIVE, 5))


def chosen(lake: Lake, root: Path, *cameras: str, begin: datetime | None = None, end: datetime | None = None) -> BackfillRequest:
    asked = Asked(network="archive", path=str(root), cameras=cameras, begin=begin, end=end, purposes=("traffic counts",))
    return choose(lake, asked, now=NOW)


def test_hours_that_are_over_are_made_and_the_rest_is_left_with_a_note(lake: Lake, root: Path):
    write(root, frames(CAMERA, SEVEN, 5, first=10))
    found = chosen(lake, root)
    assert (found.hours, found.campaign.start, found.campaign.end) == ([FIVE], FIVE, FIVE + HOUR)
    assert found.notes == [
        "Left alone: 1 hour not over, from 2020-05-05T19Z on: the same command makes them after 2020-05-05T20:01Z, with "
        "end = 2020-05-05T20:00:00Z in campaign.toml."
    ]


@pytest.mark.parametrize("typed", ["735-683-n", "735-683", "735-683-NN"])
def test_a_typing_error_in_a_camera_s_id_is_told_with_the_nearest(lake: Lake, root: Path, typed: str):
    with pytest.raises(CctviewError, match=rf"^Camera '{typed}' is not in .*: it may mean 735-683-N; it has 735-683-N\.$"):
        chosen(lake, root, typed)
    lake.write_campaign(chosen(lake, root).campaign)
    with pytest.raises(CctviewError, match="it may mean 735-683-N"):
        chosen(lake, root, typed)


def test_a_path_that_is_no_text_is_refused_before_anything_is_written(lake: Lake, root: Path):
    odd = root.rename(Path(os.fsdecode(os.fsencode(root.parent) + b"/\xe4rchiv")))
    with pytest.raises(CctviewError, match=r"rchiv is no UTF-8, and campaign.toml can't hold it: rename that folder\.$") as told:
        chosen(lake, odd)
    assert str(told.value).isprintable()


def test_a_path_may_begin_at_home(lake: Lake, root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(root.parent))
    assert chosen(lake, Path("~/archive")).campaign.path == str(root)


def test_an_end_before_the_beginning_is_told_as_such(lake: Lake, root: Path):
    with pytest.raises(CctviewError, match=r"ends \(2020-05-05T17:00Z\) before it begins \(2020-05-05T19:00Z\)\.$"):
        chosen(lake, root, begin=SEVEN, end=FIVE)


def test_a_window_that_is_too_large_is_told_with_its_dates(lake: Lake, root: Path):
    write(root, frames(CAMERA, datetime(2005, 5, 5, 17, tzinfo=UTC), 5, first=10))
    with pytest.raises(CctviewError, match=r"^1 camera from 2005-05-05T17Z to 2020-05-05T18Z are .* with --from and --to"):
        chosen(lake, root)


def test_an_hour_is_over_a_minute_after_its_end(lake: Lake, root: Path):
    write(root, frames(CAMERA, SEVEN, 5, first=10))
    for now, hours in ((SEVEN + HOUR, 1), (SEVEN + HOUR + timedelta(minutes=1), 2)):
        assert len(choose(lake, Asked(network="archive", path=str(root)), now=now).hours) == hours


def test_without_an_hour_that_is_over_nothing_is_begun(lake: Lake, tmp_path: Path):
    with pytest.raises(CctviewError, match=r"The first hour that .* holds is not over: it can be made at 2020-05-05T20:01Z\."):
        chosen(lake, write(tmp_path / "archive", frames(CAMERA, SEVEN, 3)))


def test_a_city_of_the_future_is_not_over_either(lake: Lake):
    with pytest.raises(CctviewError, match="The first hour that the city holds is not over"):
        choose(lake, Asked(network="city", begin=NOW + 24 * HOUR), now=NOW)


def test_a_lone_date_never_sets_the_window(lake: Lake, root: Path):
    write(root, frames(CAMERA, FIVE + timedelta(days=365), 1, first=10))
    found = chosen(lake, root)
    assert (found.hours, found.campaign.end) == ([FIVE], FIVE + HOUR)
    (note,) = found.notes
    assert note.startswith("Set aside, reason clock: 1 picture dated far from all others: 735-683-N/2021/05/05/13/")


def test_hours_outside_the_window_are_left_with_the_mend(lake: Lake, root: Path):
    lake.write_campaign(chosen(lake, root).campaign)
    write(root, frames(CAMERA, FIVE + HOUR, 2, first=10))
    assert chosen(lake, root).notes == [
        "Left alone: 1 hour outside the campaign's window, from 2020-05-05T18Z to 2020-05-05T19Z: move start or end in "
        "campaign.toml to have them made."
    ]


def test_what_is_not_used_is_in_the_notes_and_in_the_choice(lake: Lake, root: Path):
    write(root, {"notes.txt": b""})
    (root / "download.zip").write_bytes(zip_up(root / "z", frames(OTHER, FIVE, 3)).read_bytes()[:300])
    (root / "z").unlink()
    found = chosen(lake, root)
    assert {each.reason: each.count for each in found.unused} == {"other_file": 1, "damaged_zip": 1}
    assert [note.split(":")[0] for note in found.notes] == ["Not used"] * 2
    assert "download.zip" in found.notes[1]


def test_a_camera_that_nobody_described_takes_no_other_with_it(lake: Lake, root: Path):
    write(root, frames("999-999-N", FIVE, 3))
    found = chosen(lake, root)
    assert found.cameras == [CAMERA]
    assert found.notes == [f"Left out: 1 camera of {root} not in the catalogue: 999-999-N."]
    lake.write_campaign(found.campaign)
    assert chosen(lake, root).notes == [f"Left out: 1 camera of {root} not in this campaign: 999-999-N."]
    with pytest.raises(CctviewError, match="Camera '999-999-N' is not in this campaign: add it under"):
        chosen(lake, root, "999-999-N")


def test_another_city_is_given_the_file_that_it_has_to_fill_in(lake: Lake, tmp_path: Path):
    root = write(tmp_path / "archive", frames("oak.street-1", FIVE, 3))
    with pytest.raises(
        UndescribedCameras, match=f"describe it .* in {lake.uri}/campaign.toml, which is not there yet"
    ) as refused:
        chosen(lake, root)
    draft = refused.value.draft
    with pytest.raises(tomllib.TOMLDecodeError):  # it can't be left as it is
        tomllib.loads(draft)
    filled = draft.replace("latitude =", "latitude = 47.6").replace("longitude =", "longitude = -122.3")
    lake.write_campaign(Campaign.from_toml(filled))
    assert chosen(lake, root).cameras == ["oak.street-1"]


def test_a_camera_without_a_picture_in_these_hours_is_named(lake: Lake, root: Path):
    write(root, frames(OTHER, FIVE - HOUR, 3))
    assert chosen(lake, root, begin=FIVE, end=FIVE + HOUR).notes == ["1 camera without a picture in these hours: 733-681-N."]


def test_an_archive_of_nothing_but_a_damaged_zip_says_so(lake: Lake, tmp_path: Path):
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "f.zip").write_bytes(b"PK\x03\x04" + small())
    with pytest.raises(
        CctviewError, match=r"is no archive: expected .*; zip files whose list of entries is damaged .*: f.zip\.$"
    ):
        chosen(lake, tmp_path / "archive")


def test_a_path_that_may_not_be_opened_says_so(lake: Lake, tmp_path: Path):
    os.symlink("loop", tmp_path / "loop")
    with pytest.raises(CctviewError, match=r"The archive .*loop can't be opened. It is a link that leads back to itself\."):
        chosen(lake, tmp_path / "loop")
