"""A disk of a few megabytes, which can be filled: a tmpfs in a mount namespace of its own, so that nobody else sees it."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BALLAST = "ballast"


@dataclass(frozen=True)
class SmallDisk:
    """inside: where commands that are started with ``entering`` find it; outside: where everybody else does; entering: words
    before a command, none where there is no disk of this kind."""

    inside: Path
    outside: Path
    entering: tuple[str, ...] = ()

    def fill(self) -> None:
        """Leave not a byte."""
        with contextlib.suppress(OSError), (self.outside / _BALLAST).open("wb", buffering=0) as file:
            for piece in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(piece)) == piece:
                        pass

    def empty(self) -> None:
        (self.outside / _BALLAST).unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[SmallDisk | None]:
    """None where this user may not mount anything, in a user namespace of his own either."""
    folder.mkdir()
    program = f'mount -t tmpfs -o size={mebibytes}m tmpfs "$1" && echo mounted && exec sleep infinity'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", program, "sh", str(folder)]
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        yield None
        return
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as holder:
        try:
            if holder.stdout.readline() != "mounted\n":
                yield None
                return
            enter = ("nsenter", "--target", str(holder.pid), "--user", "--mount", "--preserve-credentials", "--")
            yield SmallDisk(folder, Path(f"/proc/{holder.pid}/root{folder.resolve()}"), enter)
        finally:
            holder.kill()
