"""``dagster-daemon run`` with a shorter tick, for the time that a command waits for its backfill.

::

    python -m cctview_pipeline.automation.daemon 0.5        # seconds between two ticks

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


def _stop_with_parent() -> None:
    """Standard input ends when the command that started us does."""
    os.read(sys.stdin.fileno(), 1)  # a buffered reader would hold a lock that Python wants when it ends
    os.kill(os.getpid(), signal.SIGTERM)


def _show_life(lock: Path) -> None:
    """The lock's time says until when this daemon lived: a heartbeat in Dagster that is not later was its own."""
    while True:
        os.utime(lock)
        time.sleep(1)


def main() -> None:
    """Run Dagster's daemon until its parent is gone. Its one argument is the seconds between two looks at what is queued."""
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    threading.Thread(target=_show_life, args=[dagster_home() / "daemon.lock"], daemon=True).start()
    # Dagster's own is a whole number, but all that it does is to sleep for so long.
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = float(sys.argv[1])  # type: ignore[assignment]
    create_dagster_daemon_cli()(["run", "-w", "workspace.yaml", "--log-level", "warning"])


if __name__ == "__main__":
    main()
