"""Whatever ends `cctview dev`, all that it started ends with it, and only then is the daemon's lock free."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cctview_pipeline_tests.factories.command import CCTVIEW
from cctview_pipeline_tests.factories.ports import free_ports

SOON_S = 5.0
STUBBORN = """
import os, signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
if len(sys.argv) > 1:
    subprocess.Popen([sys.executable, "-c", os.environ["PROGRAM"]])
time.sleep(600)
"""
"""A server that no signal but SIGKILL ends, and its child."""
SERVES = "import os, sys; from cctview_pipeline.automation.dev_server import run_to_its_end; sys.exit(run_to_its_end({}, []))"


def of_place(folder: Path) -> set[int]:
    """The living processes that were started with the folder in their environment."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            alive = (place / "stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
            if alive and f"PLACE={folder}".encode() in (place / "environ").read_bytes().split(b"\0"):
                found.add(int(place.name))
        except (OSError, IndexError):  # it has just ended
            continue
    return found


def start(folder: Path, *command: str, sigint_ignored: bool = False, **environment: str) -> subprocess.Popen:
    """sigint_ignored: as a shell that is no terminal's starts what it puts in the background. SIGHUP is not, though these tests
    may have been started by nohup."""

    def prepare() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        if sigint_ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return subprocess.Popen(
        command,
        env=os.environ | {"PLACE": str(folder), "PROGRAM": STUBBORN} | environment,
        stdout=(folder / "out").open("w"),
        stderr=subprocess.STDOUT,
        preexec_fn=prepare,
    )


def wait_until(happened: Callable[[], bool], seconds: float, folder: Path) -> float:
    """Returns how long it took."""
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < seconds, (folder / "out").read_text()[-2000:]
        time.sleep(0.05)
    return time.monotonic() - begun


def end_all(folder: Path) -> None:
    for process in of_place(folder):
        os.kill(process, signal.SIGKILL)


def serving(folder: Path, sigint_ignored: bool = False) -> subprocess.Popen:
    """This project's part around a stubborn server, once the server and its child are there."""
    command = [sys.executable, "-c", STUBBORN, "with a child"]
    process = start(folder, sys.executable, "-c", SERVES.format(command), sigint_ignored=sigint_ignored)
    wait_until(lambda: len(of_place(folder)) >= 4, 60, folder)
    return process


@pytest.mark.parametrize(
    ("number", "sigint_ignored"),
    [
        (signal.SIGINT, False),
        (signal.SIGINT, True),
        *(
            pytest.param(number, ignored, marks=pytest.mark.slow)
            for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGHUP)
            for ignored in (False, True)
        ),
    ],
)
def test_stubborn_servers_end_too(tmp_path: Path, number: signal.Signals, sigint_ignored: bool):
    process = serving(tmp_path, sigint_ignored)
    try:
        process.send_signal(number)
        wait_until(lambda: process.poll() is not None and not of_place(tmp_path), SOON_S, tmp_path)
    finally:
        end_all(tmp_path)
    assert process.returncode == (0 if number in (signal.SIGINT, signal.SIGTERM) else -number)


def test_a_second_signal_does_not_leave_anything_behind(tmp_path: Path):
    process = serving(tmp_path)
    try:
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        wait_until(lambda: process.poll() is not None and not of_place(tmp_path), SOON_S, tmp_path)
    finally:
        end_all(tmp_path)


def test_what_stands_between_is_killed_and_nothing_is_left(tmp_path: Path):
    process = serving(tmp_path)
    try:
        (between,) = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
        os.kill(between, signal.SIGKILL)
        wait_until(lambda: process.poll() is not None and not of_place(tmp_path), SOON_S, tmp_path)
    finally:
        end_all(tmp_path)
    assert process.returncode != 0


def test_a_server_that_ends_by_itself_gives_its_status_and_takes_its_children_along(tmp_path: Path):
    leaves = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); sys.exit(7)"
    process = start(tmp_path, sys.executable, "-c", SERVES.format([sys.executable, "-c", leaves]))
    try:
        assert process.wait(60) == 7
        wait_until(lambda: not of_place(tmp_path), SOON_S, tmp_path)
    finally:
        end_all(tmp_path)


ORDERLY = """
import time
try:
    print("up", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(1)
    print("in order", flush=True)
"""


def test_a_server_that_ends_when_it_is_asked_to_is_waited_for(tmp_path: Path):
    process = start(tmp_path, sys.executable, "-c", SERVES.format([sys.executable, "-c", ORDERLY]), sigint_ignored=True)
    try:
        wait_until(lambda: "up" in (tmp_path / "out").read_text(), 60, tmp_path)
        process.send_signal(signal.SIGINT)
        assert process.wait(SOON_S) == 0
    finally:
        end_all(tmp_path)
    assert "in order" in (tmp_path / "out").read_text()


def dev(folder: Path, port: int) -> subprocess.Popen:
    environment = {"CCTVIEW_LAKE": str(folder / "lake"), "DAGSTER_HOME": str(folder / "dagster")}
    return start(folder, CCTVIEW, "dev", "--port", str(port), sigint_ignored=True, **environment)


def runs(folder: Path, module: str) -> bool:
    """Whether a process of the place runs a module."""
    lines = []
    for process in of_place(folder):
        try:
            lines.append(Path(f"/proc/{process}/cmdline").read_bytes())
        except OSError:
            continue
    return any(module.encode() in line for line in lines)


def locked(folder: Path) -> bool:
    with (folder / "dagster" / "daemon.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize(
    ("number", "module"),
    [(signal.SIGTERM, "-m\0dagster\0dev"), pytest.param(signal.SIGINT, "dagster_webserver", marks=pytest.mark.slow)],
)
def test_cctview_dev_in_the_background_ends_while_it_is_still_starting(tmp_path: Path, number: signal.Signals, module: str):
    process = dev(tmp_path, *free_ports(1))
    try:
        wait_until(lambda: runs(tmp_path, module), 120, tmp_path)
        assert locked(tmp_path)
        asked = time.time()
        process.send_signal(number)
        wait_until(lambda: process.poll() is not None and not of_place(tmp_path), SOON_S, tmp_path)
    finally:
        end_all(tmp_path)
    assert not locked(tmp_path)
    assert (tmp_path / "dagster" / "daemon.lock").stat().st_mtime >= asked, "no later command takes its last beat for another's"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_cctview_dev_that_serves_ends_and_leaves_nothing_behind(tmp_path: Path, number: signal.Signals):
    process = dev(tmp_path, *free_ports(1))
    try:
        wait_until(lambda: "Serving dagster-webserver" in (tmp_path / "out").read_text(), 120, tmp_path)
        process.send_signal(number)
        freed = wait_until(lambda: not locked(tmp_path), SOON_S, tmp_path)
        wait_until(lambda: process.poll() is not None and not of_place(tmp_path), SOON_S - freed, tmp_path)
    finally:
        end_all(tmp_path)
