"""Ports for servers that are told theirs before they bind it."""

import os
import socket
from collections.abc import Iterator

FIRST, A_WORKER = 20_000, 1_000
"""Below what Linux gives to ports that nobody chose, so that no connection takes one between here and the server's start;
and every worker of pytest-xdist has a range of its own."""


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on; no port twice in one process."""
    return [next(_PORTS) for _ in range(count)]


def _free() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in range(FIRST + worker * A_WORKER, FIRST + (worker + 1) * A_WORKER):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                yield port


_PORTS = _free()
