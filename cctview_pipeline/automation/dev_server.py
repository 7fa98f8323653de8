"""A server with children of its own, and the end of all of them when this process ends, however that comes about.

``dagster dev`` starts a web server, a daemon and code servers, and these start runs. A shell that is no terminal's starts what it
puts in the background with SIGINT ignored; ``dagster dev`` then ignores SIGTERM as well, and when it is killed its children live
on. So a process stands between, a guard: it leads the session that all of them are in and that none leaves, and so they can be
ended as one. The guard's standard input ends when this process does, and then it ends its session, itself with it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

GRACE_S = 2.0
"""How long a server may take to end in order: within 5 s all of it has ended."""
LOOK_S = 0.1
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_to_its_end(command: Sequence[str], descriptors: Sequence[int]) -> int:
    """Run a server until it ends, or until SIGINT or SIGTERM asks this process to; then nothing that it started lives any more.

    descriptors: open files that it holds. Returns its status, 0 when it was asked to end. This process's handlers of the two
    signals stay changed.
    """
    asked = _asked()
    # Its own session: a terminal's Ctrl-C reaches this process alone.
    guard = subprocess.Popen(
        [sys.executable, "-m", __name__, *command], stdin=subprocess.PIPE, pass_fds=descriptors, start_new_session=True
    )
    assert guard.stdin is not None  # a pipe, as it was asked for
    try:
        while not _ended(guard) and not asked:
            time.sleep(LOOK_S)
    finally:
        guard.stdin.close()
        _wait(guard, GRACE_S + 1)
        _end_session(guard.pid)  # not reaped yet: no other session can have its number
        status = guard.wait()
    return 0 if asked else status


def main(command: Sequence[str]) -> int:
    """The guard. Returns the status of a server that ended by itself."""
    asked = _asked()
    # Whoever ignores SIGINT hands that down; these signals have a handler here, and so the server's are the default again.
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
    threading.Thread(target=_ask_with_parent, args=[asked], daemon=True).start()
    while not _ended(server) and not asked:
        time.sleep(LOOK_S)
    if asked:
        server.send_signal(signal.SIGINT)
        _wait(server, GRACE_S)
        _end_session(os.getpid())
    return server.wait()


def _asked() -> list[int]:
    """Not empty once one of the signals came, ignored or not when this process was started. No Event: a handler may not wait for
    a lock that the code it interrupts holds."""
    asked: list[int] = []
    for number in SIGNALS:
        signal.signal(number, lambda number, frame: asked.append(number))
    return asked


def _ask_with_parent(asked: list[int]) -> None:
    """Standard input ends when the process that started us does, or wants us to."""
    os.read(sys.stdin.fileno(), 1)
    asked.append(signal.SIGTERM)


def _ended(process: subprocess.Popen) -> bool:
    """Without reaping it, so that its number stays its own."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _wait(process: subprocess.Popen, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not _ended(process) and time.monotonic() < until:
        time.sleep(LOOK_S)


def _end_session(leader: int) -> None:
    """Its processes are one group: none of them makes another."""
    os.killpg(leader, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
