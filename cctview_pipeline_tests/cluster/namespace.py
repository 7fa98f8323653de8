"""A network, a table of processes and a folder that end with the command that they were made for, however it ends.

Ray listens on every address that a machine has. In a network of its own there is loopback and nothing else, 127.0.0.2 as good an
address as any, and nobody outside reaches any port. In a table of processes of its own the first process takes all others with
it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path

from cctview_pipeline.paths import project_root

_AS_ROOT = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
_AS_ANYBODY = [*_AS_ROOT[:1], "--user", "--map-current-user", "--keep-caps", *_AS_ROOT[1:]]
UNSHARE = _AS_ROOT if os.geteuid() == 0 else _AS_ANYBODY


def why_not() -> str:
    """Why there can be no cluster here; an empty text where there can."""
    if find_spec("ray") is None:
        return "Ray is not installed: pip install '.[cluster]'"
    for program in ("unshare", "ip"):
        if not shutil.which(program):
            return f"there is no program `{program}` here"
    tried = subprocess.run([*UNSHARE, "ip", "link", "set", "lo", "up"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"this machine allows no network of its own: {tried.stderr.strip()}"


def run_inside(module: str, *words: str, **more) -> subprocess.Popen:
    """Start a module's :func:`inside` in a network of its own. Nothing of it is left when it has ended, or when this process
    has."""
    # SeaweedFS listens on sockets in /tmp as well, named after its ports: these are to be nobody else's.
    environment = os.environ | {"PYTEST_XDIST_WORKER": f"gw{2 + os.getpid() % 10}"}
    command = [*UNSHARE, sys.executable, "-m", module, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, cwd=project_root(), env=environment, text=True, **more)


class Inside:
    """What a process does that was started by :func:`run_inside`: a context with the folder that goes at its end.

    Ctrl-C, SIGTERM and the end of the process that started it end it in order.
    """

    def __enter__(self) -> Path:
        if os.getpid() != 1:
            raise RuntimeError("This is started by cctview_pipeline_tests.cluster, in a network of its own.")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.folder = Path(tempfile.mkdtemp(prefix="cctview-"))
        self.folder.chmod(0o755)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        return self.folder

    def __exit__(self, *_) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # everybody but this process, which is the first of its table
        shutil.rmtree(self.folder, ignore_errors=True)


def _stop(number, frame) -> None:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """Standard input ends when the process that started us does."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)
