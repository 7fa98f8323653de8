"""``dagster-daemon run`` with a shorter tick, for the time that a command waits for its backfill.

A backfill takes one tick for each wave of assets. Dagster's 30 s between them suit a server; a person who waits in
front of a terminal would spend most of a short backfill waiting. There is no setting for it.
"""

import sys

from dagster._daemon import controller
from dagster._daemon.cli import create_dagster_daemon_cli

TICK_S = 2


def main() -> None:
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = TICK_S
    create_dagster_daemon_cli()(["run", "-w", "workspace.yaml", "--log-level", "warning"])


if __name__ == "__main__":
    sys.exit(main())
