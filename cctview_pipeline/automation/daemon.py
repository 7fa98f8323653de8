"""``dagster-daemon run`` with a shorter tick, for the time that a command waits for its backfill.

A backfill takes one tick for each wave of assets. Dagster's 30 s between them suit a server; a person who waits in
front of a terminal would spend most of a short backfill waiting. There is no setting for it.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from dagster._daemon import controller
from dagster._daemon.cli import create_dagster_daemon_cli

from cctview_pipeline.paths import dagster_home

TICK_S = 2


def _stop_with_parent() -> None:
    """Standard input ends when the command that started us does."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _show_life(lock: Path) -> None:
    """The lock's time says until when this daemon lived: a heartbeat in Dagster that is not later was its own."""
    while True:
        os.utime(lock)
        time.sleep(1)


def main() -> None:
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    threading.Thread(target=_show_life, args=[dagster_home() / "daemon.lock"], daemon=True).start()
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = TICK_S
    create_dagster_daemon_cli()(["run", "-w", "workspace.yaml", "--log-level", "warning"])


if __name__ == "__main__":
    sys.exit(main())
