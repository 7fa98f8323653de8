"""Everything that goes wrong in a collection, at once: errors, time-outs, cameras that freeze or send notices, a server that
restarts, a collector that is killed.

Every frame that the server sent and the collector acknowledged is in the lake exactly once; every other one is in ``gaps``.
Half a minute here, ten minutes by ``make soak``.
"""

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from aiohttp import web

from cctview_pipeline.cameras.spooled import SpoolNetwork
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.collect.sealing import release, sealable
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind
from cctview_pipeline_tests.factories.live_cameras import LiveCameras, png, tiny_picture
from cctview_pipeline_tests.factories.spool import seal

pytestmark = [pytest.mark.alone, pytest.mark.slow]

RUN_S = float(os.environ.get("CCTVIEW_FAULT_RUN_S", "30"))
ERRORS, TIME_OUTS = 0.05, 0.02
FROZEN, NOTICE = "cam-8", "cam-9"
SHARING = [f"cam-{n}" for n in range(10, 16)]
"""Cameras that send one picture for a while."""
ERRONEOUS = (
    lambda: web.Response(status=500),
    lambda: web.Response(status=503, headers={"Retry-After": "1"}),
    lambda: web.Response(status=503, headers={"Retry-After": "\u00b2"}),
    lambda: web.Response(status=304),
    lambda: web.Response(status=302, headers={"Location": "http://169.254.169.254/latest"}),
    lambda: web.Response(body=b"<html>busy</html>", content_type="image/jpeg"),
    lambda: web.Response(body=tiny_picture(7)[:-40], content_type="image/jpeg"),
    lambda: web.Response(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
    lambda: web.Response(),
)
REASONS = {"500 Internal Server Error", "503 Service Unavailable", "304 Not Modified", "redirected elsewhere", "no_picture"}
REASONS |= {"truncated", "broken answer", "empty", "timed out", "no connection", "connection lost"}
"""By which the collector tells of those, of what hung and of the server that restarted."""
NOT_YET_SYNCED_S = 1.5
"""Before a kill, within which a frame may have been served and not acknowledged: the flush's half second and what it takes."""


@dataclass
class Faulty(LiveCameras):
    """began: when the faults' clock began; errors, hung: how many answers were such."""

    count: int = 16
    period_s: float = 0.5
    began: float = field(default_factory=time.time)
    errors: int = 0
    hung: int = 0

    def __post_init__(self) -> None:
        dice = random.Random(5)
        self.answers = {name: self._answer(name, dice) for name in self.names}

    def part(self) -> float:
        """Of the run that is over."""
        return (time.time() - self.began) / RUN_S

    def _answer(self, camera: str, dice: random.Random) -> Callable:
        async def answer(request: web.Request, n: int) -> web.StreamResponse | None:
            thrown, part, number = dice.random(), self.part(), self.number(camera)
            # Before the dice, and until then no other fault: a time-out takes five seconds, and what is never seen can't be told.
            if camera == FROZEN and 0.2 < part < 0.38:
                return web.Response(body=self.stamped(tiny_picture(8), camera, number), content_type="image/jpeg")
            if camera == NOTICE and 0.15 < part < 0.38:
                return web.Response(body=png(), content_type="image/jpeg")
            if camera in (FROZEN, NOTICE) and part < 0.38:
                return None
            if thrown < ERRORS:
                self.errors += 1
                return dice.choice(ERRONEOUS)()
            if thrown < ERRORS + TIME_OUTS:
                self.hung += 1
                await asyncio.sleep(3600)
            if camera in SHARING and 0.75 < part < 0.9:
                return web.Response(body=self.stamped(tiny_picture(99), camera, number), content_type="image/jpeg")
            return None

        return answer


@dataclass(frozen=True)
class Run:
    """What is known of a run from outside. Times are since 1970; told: when the second collector was asked to end; acknowledged:
    (camera, capture in us) -> payloads; said: what the second one printed."""

    cameras: Faulty
    spool: Path
    lake: Lake
    began: float
    killed: float
    stopped: float
    down: float
    told: float
    ended: float
    said: str
    acknowledged: dict[tuple[str, int], list[bytes]]

    def stored(self) -> pa.Table:
        return pa.concat_tables(self.lake.read("raw_frames", place) for place in self.places())

    def places(self) -> list[Partition]:
        hours = {floor_hour(datetime.fromtimestamp(at, UTC)) for at in (self.began, self.ended)}
        return [Partition.camera_hour(camera, hour) for camera in self.cameras.names for hour in sorted(hours)]

    def numbers(self, camera: str) -> set[int]:
        """Of a camera's frames that are in the lake."""
        stored = self.stored()
        rows = zip(stored["camera_id"].to_pylist(), stored["captured_at"].cast(pa.int64()).to_pylist(), strict=True)
        return {self.number(camera, captured) for name, captured in rows if name == camera}

    def number(self, camera: str, captured_us: int) -> int:
        return round((captured_us / 1e6 - self.cameras.taken(camera, 0)) / self.cameras.period_s)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("faults")
    spool, lake, cameras = home / "spool", Lake(str(home / "lake")), Faulty()
    with cameras.in_thread() as url:
        first = collector(url, spool, home / "first.txt")
        wait_for(lambda: len(cameras.served) == cameras.count)
        began = cameras.began = time.time()
        sleep_until(began + 0.45 * RUN_S)
        first.send_signal(signal.SIGKILL)
        killed = time.time()
        first.wait()
        second = collector(url, spool, home / "second.txt")
        sleep_until(began + 0.65 * RUN_S)
    stopped = time.time()
    time.sleep(RUN_S / 20)
    with cameras.in_thread(int(url.rsplit(":", 1)[1])):
        down = time.time()
        sleep_until(began + RUN_S)
        second.send_signal(signal.SIGTERM)
        told = time.time()
        assert second.wait(30) == 0, second.stderr.read()
        ended = time.time()
    acknowledged: dict[tuple[str, int], list[bytes]] = {}
    for record in (record for record in SpoolFolder(spool).records() if record.kind == Kind.FRAME):
        acknowledged.setdefault((record.camera_id, record.captured_us), []).append(record.payload)
    said = (home / "second.txt").read_text()
    found = Run(cameras, spool, lake, began, killed, stopped, down, told, ended, said, acknowledged)
    seal(SpoolNetwork("replay", SpoolFolder(found.spool)), found.lake, found.places())
    seal(SpoolNetwork("replay", SpoolFolder(found.spool)), found.lake, found.places())  # a sensor may start a run twice
    return found


def collector(url: str, spool: Path, output: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "cctview_pipeline", "collect", "--base-url", url, "--network", "replay"]
    command += ["--contact", "test@example.org", "--accept-terms", "--spool", str(spool)]
    with output.open("w") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"})


def sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.time() + seconds
    while not condition():
        assert time.time() < until
        time.sleep(0.05)


def rows(run: Run, table: str, camera: str) -> Iterator[dict]:
    for place in run.places():
        if place.camera == camera:
            yield from run.lake.read(table, place).to_pylist()


def test_the_faults_happened(run: Run):
    asked = sum(run.cameras.requests.values())
    assert run.cameras.errors / asked == pytest.approx(ERRORS, rel=0.5)
    assert run.cameras.hung / asked == pytest.approx(TIME_OUTS, rel=0.7)
    assert sum(map(len, run.cameras.served.values())) > run.cameras.count * RUN_S / run.cameras.period_s * 0.4


def test_what_was_acknowledged_is_in_the_lake_exactly_once(run: Run):
    stored = run.stored()
    keys = list(zip(stored["camera_id"].to_pylist(), stored["captured_at"].cast(pa.int64()).to_pylist(), strict=True))
    assert len(keys) == len(set(keys))
    lake = dict(zip(keys, stored["jpeg"].to_pylist(), strict=True))
    repeated = [row for camera in run.cameras.names for row in rows(run, "rejected_frames", camera)]
    assert {row["reason"] for row in repeated} <= {"duplicate"}
    assert len(repeated) <= 2 * run.cameras.count, "the second collector fetches what the first fetched last once more"
    missing = {key: payloads for key, payloads in run.acknowledged.items() if key not in lake}
    assert len(missing) <= len(repeated)
    payloads = {(camera, payload) for (camera, _), payload in lake.items()}
    assert all((camera, payload) in payloads for (camera, _), each in missing.items() for payload in each), "its picture is there"
    assert all(payload in run.acknowledged[key] for key, payload in lake.items())


def test_what_is_in_the_lake_was_served(run: Run):
    for camera in run.cameras.names:
        served = set(run.cameras.served[camera])
        strange = run.numbers(camera) - served
        # A frozen picture, and what many cameras send until it is known for a notice.
        assert len(strange) <= (1 if camera == FROZEN else 1 if camera in SHARING else 0)


def test_what_was_served_is_lost_only_where_something_was_killed(run: Run):
    lost = {}
    for camera in run.cameras.names:
        stored = run.numbers(camera)
        lost |= {(camera, n): at for n, at in run.cameras.served[camera].items() if n not in stored}
    ends = (run.killed, run.stopped, run.told)
    unexplained = {key: at - run.began for key, at in lost.items() if not any(-0.5 < end - at < NOT_YET_SYNCED_S for end in ends)}
    assert unexplained == {}


def test_every_frame_that_is_not_there_is_in_gaps(run: Run):
    unaccounted = {}
    for camera in run.cameras.names:
        stored = run.numbers(camera)
        gaps = [(r["began_at"].timestamp(), r["ended_at"].timestamp()) for r in rows(run, "gaps", camera)]
        first, last = (run.number(camera, at * 1e6) for at in (run.began, run.ended - 1))
        for number in set(range(first, last)) - stored:
            taken = run.cameras.taken(camera, number)
            if not any(began - 0.02 <= taken <= ended + 0.02 for began, ended in gaps):
                unaccounted[camera, number] = taken - run.began
    assert unaccounted == {}


def test_the_reasons_are_told(run: Run):
    def reasons(camera: str, at: float) -> set[str]:
        moment = datetime.fromtimestamp(at, UTC)
        return {r["reason"] for r in rows(run, "gaps", camera) if r["began_at"] <= moment <= r["ended_at"]}

    assert reasons(FROZEN, run.began + 0.33 * RUN_S) == {"frozen"}
    assert reasons(NOTICE, run.began + 0.3 * RUN_S) == {"placeholder"}
    sharing = [reasons(camera, run.began + 0.85 * RUN_S) for camera in SHARING]
    assert sum(told == {"placeholder"} for told in sharing) >= 3
    told = [reasons(camera, run.killed + 0.3) for camera in run.cameras.names[:8]]
    assert sum("not_collected" in each for each in told) >= 5


def test_the_collector_accounts_for_all_it_asked_for(run: Run):
    """Every request was a new picture, one that had not changed, or is told by its reason."""
    parts = r"new pictures, (\d\S*) that had not changed, (\d\S*) notices instead of one, (\d\S*) without one"
    found = re.search(rf"(\d\S*) requests: (\d\S*) {parts}", run.said)
    asked, new, unchanged, notices, failed = (int(number.replace(",", "")) for number in found.groups())
    assert asked == new + unchanged + notices + failed
    assert notices > 0
    told = re.search(r"^Not used: (.*)\.$", run.said, re.MULTILINE)[1]
    reasons = {reason: int(number.replace(",", "")) for number, reason in re.findall(r"(\d[\d,]*) ([^(,]+) \(cameras", told)}
    assert set(reasons) <= REASONS
    assert sum(reasons.values()) == failed


def test_the_spool_is_empty_when_the_lake_has_it(run: Run):
    cameras, later = set(run.cameras.names), datetime.fromtimestamp(run.ended, UTC) + 2 * HOUR
    assert sealable(SpoolFolder(run.spool), later) != {}
    release(SpoolFolder(run.spool), run.lake, cameras, later)
    assert SpoolFolder(run.spool).segments() == []
