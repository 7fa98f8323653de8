"""A collector with a small disk, a clock that somebody sets, and sealing, all of which are killed at random moments."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.collect.sealing import release
from cctview_pipeline.lake import Lake
from cctview_pipeline.paths import project_root
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind
from cctview_pipeline_tests.chaos.account import Account, Served, digest, reconciled
from cctview_pipeline_tests.chaos.sealing import places
from cctview_pipeline_tests.chaos.small_disk import SmallDisk
from cctview_pipeline_tests.chaos.stepped_clock import Steps
from cctview_pipeline_tests.factories.live_cameras import LiveCameras, tiny_picture

CAMERAS, PERIOD_S = 12, 0.5
STEPS_S = (-120.0, -2.0, 2.0, 120.0)
MAX_TRIES = 12
"""Of what is started again until it ends well."""
FULL = "cannot be written: No space left on device"


@dataclass
class Collecting:
    """folder: for the clock's file and what the collector prints; disk: of the spool; lake: where it is sealed to, and
    environment: how; can_fill: whether the disk is a small one; faults: what was done; complaints: what ended that nobody had
    killed, and what it said."""

    folder: Path
    disk: SmallDisk
    lake: Lake
    environment: dict[str, str]
    dice: random.Random
    can_fill: bool = True
    faults: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    cameras: LiveCameras = field(default_factory=lambda: LiveCameras(CAMERAS, PERIOD_S))

    def run(self, seconds: float) -> Account:
        """Collect with faults for so long, seal what there is, and account for every frame."""
        self._clock, began = Steps(self.folder / "clock"), time.time()
        with self.cameras.in_thread() as self._url:
            self._collector = self._collect()
            _wait_for(lambda: any(self.cameras.served.values()))
            for fault in self._plan(began + seconds):
                fault()
                self._restarted()
            self._collector.send_signal(signal.SIGTERM)
            self._ended(self._collector, "The collector", wait_s=60)
        self._first, ended = floor_hour(datetime.fromtimestamp(began, UTC)), datetime.now(UTC)
        self._hours = (floor_hour(ended) - self._first) // HOUR + 1
        SpoolFolder(self.disk.outside).close_left_behind()
        self._seal_whole()
        account = self._account()
        self._seal_whole()  # a sensor may start a run twice
        assert self._account().told() == account.told(), "sealing twice is another lake than sealing once"
        release(SpoolFolder(self.disk.outside), self.lake, set(self.cameras.names), ended + 2 * HOUR)
        assert SpoolFolder(self.disk.outside).segments() == [], "the lake has everything, and the spool keeps it still"
        return account

    def _plan(self, until: float) -> Iterator[Callable[[], None]]:
        """Every fault once, then at random."""
        faults = [self._kill, self._step, self._kill_sealing]
        faults += [self._fill, self._fill_and_kill] if self.can_fill else []
        waiting = self.dice.sample(faults, len(faults))
        while time.time() < until:
            time.sleep(self.dice.uniform(3, 9))
            yield waiting.pop() if waiting else self.dice.choice(faults)

    def _kill(self) -> None:
        self.faults["collector killed"] += 1
        self._collector.kill()
        self._collector.wait()

    def _fill(self) -> None:
        self.faults["disk full"] += 1
        self.disk.fill()
        time.sleep(self.dice.uniform(2, 6))
        self.disk.empty()

    def _fill_and_kill(self) -> None:
        self.faults["disk full"] += 1
        self.disk.fill()
        time.sleep(self.dice.uniform(0, 3))
        self._kill()
        self._restarted()
        time.sleep(self.dice.uniform(2, 6))
        self.disk.empty()

    def _step(self) -> None:
        self.faults["clock set"] += 1
        self._clock.set(self.dice.choice(STEPS_S))
        time.sleep(self.dice.uniform(2, 8))
        self._clock.set(0.0)

    def _kill_sealing(self) -> None:
        self.faults["sealing killed"] += 1
        self._first, self._hours = floor_hour(datetime.now(UTC)), 1
        sealing = self._sealing()
        with contextlib.suppress(subprocess.TimeoutExpired):
            sealing.wait(self.dice.uniform(2, 12))
        sealing.kill()
        sealing.communicate()

    def _collect(self) -> subprocess.Popen:
        command = [*self.disk.entering, sys.executable, "-m", "cctview_pipeline_tests.chaos.stepped_clock", self._clock.path]
        command += ["collect", "--base-url", self._url, "--network", "replay", "--contact", "test@example.org"]
        log = (self.folder / "collector.log").open("w+")
        command += ["--accept-terms", "--spool", self.disk.inside]
        # In the disk's namespace the working directory is another.
        environment = os.environ | {"PYTHONPATH": str(project_root())}
        return subprocess.Popen(command, stdout=log, stderr=log, text=True, env=environment)

    def _restarted(self) -> None:
        """As its supervisor would: whatever ended it."""
        if self._collector.poll() is not None:
            self._ended(self._collector, "The collector")
            self._collector = self._collect()

    def _ended(self, process: subprocess.Popen, name: str, wait_s: float = 0) -> None:
        status = process.wait(wait_s)
        if status not in (0, -signal.SIGKILL, -signal.SIGTERM):  # the last while it was still starting
            said = (self.folder / "collector.log").read_text()[-600:]
            if status == 1 and FULL in said:  # stopped on a full disk: what it still held was not kept, and it says so
                self.faults["collector ended on a full disk"] += 1
            else:
                self.complaints.append(f"{name} ended with {status}: {said}")

    def _sealing(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "cctview_pipeline_tests.chaos.sealing", self.disk.outside, self.lake.uri]
        command += [",".join(self.cameras.names), f"{self._first:%Y-%m-%dT%H:%M%z}", str(self._hours)]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def _seal_whole(self) -> None:
        for _ in range(MAX_TRIES):
            sealing = self._sealing()
            _, said = sealing.communicate(timeout=600)
            if sealing.returncode == 0:
                return
            self.complaints.append(f"Sealing ended with {sealing.returncode}: {said[-600:]}")
        raise RuntimeError(f"Nothing could be sealed: {self.complaints[-1]}")

    def _account(self) -> Account:
        served = [
            Served(name, digest(tiny_picture(place, number)), self.cameras.taken(name, number))
            for place, name in enumerate(self.cameras.names)
            for number in list(self.cameras.served[name])
        ]
        all_places = places(self.cameras.names, self._first, self._hours)
        stored, gaps = [], {}
        for place in all_places:
            frames = self.lake.read("raw_frames", place, ["camera_id", "jpeg"])
            stored += [(place.camera, digest(jpeg)) for jpeg in frames["jpeg"].to_pylist()]
            for row in self.lake.read("gaps", place).to_pylist():
                gaps.setdefault(place.camera, []).append((row["began_at"], row["ended_at"], row["reason"]))
        records = [record for record in SpoolFolder(self.disk.outside).records() if record.kind == Kind.FRAME]
        spooled = {(record.camera_id, digest(record.payload)) for record in records if record.payload}
        return reconciled(served, stored, spooled - set(stored), set(), gaps)


def _wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    until = time.time() + seconds
    while not condition():
        if time.time() > until:
            raise RuntimeError("The collector has asked for no picture.")
        time.sleep(0.05)
