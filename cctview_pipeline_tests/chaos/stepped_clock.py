"""A command whose clock somebody sets: ``python -m cctview_pipeline_tests.chaos.stepped_clock FILE collect ...``.

Of this process alone, and for what Python asks of the clock (time.time and time.time_ns, by which collectors go): a machine's own
clock can't be set in a container, and is nothing to play with. FILE holds seconds, as eight bytes, that are added from now on.
"""

import mmap
import struct
import sys
import time
from pathlib import Path

SECONDS = struct.Struct("<d")


class Steps:
    """The hand at the clock. path: the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0.0)

    def set(self, seconds: float) -> None:
        """In place, so that who has mapped the file sees it."""
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.write(SECONDS.pack(seconds))


def follow(path: Path) -> None:
    """From now on the clock of this process is off by what the file says."""
    with path.open("rb") as file:
        said = mmap.mmap(file.fileno(), SECONDS.size, prot=mmap.PROT_READ)
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + SECONDS.unpack(said[:])[0]
    time.time_ns = lambda: real_ns() + int(SECONDS.unpack(said[:])[0] * 1e9)


if __name__ == "__main__":
    follow(Path(sys.argv[1]))
    from cctview_pipeline.__main__ import main

    main(sys.argv[2:])
