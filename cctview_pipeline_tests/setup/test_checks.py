"""What `cctview doctor` finds, in a folder and at live cameras that answer, or do not."""

from dataclasses import replace
from pathlib import Path

from aiohttp import web

from cctview_pipeline.campaign import HOUR, Camera, Campaign
from cctview_pipeline.lake import Lake
from cctview_pipeline.setup import checks
from cctview_pipeline.setup.checks import Checkup, Finding, Level
from cctview_pipeline_tests.factories.archive import make_archive
from cctview_pipeline_tests.factories.live_cameras import LiveCameras
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign


def found(tmp_path: Path, made: Campaign, **said) -> list[Finding]:
    lake = Lake(str(tmp_path / "lake"))
    lake.write_campaign(made)
    return list(Checkup(lake=lake, campaign=made, **said).run())


def sentences(findings: list[Finding], about: str, level: Level) -> list[str]:
    return [each.sentence for each in findings if (each.about, each.level) == (about, level)]


def of_archive(tmp_path: Path, **changes) -> Campaign:
    cameras = tuple(replace(camera, id=name) for camera, name in ((NORTH, "735-683-N"), (SOUTH, "733-681-N")))
    path = tmp_path / "archive"
    make_archive(path, tuple(camera.id for camera in cameras), frames=5)
    said = {"cameras": cameras, "path": str(path), "privacy": {"purposes": ["counts"]}}
    return campaign(**(said | changes))


def test_a_campaign_that_can_begin(tmp_path: Path):
    findings = found(tmp_path, of_archive(tmp_path))
    assert {each.level for each in findings} == {Level.FINE}
    looked_at = sentences(findings, "cameras", Level.FINE)
    assert [sentence.partition(",")[0] for sentence in looked_at] == ["735-683-N: 352 x 240", "733-681-N: 352 x 240"]
    assert "are free" in sentences(findings, "disk", Level.FINE)[0]


def test_what_is_doubtful_says_what_to_do(tmp_path: Path):
    loose = tuple(
        replace(each, faces="", corridor="", order=0, latitude=0.0, longitude=0.0) for each in of_archive(tmp_path).cameras
    )
    findings = found(tmp_path, of_archive(tmp_path, cameras=loose, privacy={}))
    assert not [each for each in findings if each.level == Level.WRONG]
    roads = " ".join(sentences(findings, "roads", Level.DOUBT))
    assert "`cctview links propose`" in roads
    assert "the place of another" in roads
    assert "Nobody knows how 2 of 2 cameras (735-683-N, 733-681-N) face" in roads
    assert 'purposes = ["traffic counts"]' in sentences(findings, "campaign", Level.DOUBT)[0]


def test_a_camera_that_the_folder_does_not_have_takes_no_other_with_it(tmp_path: Path):
    made = of_archive(tmp_path)
    findings = found(tmp_path, replace(made, cameras=(*made.cameras, replace(NORTH, id="gone", order=9))))
    assert sentences(findings, "source", Level.WRONG) == [f"{made.path} has nothing of gone."]
    assert len(sentences(findings, "cameras", Level.FINE)) == 2


def test_a_folder_that_has_gone_is_wrong_and_the_rest_is_looked_at(tmp_path: Path):
    findings = found(tmp_path, of_archive(tmp_path, path=str(tmp_path / "elsewhere")))
    (sentence,) = sentences(findings, "cameras", Level.WRONG)
    assert sentence.endswith("elsewhere does not exist.")
    assert sentences(findings, "models", Level.FINE)


def test_a_disk_that_is_too_small(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(checks, "_existing", lambda path: Path("/"))
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1_000_000}))
    (sentence,) = sentences(found(tmp_path, of_archive(tmp_path)), "disk", Level.WRONG)
    assert "take another disk" in sentence


def live(url: str, names: list[str], **settings) -> Campaign:
    cameras = tuple(
        Camera(id=name, name=name, latitude=40.0 + i, longitude=-73.0, faces="", network="nyc-dot", network_id=name)
        for i, name in enumerate(names)
    )
    return campaign(cameras=cameras, network="nyc-dot", settings={"base_url": url, **settings}, path=None)


def test_live_cameras_are_asked_for_one_picture_each(tmp_path: Path):
    cameras = LiveCameras(count=4, answers={"cam-1": lambda request, number: web.Response(status=503)})
    with cameras.in_thread() as url:
        made = live(url, [*cameras.names, "cam-9"], contact="you@example.org")
        findings = found(tmp_path, made)
    assert "The network lists 4 cameras." in sentences(findings, "source", Level.FINE)
    assert "The network's list does not have cam-9." in sentences(findings, "source", Level.DOUBT)
    assert sentences(findings, "cameras", Level.DOUBT)[0].startswith("cam-1: Its server gives no picture: 503")
    assert cameras.requests == {"cam-0": 1, "cam-1": 1, "cam-2": 1, "cam-3": 1}
    assert "The daily collection is off" in sentences(findings, "terms", Level.DOUBT)[0]
    assert not list((tmp_path / "lake").rglob("*.parquet")), "nothing is stored"


def test_a_network_of_which_no_camera_gives_a_picture_is_wrong(tmp_path: Path):
    cameras = LiveCameras(count=2, answers={f"cam-{n}": lambda request, number: web.Response(status=503) for n in range(2)})
    with cameras.in_thread() as url:
        findings = found(tmp_path, live(url, cameras.names, contact="you@example.org"))
    assert sentences(findings, "cameras", Level.WRONG)[0].startswith("No camera gave a picture")


def test_a_window_without_a_picture_is_wrong(tmp_path: Path):
    made = of_archive(tmp_path)
    findings = found(tmp_path, replace(made, start=made.start + 9 * HOUR, end=made.start + 10 * HOUR))
    assert "has no picture in the campaign's hours" in sentences(findings, "source", Level.WRONG)[0]


def test_alone_nobody_is_asked(tmp_path: Path):
    cameras = LiveCameras(count=1)
    with cameras.in_thread() as url:
        findings = found(tmp_path, live(url, ["cam-0"], contact="you@example.org"), alone=True)
    assert not cameras.requests
    assert sentences(findings, "cameras", Level.DOUBT) == ["No camera was asked, as nothing was to be."]


def test_without_a_contact_no_camera_is_asked(tmp_path: Path):
    cameras = LiveCameras(count=1)
    with cameras.in_thread() as url:
        findings = found(tmp_path, live(url, ["cam-0"]))
    assert not cameras.requests
    assert "give --contact" in sentences(findings, "cameras", Level.WRONG)[0]
