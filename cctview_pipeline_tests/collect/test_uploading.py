"""Collectors of several machines, an object store between them and the lake: real processes, a real server, and faults."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import httpx
import pytest
from typer.testing import CliRunner

from cctview_pipeline.backfill.select import Asked, choose
from cctview_pipeline.cameras.spooled import SpoolNetwork
from cctview_pipeline.campaign import floor_hour
from cctview_pipeline.cli.app import app
from cctview_pipeline.cli.collect import collectors
from cctview_pipeline.collect.sealing import release
from cctview_pipeline.collect.tables import status_table
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.paths import project_root
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.setup.checks import Checkup
from cctview_pipeline.spool.bucket import SpoolBucket
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.lease import LEASE
from cctview_pipeline.spool.opening import open_bucket
from cctview_pipeline.spool.records import Kind
from cctview_pipeline.spool.upload import Uploader, UploadTimes
from cctview_pipeline_tests.chaos.account import digest
from cctview_pipeline_tests.chaos.sealing import places
from cctview_pipeline_tests.factories.archive import draw_frame, traffic
from cctview_pipeline_tests.factories.hasty_collector import LEASE_S
from cctview_pipeline_tests.factories.jobs import run
from cctview_pipeline_tests.factories.live_cameras import LiveCameras, tiny_picture
from cctview_pipeline_tests.factories.ports import free_ports
from cctview_pipeline_tests.factories.s3_server import S3Server
from cctview_pipeline_tests.factories.spool import NINE, frame, note, seal, spooled

CAMERAS = 4


@pytest.fixture
def place(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Of a spool in a bucket that is empty yet."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return f"s3://lake/{tmp_path.name}/spool"


@pytest.fixture
def cameras() -> Iterator[tuple[LiveCameras, str]]:
    served = LiveCameras(count=CAMERAS, period_s=0.3)
    with served.in_thread() as url:
        yield served, url


def collector(url: str, place: str, spool: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "cctview_pipeline_tests.factories.hasty_collector", "collect", "--base-url", url]
    command += ["--network", "replay", "--contact", "test@example.org", "--accept-terms", "--store", place, "--spool", str(spool)]
    environment = os.environ | {"COLUMNS": "300", "PYTHONPATH": str(project_root())}
    return subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=spool.parent
    )


def ended(process: subprocess.Popen, how: int | None = signal.SIGTERM) -> str:
    """What it said. how: the signal that ends it, None where it ends by itself."""
    if how:
        process.send_signal(how)
    out, _ = process.communicate(timeout=60)
    return " ".join(out.split())


def until(condition: Callable[[], bool], process: subprocess.Popen | None = None, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        assert process is None or process.poll() is None, process.communicate()[0]
        time.sleep(0.05)


def frames(spool: SpoolBucket | SpoolFolder) -> list[tuple[str, str]]:
    """Camera and digest of every picture that is in it."""
    return [(record.camera_id, digest(record.payload)) for record in spool.records() if record.kind == Kind.FRAME]


def told(port: int) -> dict[str, float]:
    """A collector's metrics of its uploads; none while it does not serve them yet."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    except httpx.TransportError:
        return {}
    return {name: float(value) for name, value in re.findall(r"^cctview_collect_(\w+) ([\d.e+-]+)$", text, re.MULTILINE)}


def served(cameras: LiveCameras) -> set[tuple[str, str]]:
    return {
        (name, digest(tiny_picture(place, number)))
        for place, name in enumerate(cameras.names)
        for number in list(cameras.served[name])
    }


def upload(folder: Path, bucket: SpoolBucket, shard: str = "0") -> None:
    uploader = Uploader(SpoolFolder(folder), shard, bucket, (), UploadTimes(drain=10))
    uploader.begin(lambda: None)
    uploader.finish()


@pytest.mark.slow
def test_collected_here_and_sealed_elsewhere(cameras: tuple[LiveCameras, str], place: str, tmp_path: Path):
    """A collector is killed and goes on, another on its shard is refused, and a machine that has no spool makes the hour."""
    shown, url = cameras
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir(), elsewhere.mkdir()
    bucket = open_bucket(place)
    first = collector(url, place, here / "spool")
    until(lambda: len(frames(bucket)) > 4 * CAMERAS, first)
    second = collector(url, place, elsewhere / "spool")
    said = ended(second, None)
    assert second.returncode == 1
    assert "Another collector, on" in said
    assert "has shard 1-of-1: stop it, or give this one another shard." in said
    ended(first, signal.SIGKILL)
    again = collector(url, place, here / "spool")
    before = len(frames(bucket))
    until(lambda: len(frames(bucket)) > before + 4 * CAMERAS, again)
    said = ended(again)
    assert again.returncode == 0, said
    assert f"segments are in {place}" in said
    assert list((here / "spool").rglob("*.segment")) == []
    (sentence,) = collectors(bucket)
    assert "Shard 1-of-1: the collector on" in sentence
    assert "ended" in sentence
    collected = frames(bucket)
    assert len(collected) == len(set(collected))
    assert set(collected) <= served(shown)

    lake, now = Lake(str(tmp_path / "lake")), datetime.now(UTC)
    first_hour = floor_hour(now - timedelta(minutes=10))
    command = [sys.executable, "-m", "cctview_pipeline_tests.chaos.sealing", place, lake.uri, ",".join(shown.names)]
    command += [f"{first_hour:%Y-%m-%dT%H:%M%z}", "2"]
    subprocess.run(command, check=True, cwd=elsewhere, env=os.environ | {"PYTHONPATH": str(project_root())})
    stored = [
        (where.camera, digest(jpeg))
        for where in places(shown.names, first_hour, 2)
        for jpeg in lake.read("raw_frames", where, ["jpeg"])["jpeg"].to_pylist()
    ]
    assert sorted(stored) == sorted(collected)
    release(bucket, lake, set(shown.names), now + timedelta(hours=3))
    assert (bucket.segments(), bucket.left_behind()) == ([], [])


@pytest.mark.slow
def test_a_shard_is_taken_over_and_the_first_stops(cameras: tuple[LiveCameras, str], place: str, tmp_path: Path):
    """A collector stands still for longer than its lease lives, as on a machine that sleeps; another begins; the first wakes."""
    _, url = cameras
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    first = collector(url, place, tmp_path / "a" / "spool")
    bucket = open_bucket(place)
    until(lambda: len(bucket.segments()) > 1, first)
    first.send_signal(signal.SIGSTOP)
    time.sleep(LEASE_S + 1.5)
    second = collector(url, place, tmp_path / "b" / "spool")
    until(lambda: "newest.json" in " ".join(bucket.keys(".json")) and (tmp_path / "b" / "spool" / "1-of-1").exists(), second)
    until(lambda: any((tmp_path / "b" / "spool").rglob("*.open")), second)
    first.send_signal(signal.SIGCONT)
    said = ended(first, None)
    assert first.returncode == 1
    assert "It took over when this one could not be heard. This one has stopped; what it took is kept." in said
    assert SpoolFolder(tmp_path / "a" / "spool").segments() == [], "what the first had is uploaded"
    said = ended(second)
    assert second.returncode == 0, said
    collected = frames(bucket)
    assert {name for name, _ in collected} == {f"cam-{n}" for n in range(CAMERAS)}


@pytest.mark.slow
def test_the_store_is_away_for_a_while(cameras: tuple[LiveCameras, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The server is killed: collecting goes on, it is told, and when the server is back all is there, once."""
    _, url = cameras
    (tmp_path / "s3").mkdir(), (tmp_path / "a").mkdir()
    server = S3Server(tmp_path / "s3")
    server.start()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    try:
        place, spool, (port,) = "s3://lake/away/spool", tmp_path / "a" / "spool", free_ports(1)
        process = collector(url, place, spool, "--metrics-port", str(port))
        until(lambda: told(port).get("uploaded_segments_total", 0) > 0, process)
        server.kill()
        stored = told(port)["stored_total"]
        until(lambda: told(port)["store_away_seconds"] > 1 and told(port)["spool_segments"] > 2, process)
        assert told(port)["stored_total"] > stored
        acknowledged = frames(SpoolFolder(spool))
        server.start()
        until(lambda: told(port)["spool_segments"] == 0 and told(port)["store_away_seconds"] == 0, process)
        said = ended(process)
        assert process.returncode == 0, said
        collected = frames(open_bucket(place))
        assert len(collected) == len(set(collected))
        assert set(acknowledged) <= set(collected)
        assert SpoolFolder(spool).segments() == []
    finally:
        server.kill()


def test_an_hour_comes_in_parts_and_is_accounted_for_as_a_whole(place: str, tmp_path: Path):
    """A collector that was cut off brings its segment when the others are sealed and gone: nothing that is known is lost."""
    early = [note("", 0, follows={"a": "live"}), *(note("", s, runs=True) for s in range(0, 61, 5))]
    late = [note("", 60, follows={"a": "live"}), *(note("", s, runs=True) for s in range(60, 121, 5))]
    spooled(tmp_path / "one", *early, *(frame("a", s) for s in range(0, 60, 2)))
    spooled(tmp_path / "two", *late, *(frame("a", s) for s in range(60, 120, 2)))
    bucket, lake, hour = open_bucket(place), Lake(str(tmp_path / "lake")), Partition.camera_hour("a", NINE)
    network = SpoolNetwork("nyc-dot", bucket)
    for folder in ("one", "two"):
        bucket.delete(f"0/{LEASE}")
        upload(tmp_path / folder, bucket)
        seal(network, lake, [hour])
        assert len(release(bucket, lake, {"a"}, NINE + timedelta(hours=3))) == 1
    assert lake.read("raw_frames", hour).num_rows == 60
    status = status_table(bucket, "a", NINE, lake.read("camera_status", hour))
    seconds = {(row["state"], (row["ended_at"] - row["began_at"]).total_seconds()) for row in status.to_pylist()}
    assert seconds == {("live", 120.0), ("not_collected", 3480.0)}
    assert [row["reason"] for row in lake.read("gaps", hour).to_pylist()] == ["not_collected"]


@pytest.mark.slow
def test_a_campaign_whose_spool_is_a_bucket(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """From the first backfill to the sensor that finds nothing left: no run knows where the collector was."""
    monkeypatch.setenv("CCTVIEW_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("CCTVIEW_KEYS", str(tmp_path / "keys"))
    camera, cars = "735-683-N", traffic(60)
    notes = [note("", 0, follows={camera: "live"}), *(note("", s, runs=True) for s in range(0, 30, 5)), note("", 30, ends=True)]
    spooled(tmp_path / "far", *notes, *(frame(camera, s, jpeg=draw_frame(s, cars)) for s in range(0, 30, 5)))
    bucket = open_bucket(place)
    upload(tmp_path / "far", bucket)
    lake = Lake(str(tmp_path / "lake"))
    lake.write_campaign(choose(lake, Asked(network="nyc-dot", path=place)).campaign)
    campaign = lake.require_campaign()
    assert (campaign.path, campaign.name) == (place, "nyc-dot")
    assert [finding.level for finding in Checkup(lake=lake, campaign=campaign).spool()] == ["fine"]
    sensor = build_definitions(campaign).resolve_sensor_def("seal_hours")
    resource = LakeResource(uri=str(tmp_path / "lake"))

    def sensed() -> list[str | None]:
        with (
            dg.DagsterInstance.ephemeral() as instance,
            dg.build_sensor_context(instance=instance, resources={"lake": resource}) as context,
        ):
            return [request.run_key for request in sensor(context) if isinstance(request, dg.RunRequest)]

    assert sensed() == ["seal 2026-11-01T09 group-1 1"]
    with dg.DagsterInstance.ephemeral() as instance:
        where = Partition.camera_hour(camera, NINE)
        assert run(lake, "camera_hours", where, where, instance).success
    assert sensed() == []
    assert lake.read("raw_frames", where).num_rows == 6
    status = CliRunner().invoke(app, ["cameras", "status"], catch_exceptions=False).stdout
    assert re.match(r"Shard 0: the collector on \S+ ended \d+ s ago", status)
    assert (bucket.segments(), bucket.left_behind()) == ([], [])
