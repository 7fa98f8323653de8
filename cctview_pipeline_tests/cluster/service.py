"""One unit as systemd would run it: started again when it ends, and all that it started is one with it."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

MARK = "UNIT_OF_A_TEST"


class Service:
    """Runs a command until :meth:`stop`; each time that it ends it is started again after a while, like Restart=always.

    name: of this service, unique; log: a file that its output goes to.
    """

    def __init__(self, name: str, command: Sequence[str], environment: dict[str, str], log: Path, again_after_s: float) -> None:
        self.name, self._command, self._log, self._again_after_s = name, list(command), log, again_after_s
        self._environment = environment | {MARK: name}
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
        wanted, found = f"\0{MARK}={self.name}\0".encode(), []
        for place in Path("/proc").glob("[0-9]*/environ"):
            try:
                if wanted in b"\0" + place.read_bytes():
                    found.append(int(place.parent.name))
            except OSError:
                pass  # it ended
        return found

    def _keep(self) -> None:
        while True:
            self._wanted.wait()
            self.starts += 1
            with self._log.open("a") as log:
                process = subprocess.Popen(
                    self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
                process.wait()
            self.kill()  # KillMode=control-group
            time.sleep(self._again_after_s)
