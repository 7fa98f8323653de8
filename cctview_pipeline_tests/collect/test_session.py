"""A collector's sitting from the command line: terms, a list, frames in the spool, a clean stop."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cctview_pipeline.cameras.listed import CameraList, LiveCamera, and_known
from cctview_pipeline.cameras.live import open_live
from cctview_pipeline.cameras.networks.nyc_dot import NycDot
from cctview_pipeline.cameras.spooled import kept_source
from cctview_pipeline.cli.app import app
from cctview_pipeline.collect.engine import EngineSettings
from cctview_pipeline.collect.session import cameras_of, choose, crowded, list_cameras
from cctview_pipeline.collect.sharding import Shard
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind
from cctview_pipeline_tests.factories.live_cameras import LiveCameras
from cctview_pipeline_tests.factories.misbehaving import Reply, serving
from cctview_pipeline_tests.factories.stand_in import Played, StandIn

CAMERAS = [LiveCamera(id=f"cam-{i}", network_id=f"net-{i}", name="", latitude=40, longitude=-73, online=True) for i in range(6)]
SETTINGS = EngineSettings(contact="test@example.org")


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[LiveCameras, str]]:
    """Cameras on this machine, served from a thread."""
    cameras = LiveCameras(count=4, period_s=0.5)
    with cameras.in_thread() as url:
        yield cameras, url


def cctview(*arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "cctview_pipeline", *arguments]
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_until_it_is_told_to_stop(server: tuple[LiveCameras, str], tmp_path: Path):
    """What the server sent and the spool has is the same, metrics tell of it, and SIGTERM loses nothing."""
    cameras, url = server
    common = ["collect", "--base-url", url, "--contact", "test@example.org", "--spool", str(tmp_path), "--cameras", "cam-0,cam-2"]
    process = cctview(*common, "--accept-terms", "--metrics-port", "19464")
    metrics = ""
    for _ in range(600):
        time.sleep(0.1)
        try:
            metrics = httpx.get("http://127.0.0.1:19464/metrics").text
        except httpx.TransportError:
            assert process.poll() is None, process.communicate()
            continue
        if 'cctview_collect_cameras{state="live"} 2.0' in metrics and "cctview_collect_stored_total 1" in metrics:
            break
    assert 'cctview_collect_cameras{state="live"} 2.0' in metrics
    assert 'cctview_collect_lag_seconds{quantile="0.99"}' in metrics
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "New York City Department of Transportation" in out
    assert f"frames of 2 cameras are in {tmp_path}." in out
    frames = [record for record in SpoolFolder(tmp_path).records() if record.kind == Kind.FRAME]
    assert {record.camera_id for record in frames} == {"cam-0", "cam-2"}
    for name in ("cam-0", "cam-2"):
        # The server notes a frame when it begins to send it; one may have been on its way.
        assert len(cameras.served[name]) - 1 <= sum(record.camera_id == name for record in frames) <= len(cameras.served[name])
    assert cameras.requests["cam-1"] == 0


def test_for_a_while(server: tuple[LiveCameras, str], tmp_path: Path):
    words = ["collect", "--base-url", server[1], "--contact", "test@example.org", "--spool", str(tmp_path)]
    words += ["--cameras", "cam-3", "--for", "2s", "--accept-terms", "--shard", "1/1"]
    CliRunner().invoke(app, words, catch_exceptions=False)
    assert SpoolFolder(tmp_path).segments()


def test_a_while_in_which_nothing_came_is_no_success(tmp_path: Path):
    """The list is there, and every camera of it is gone."""
    listed = b'[{"id": "net-0", "name": "cam-0", "latitude": 40.0, "longitude": -73.0, "isOnline": "true"}]'
    with serving({"/api/cameras/net-0": lambda: Reply(status=404), "/api/cameras/": lambda: Reply(listed)}) as url:
        words = ["collect", "--base-url", url, "--contact", "a@b.c", "--spool", str(tmp_path), "--accept-terms", "--for", "2s"]
        with pytest.raises(CctviewError, match="Not one frame of 1 cameras came in 2s: what kept them is told above"):
            CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--contact", "me@example.org"], "Nothing was collected: read the terms, and add --accept-terms."),
        (["--contact", "me", "--accept-terms"], "Collecting needs a contact for the cameras' operator"),
        (["--contact", "a@b.c\r\nX: y", "--accept-terms"], "Collecting needs a contact for the cameras' operator"),
        (["--contact", "me@example.org", "--for", "soon"], "A duration is given as 90s, 20m, 1h30m or 7d, not 'soon'."),
        (["--contact", "me@example.org", "--network", "paris"], "There is no live network named 'paris'"),
    ],
)
def test_what_is_refused_before_anything_is_asked(tmp_path: Path, arguments: list[str], sentence: str):
    words = ["collect", "--base-url", "http://127.0.0.1:9", "--spool", str(tmp_path / "spool"), *arguments]
    with pytest.raises(CctviewError) as refused:
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert sentence in str(refused.value)
    assert not (tmp_path / "spool").exists()


def test_a_port_for_metrics_that_is_taken_is_told(server: tuple[LiveCameras, str], tmp_path: Path):
    port = server[1].rsplit(":", 1)[1]
    words = ["collect", "--base-url", server[1], "--contact", "a@b.c", "--spool", str(tmp_path), "--accept-terms"]
    with pytest.raises(CctviewError, match=f"Metrics cannot be served at port {port}"):
        CliRunner().invoke(app, [*words, "--for", "1s", "--metrics-port", port], catch_exceptions=False)


def test_a_server_that_is_not_there():
    with pytest.raises(CctviewError, match=r"http://127\.0\.0\.1:9/api/cameras/ gives no list of cameras: no connection\."):
        asyncio.run(list_cameras(NycDot("http://127.0.0.1:9"), SETTINGS))


def test_the_list_as_the_server_gives_it(server: tuple[LiveCameras, str]):
    assert [c.id for c in asyncio.run(list_cameras(NycDot(server[1]), SETTINGS)).cameras] == ["cam-0", "cam-1", "cam-2", "cam-3"]


def test_cameras_are_chosen_by_either_id():
    listed = CameraList(cameras=CAMERAS)
    assert [c.id for c in choose(listed, ["net-3", "cam-1", "cam-3"], Shard())[0]] == ["cam-3", "cam-1"]
    assert choose(listed, [], Shard()) == (CAMERAS, [])
    parts = [choose(listed, [], Shard(number, 3))[0] for number in (1, 2, 3)]
    assert sorted(c.id for part in parts for c in part) == [c.id for c in CAMERAS]
    with pytest.raises(CctviewError, match="has no camera 'cam-9'"):
        choose(listed, ["cam-9"], Shard())


def test_a_camera_that_the_list_lacks_is_followed_as_it_was():
    """Taken out of the list for a day, or its row damaged: it is asked all the same, and a person told."""
    found, notes = choose(CameraList(cameras=CAMERAS[1:]), ["cam-0", "cam-1"], Shard(), {"cam-0": CAMERAS[0]})
    assert [camera.id for camera in found] == ["cam-0", "cam-1"]
    assert notes == ["Not in the network's list, and followed as they were before: cam-0."]


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'[{"id": "cam-0", "name": "x", "latitude":', b"\xff\xfe\xfa" * 9])
def test_a_list_that_is_none_takes_no_camera_away(content: bytes):
    """Those that were collected into the spool before are followed; without any, a person is told."""
    with serving({"/api/cameras/": lambda: Reply(content)}) as url:
        network, known = NycDot(url), {"cam-0": CAMERAS[0]}
        found, (note,) = asyncio.run(cameras_of(network, SETTINGS, known))
        assert found.cameras == [CAMERAS[0]]
        assert "known from before are followed" in note
        with pytest.raises(CctviewError, match=r"gives (no|an empty) list of cameras"):
            asyncio.run(cameras_of(network, SETTINGS, {}))


def test_a_part_that_does_not_come_takes_no_camera_of_it_away():
    """California's district 3 answers 500: its cameras of before are followed, and a person told."""
    played = {"caltrans": Played("caltrans", faulty=False)}
    with StandIn(played).serving() as url:
        network = open_live("caltrans", url)
        third = LiveCamera(id="d3-7", network_id="d3-7", name="Third", latitude=38.5, longitude=-121.4, online=True)
        listed, (first, second) = asyncio.run(cameras_of(network, SETTINGS, {"d3-7": third}))
    assert [camera.id for camera in listed.cameras] == ["d4-0", "d4-1", "d4-2", "d5-3", "d5-4", "d5-5", "d3-7"]
    assert "cctvStatusD03.json gives no list of cameras: 500 Internal Server Error." in first
    assert second == "The list has 0 of the 1 cameras known from before: no camera is given up."


def test_a_list_that_has_become_short_is_not_believed():
    short, whole = CameraList(cameras=CAMERAS[:2]), {camera.id: camera for camera in CAMERAS}
    assert [len(each.cameras) for each in (and_known(short, whole)[0], and_known(CameraList(cameras=CAMERAS), whole)[0])] == [
        6,
        6,
    ]
    one_less = CameraList(cameras=[*CAMERAS[1:], *(replace(CAMERAS[0], id=f"x{n}", network_id=f"x{n}") for n in range(4))])
    assert and_known(one_less, {camera.id: camera for camera in (*CAMERAS[1:], *one_less.cameras)}) == (one_less, [])


def test_a_wrong_key_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_FIVE_ONE_ONE_KEY", "wrong-key")
    with StandIn({"511on": Played("511on", faulty=False)}).serving() as url, pytest.raises(CctviewError) as refused:
        asyncio.run(list_cameras(open_live("511on", url), SETTINGS))
    assert "gives no list of cameras: 400 Bad Request. That is what is answered to a key that is not known" in str(refused.value)
    assert "wrong-key" not in str(refused.value)


def test_more_cameras_than_an_operator_allows_are_told(monkeypatch: pytest.MonkeyPatch):
    finland = open_live("digitraffic")
    views = [replace(CAMERAS[0], id=f"C{n:07}", network_id=f"C{n:07}") for n in range(700)]
    (said,) = crowded(finland, views)
    assert said.startswith("700 cameras every 600 s are more than the operator allows: about 600 can be followed")
    assert crowded(finland, views[:600]) == crowded(open_live("singapore"), views) == crowded(finland, []) == []


def test_a_network_that_a_file_describes_is_collected(tmp_path: Path):
    """A list in CSV on this machine, pictures from a server, and what describes them beside the frames."""
    served = LiveCameras(count=2, period_s=0.4)
    with served.in_thread() as url:
        (tmp_path / "cams.csv").write_text("ref,title,lat,lon\ncam-0,Foo,48.2,16.3\ncam-1,Bar,48.3,16.4\n")
        described = {"operator": "Me", "list": "cams.csv", "form": "csv", "image": f"{url}/api/cameras/{{id}}/image"}
        described |= {"id": "ref", "name": "title", "latitude": "lat", "longitude": "lon", "timezone": "Europe/Vienna"}
        described |= {"attribution": "Pictures: me"}
        (tmp_path / "cams.toml").write_text(
            "".join(f'{key} = "{value}"\n' for key, value in described.items()) + "period_s = 0.4\n"
        )
        words = ["collect", "--network", "generic", "--list", str(tmp_path / "cams.toml"), "--contact", "a@b.c"]
        words += ["--spool", str(tmp_path / "spool"), "--for", "3s", "--accept-terms"]
        done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert "Wherever something made of the pictures is shown, this must be: Pictures: me." in " ".join(done.output.split())
    frames = [record for record in SpoolFolder(tmp_path / "spool").records() if record.kind == Kind.FRAME]
    assert {record.camera_id for record in frames} == {"cam-0", "cam-1"}
    assert kept_source(SpoolFolder(tmp_path / "spool")).attribution == "Pictures: me"
    with pytest.raises(CctviewError, match="leave --list out, or add --network generic"):
        CliRunner().invoke(app, [*words[:1], "--network", "tfl", *words[3:]], catch_exceptions=False)
