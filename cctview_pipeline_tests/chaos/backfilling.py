"""Backfills of an archive into an object store, their runs in PostgreSQL: both of these fail, and the backfills are killed."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cctview_pipeline.cameras.archive import SUFFIX
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.storage import S3Access
from cctview_pipeline.paths import project_root
from cctview_pipeline_tests.chaos.account import Account, Served, reconciled
from cctview_pipeline_tests.factories.archive import HOUR_17, make_archive
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.postgres_server import Postgres

CAMERAS = ("733-681-N", "735-683-N")
FRAMES = 8
MAX_TRIES = 8
MAX_DURATION_S = 900
"""For sixteen frames, which take half a minute on a machine that has nothing else to do."""
UNREACHED = "cannot be reached: start its server"
"""What a user reads while PostgreSQL starts, and repeats the command."""


def last_line(said: str) -> str:
    return (said.strip().splitlines() or ["nothing"])[-1][:400]


@dataclass
class Backfilling:
    """folder: of archives and Dagster's homes; environment: of S3 with losses and PostgreSQL; access: to S3 without; complaints:
    what a command said that nobody had killed and that did not end well."""

    folder: Path
    environment: dict[str, str]
    access: S3Access
    postgres: Postgres
    dice: random.Random
    faults: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    rounds: int = 0

    def run(self, seconds: float) -> Account:
        """One lake after the other for so long, at least one. Raises RuntimeError for one that never gets whole."""
        until, account = time.time() + seconds, Account()
        while time.time() < until or not self.rounds:
            self.rounds += 1
            account += self._one_lake(f"chaos-{self.rounds}")
        return account

    def _one_lake(self, name: str) -> Account:
        archive, home = self.folder / name / "archive", self.folder / name / "dagster"
        paths = make_archive(archive, CAMERAS, frames=FRAMES)
        home.mkdir()
        (home / "dagster.yaml").write_text((project_root() / "deploy" / "one-machine" / "dagster-postgres.yaml").read_text())
        database = self.postgres.new_database(f"chaos_{self.rounds}")
        extra = self.environment | database | {"CCTVIEW_KEYS": str(self.folder / name / "keys")}
        place = Workplace(self.folder / name, f"s3://lake/{name}", tuple(extra.items()))
        for interrupt in self._interrupts():
            with self._backfill(place, archive) as command:
                interrupt(command)
        for number in range(MAX_TRIES):
            # Somebody who watches gives the command again; the last times in peace, for what has to end.
            with self._backfill(place, archive) as command:
                if number < MAX_TRIES // 2 and self.dice.random() < 0.5:
                    self._restart_postgres(command)
                said = self._said(command)
            if command.returncode == 0:
                return self._account(Lake(place.uri, self.access), archive, paths)
            if command.returncode == 1 and UNREACHED in said:
                self.faults["backfill told to repeat"] += 1
                continue
            log = home / "daemon.log"
            daemon = last_line(log.read_text(errors="replace")) if log.exists() else "nothing"
            self.complaints.append(f"The backfill ended with {command.returncode}: {last_line(said)} Its daemon said: {daemon}")
        raise RuntimeError(f"The backfill never ended well: {said[-900:]}")

    def _said(self, command: subprocess.Popen) -> str:
        try:
            return command.communicate(timeout=MAX_DURATION_S)[1]
        except subprocess.TimeoutExpired:
            return f"It had not ended after {MAX_DURATION_S} s."

    def _interrupts(self) -> Iterator:
        yield from self.dice.sample([self._kill_command, self._kill_all, self._restart_postgres], 2)

    def _kill_command(self, command: subprocess.Popen) -> None:
        """Alone: what it started has to notice."""
        self._after(command, 25)
        self.faults["backfill killed"] += 1
        command.kill()

    def _kill_all(self, command: subprocess.Popen) -> None:
        """The command, its daemon and its runs at once, as when a machine stops."""
        self._after(command, 25)
        self.faults["machine stopped"] += 1

    def _restart_postgres(self, command: subprocess.Popen) -> None:
        self._after(command, 15)
        self.faults["postgres restarted"] += 1
        self.postgres.restart()
        self._after(command, 5)

    def _after(self, command: subprocess.Popen, most_s: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(self.dice.uniform(1, most_s))

    @contextlib.contextmanager
    def _backfill(self, place: Workplace, archive: Path) -> Iterator[subprocess.Popen]:
        """Nothing of it is left behind."""
        command = place.start("backfill", "--network", "archive", "--path", archive)
        try:
            yield command
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(command.pid, signal.SIGKILL)
            command.wait()

    def _account(self, lake: Lake, archive: Path, paths: list[Path]) -> Account:
        # By their ids: what the people finder paints over shows something else than what was served.
        served = [Served(path.relative_to(archive).parts[0], path.name.removesuffix(SUFFIX), 0.0) for path in paths]
        stored = []
        for camera in CAMERAS:
            frames = lake.read("raw_frames", Partition.camera_hour(camera, HOUR_17), ["frame_id"])
            stored += [(camera, frame_id) for frame_id in frames["frame_id"].to_pylist()]
        return reconciled(served, stored, set(), set(), {})
