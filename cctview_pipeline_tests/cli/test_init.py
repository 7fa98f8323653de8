"""``cctview init`` and ``cctview doctor`` as they are typed."""

import json
from pathlib import Path

import pytest

from cctview_pipeline.campaign import Campaign
from cctview_pipeline_tests.factories.archive import make_archive
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.figures import DAY, figures_lake
from cctview_pipeline_tests.factories.live_cameras import LiveCameras


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def written(place: Workplace) -> Campaign:
    return Campaign.from_toml((place.lake / "campaign.toml").read_text())


def test_a_folder_of_known_cameras(place: Workplace, tmp_path: Path):
    archive = tmp_path / "archive"
    make_archive(archive, ("735-683-N", "733-681-N"), frames=5)
    done = place.invoke("init", "--network", "archive", "--path", archive, "--purpose", "traffic counts")
    assert done.returncode == 0, done.stderr
    assert "Next:" in done.stdout
    made = written(place)
    assert [camera.faces for camera in made.cameras] == ["north", "north"]
    assert (made.path, made.privacy) == (str(archive), {"purposes": ["traffic counts"]})
    assert len(made.hours()) == 1
    done = place.invoke("doctor", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["wrong"] == 0
    assert {each["about"] for each in said["findings"]} >= {"campaign", "roads", "models", "cameras", "disk"}


def test_cameras_that_nobody_described_need_a_place(place: Workplace, tmp_path: Path):
    archive = tmp_path / "archive"
    make_archive(archive, ("my-gate",), frames=5)
    done = place.invoke("init", "--network", "archive", "--path", archive)
    assert done.returncode == 1
    assert "Nobody knows where camera 'my-gate' stands: give --at LATITUDE,LONGITUDE" in done.stderr
    assert not (place.lake / "campaign.toml").exists()
    done = place.invoke("init", "--network", "archive", "--path", archive, "--at", "60.17,24.94", "--timezone", "Europe/Helsinki")
    assert done.returncode == 0, done.stderr
    assert "is a guess" in done.stdout
    assert (written(place).camera("my-gate").latitude, written(place).timezone) == (60.17, "Europe/Helsinki")


def test_a_live_network(place: Workplace):
    with LiveCameras(count=4).in_thread() as url:
        words = ["init", "--network", "nyc-dot", "--base-url", url, "--contact", "you@example.org"]
        done = place.invoke(*words, "--area", "40.5,-74,42.5,-72")
        assert done.returncode == 0, done.stderr
    made = written(place)
    assert [camera.network_id for camera in made.cameras] == ["cam-1", "cam-2"]
    assert (made.end, made.settings["contact"]) == (None, "you@example.org")
    assert "collect --accept-terms" in done.stdout


def test_what_a_campaign_says_is_collected_without_saying_it_again(place: Workplace, tmp_path: Path):
    cameras = LiveCameras(count=4)
    with cameras.in_thread() as url:
        words = ["init", "--network", "nyc-dot", "--base-url", url, "--contact", "you@example.org", "--cameras", "cam-1,cam-2"]
        assert place.invoke(*words, "--path", tmp_path / "spool").returncode == 0
        done = place.run("collect", "--accept-terms", "--for", "3s", "--spool", tmp_path / "spool")
    assert done.returncode == 0, done.stderr
    assert cameras.served.keys() == {"cam-1", "cam-2"}
    assert any("you@example.org" in agent for agent in cameras.agents)


def test_a_lake_that_has_its_campaign_is_left_alone(place: Workplace, tmp_path: Path):
    archive = tmp_path / "archive"
    make_archive(archive, ("735-683-N",), frames=5)
    words = ["init", "--network", "archive", "--path", archive]
    assert place.invoke(*words).returncode == 0
    before = (place.lake / "campaign.toml").read_bytes()
    done = place.invoke(*words)
    assert done.returncode == 1
    assert "has its campaign already" in done.stderr
    assert (place.lake / "campaign.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--network", "nowhere"], "There is no network 'nowhere' to begin with"),
        ([], "--network is missing: network."),
        (["--network", "archive"], "--path is missing: the folder or file."),
        (["--network", "archive", "--path", "/nowhere/at/all"], "/nowhere/at/all does not exist"),
        (["--network", "nyc-dot", "--area", "1,2,3"], "'1,2,3' is not an area"),
        (["--network", "nyc-dot", "--at", "1,2"], "--at means nothing to the network 'nyc-dot': leave it out."),
        (["--network", "pictures", "--path", "/tmp", "--near", "1,2"], "--near means nothing to the network 'pictures'"),
        (["--network", "archive", "--path", "/tmp", "--timezone", "Mars/Base"], "Mars/Base"),
    ],
)
def test_what_is_refused(place: Workplace, words: list[str], sentence: str):
    done = place.invoke("init", *words)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert not (place.lake / "campaign.toml").exists()


def test_tables_without_a_campaign_are_no_empty_lake(place: Workplace, tmp_path: Path):
    archive = tmp_path / "archive"
    make_archive(archive, ("735-683-N",), frames=5)
    figures_lake(place.lake, [DAY])
    (place.lake / "campaign.toml").unlink()
    done = place.invoke("init", "--network", "archive", "--path", archive)
    assert done.returncode == 1
    assert "has tables, but no campaign.toml: restore that file" in done.stderr


def test_a_time_without_a_picture_is_refused(place: Workplace, tmp_path: Path):
    archive = tmp_path / "archive"
    make_archive(archive, ("735-683-N",), frames=5)
    words = ["init", "--network", "archive", "--path", archive, "--from", "2021-01-01T00:00Z", "--to", "2021-01-02T00:00Z"]
    done = place.invoke(*words)
    assert done.returncode == 1
    assert "has nothing of these cameras in the time asked for: it is from 2020-05-05T17Z" in done.stderr


def test_a_doctor_needs_a_patient(place: Workplace):
    done = place.invoke("doctor")
    assert done.returncode == 1
    assert "is empty: fill it with" in done.stderr
