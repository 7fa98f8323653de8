"""What a backfill command of the synthetic city means: its campaign, its hours, and what it refuses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cctview_pipeline.backfill.select import Asked, BackfillRequest, choose
from cctview_pipeline.cameras.described import UndescribedCameras
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.city import CAMERAS
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline.policy import Policy
from cctview_pipeline_tests.factories.archive import make_archive
from cctview_pipeline_tests.factories.pictures import picture, put
from cctview_pipeline_tests.factories.tables import NORTH
from cctview_pipeline_tests.factories.videos import every, write_video

NOON = datetime(2025, 6, 3, 16, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def choose_city(lake: Lake, begin: datetime | None = None, end: datetime | None = None, cameras: list[str] = [], **settings):  # noqa: B006
    return choose(lake, Asked(network="city", cameras=cameras, begin=begin, end=end, settings=settings))


def test_a_city_with_nothing_said_is_an_hour_of_six_cameras(lake: Lake):
    chosen = choose_city(lake)
    assert chosen.cameras == [camera.id for camera in CAMERAS]
    assert (chosen.campaign.start, chosen.campaign.end, chosen.hours) == (NOON, NOON + timedelta(hours=1), [NOON])
    assert chosen.campaign.settings == {"seed": 1000, "start": NOON, "minutes": 60, "faults": []}


def test_minutes_reach_into_the_hours_they_need(lake: Lake):
    assert choose_city(lake, minutes=61).hours == [NOON, NOON + timedelta(hours=1)]


def test_hours_may_be_asked_for_instead_of_minutes(lake: Lake):
    begin = datetime(2025, 1, 6, 8, tzinfo=UTC)
    chosen = choose_city(lake, begin, begin + timedelta(hours=3))
    assert len(chosen.hours) == 3
    assert chosen.campaign.settings["start"] == begin


def test_the_campaign_keeps_its_city_through_its_file(lake: Lake):
    campaign = choose_city(lake, seed=7, faults=("jam", "frozen:city-2")).campaign
    assert Campaign.from_toml(campaign.to_toml()) == campaign


def test_the_same_command_again_means_the_same(lake: Lake):
    first = choose_city(lake, seed=7, minutes=5)
    lake.write_campaign(first.campaign)
    for again in (choose_city(lake, seed=7, minutes=5), choose_city(lake)):
        assert (again.campaign, again.hours, again.notes) == (first.campaign, first.hours, [])


def test_a_lake_keeps_to_its_city(lake: Lake):
    lake.write_campaign(choose_city(lake, seed=7).campaign)
    with pytest.raises(CctviewError, match=r"The lake's city has seed 7, not 8: leave it out, or use another lake."):
        choose_city(lake, seed=8)


def test_purposes_are_declared_with_a_new_lake_and_later_in_its_file(lake: Lake, tmp_path: Path):
    make_archive(tmp_path / "archive", ("735-683-N",), NOON, frames=1)

    def choose_archive(*purposes: str) -> BackfillRequest:
        return choose(lake, Asked(network="archive", path=str(tmp_path / "archive"), purposes=purposes))

    assert "single vehicles cannot" in choose_archive().notes[0]
    chosen = choose_archive("traffic counts", "road safety")
    assert chosen.notes == []
    assert Policy.of(chosen.campaign).purposes == ("traffic counts", "road safety")
    lake.write_campaign(chosen.campaign)
    assert choose_archive().campaign == choose_archive("road safety").campaign == chosen.campaign
    with pytest.raises(CctviewError, match=r"'curiosity' is none of its purposes: add it to purposes under \[campaign.privacy\]"):
        choose_archive("curiosity")


def test_footage_begins_a_campaign_that_keeps_how_it_is_read(lake: Lake, tmp_path: Path):
    write_video(tmp_path / "videos" / "735-683-N" / "20250603_120000.mp4", every(1, 5))
    write_video(tmp_path / "videos" / "735-683-N" / "20250603_130000.mp4", every(1, 5))
    (tmp_path / "videos" / "notes.txt").write_text("x")

    def choose_footage(timezone: str = "", **settings: float) -> BackfillRequest:
        path = str(tmp_path / "videos")
        return choose(lake, Asked(network="footage", path=path, settings=settings, purposes=["tests"], timezone=timezone))

    with pytest.raises(CctviewError, match="tell a time without a zone"):
        choose_footage()
    chosen = choose_footage("America/New_York", fps=2.0)
    assert chosen.hours == [NOON, NOON + timedelta(hours=1)]
    assert chosen.notes == ["Begin of 2 files by name (2); frames: 2 a second.", "Not used: files that are no videos: notes.txt."]
    assert (chosen.campaign.timezone, chosen.campaign.settings) == ("America/New_York", {"fps": 2.0})
    lake.write_campaign(chosen.campaign)
    assert lake.campaign() == choose_footage().campaign == chosen.campaign
    with pytest.raises(CctviewError, match=r"The lake's footage has fps 2, not 1: leave it out, or use another lake\."):
        choose_footage(fps=1.0)
    with pytest.raises(CctviewError, match=r"The lake's times are by America/New_York, not by Europe/London"):
        choose_footage("Europe/London")


def test_footage_of_cameras_that_nobody_described_comes_with_a_draft(lake: Lake, tmp_path: Path):
    write_video(tmp_path / "gate--2025-06-03T16-00-00Z.mp4", every(1, 5))
    with pytest.raises(UndescribedCameras, match="'gate' is not in the catalogue") as refusal:
        choose(lake, Asked(network="footage", path=str(tmp_path)))
    assert 'network = "footage"' in refusal.value.draft
    assert 'id = "gate"' in refusal.value.draft


def test_pictures_begin_a_campaign_of_their_zone(lake: Lake, tmp_path: Path):
    put(tmp_path, "735-683-N/20250603_190000.jpg", picture())
    put(tmp_path, "notes.txt", "x")

    def choose_pictures(timezone: str = "") -> BackfillRequest:
        return choose(lake, Asked(network="pictures", path=str(tmp_path), purposes=["tests"], timezone=timezone))

    with pytest.raises(CctviewError, match="give --timezone"):
        choose_pictures()
    chosen = choose_pictures("Europe/Helsinki")
    assert chosen.hours == [NOON]
    assert chosen.campaign.timezone == "Europe/Helsinki"
    assert chosen.notes == [
        "Time of 1 picture by name (1); times without a zone are Europe/Helsinki's.",
        "Not used: files that are no pictures: notes.txt.",
    ]
    lake.write_campaign(replace(chosen.campaign, settings={"start": ["name"]}))
    assert lake.campaign() == choose_pictures().campaign


def test_the_draft_of_pictures_keeps_their_zone(lake: Lake, tmp_path: Path):
    put(tmp_path, "gate/20250603_190000.jpg", picture())
    with pytest.raises(UndescribedCameras) as refusal:
        choose(lake, Asked(network="pictures", path=str(tmp_path), timezone="Europe/Helsinki"))
    for line in ('network = "pictures"', 'timezone = "Europe/Helsinki"', "start = 2025-06-03T16:00:00Z", 'id = "gate"'):
        assert line in refusal.value.draft


def test_a_lake_keeps_to_its_network(lake: Lake):
    lake.write_campaign(
        Campaign(
            name="recorded", network="archive", start=NOON, end=NOON + timedelta(hours=1), cameras=(NORTH,), path="/recorded"
        )
    )
    with pytest.raises(CctviewError, match=r"holds a campaign of the network 'archive', not 'city': use another lake."):
        choose_city(lake)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"seed": -1}, r"seed = -1 .* \(from 0 to 999999\)"),
        ({"minutes": 0}, r"minutes = 0 .* \(from 1 to 527040\)"),
        ({"faults": ("fog",)}, "no fault named 'fog': known are jam"),
        ({"faults": ("frozen:cam-9",)}, "no camera named 'cam-9'"),
        ({"faults": ("jam:city-1",)}, "'jam' is of the whole city"),
        ({"cameras": ["cam-9"]}, "The city has no camera 'cam-9': known are city-1"),
    ],
)
def test_what_no_city_has(lake: Lake, settings: dict, sentence: str):
    with pytest.raises(CctviewError, match=sentence):
        choose_city(lake, **settings)
