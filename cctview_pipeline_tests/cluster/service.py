"""One unit as systemd would run it: started again when it ends, and all that it started is one with it."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path


class Service:
    """Runs a command until :meth:`stop`; each time that it ends it is started again after a while, like Restart=always.

    place: its folder, of nobody else; what it prints goes to ``log`` there. Its processes are known by their working directory:
    Ray's change what Linux shows of their environment.
    """

    def __init__(self, command: Sequence[str], environment: dict[str, str], place: Path, again_after_s: float) -> None:
        # A table of processes of its own, as another machine has: Ray's head does not start where it sees a node of its address.
        self._command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *command]
        self._environment, self.place, self._again_after_s = environment, place, again_after_s
        self._wanted = threading.Event()
        self.starts = 0
        threading.Thread(target=self._keep, daemon=True).start()

    def start(self) -> None:
        self._wanted.set()

    def kill(self, back: bool = True) -> None:
        """kill -9 of all of it, as when its machine goes dark. back: whether it comes again by itself."""
        if not back:
            self._wanted.clear()
        while found := self.processes():
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def processes(self) -> list[int]:
        """Everything that it started and that lives."""
        return [pid for pid, place in working_directories() if place.is_relative_to(self.place)]

    def _keep(self) -> None:
        while True:
            self._wanted.wait()
            self.starts += 1
            with (self.place / "log").open("a") as log:
                options = {"env": self._environment, "cwd": self.place, "start_new_session": True}
                process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
                process.wait()
            self.kill()  # KillMode=control-group
            time.sleep(self._again_after_s)


def working_directories() -> Iterator[tuple[int, Path]]:
    """Of every process."""
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):  # it ended
            yield int(link.parent.name), link.readlink()
