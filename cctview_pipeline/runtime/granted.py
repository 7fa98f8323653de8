"""How many processors this process was granted, which is not always what the machine has.

Who starts it may say so, in ``CCTVIEW_CPUS`` or, as Ray does, in ``OMP_NUM_THREADS``; a container has the quota of its control
group; else it is the processors that the kernel lets it run on.
"""

import math
import os
from pathlib import Path, PurePosixPath

from cctview_pipeline.environment import CPUS
from cctview_pipeline.errors import ConfigurationError


def said_cpus() -> int | None:
    """What whoever started this process says it may use; None where nobody says anything. Raises ConfigurationError."""
    if text := CPUS.get():
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise ConfigurationError(f"CCTVIEW_CPUS is '{text}': set a number above 0, such as 4, or leave it unset.")
        return max(1, int(number))
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else None


def own_cpus(root: Path = Path("/")) -> int:
    """What the system lets this process use: its control group's quota, where that is less than the processors it may run on.

    root: where ``proc`` and ``sys`` are, for tests.
    """
    quota = _quota(root)
    return max(1, min(len(os.sched_getaffinity(0)), int(quota) if quota else 1 << 20))


def granted_cpus() -> int:
    """What was said, else what the system has for this process. Raises ConfigurationError."""
    return said_cpus() or own_cpus()


def _quota(root: Path) -> float | None:
    """Processors' worth of time that this process's control group, or one around it, has; the least of them. None where no group
    has a bound, or the system has no such groups."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    found = []
    for _, controllers, place in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if not controllers:
            found += [_of_two(folder) for folder in _around(root / "sys/fs/cgroup", place)]
        elif "cpu" in controllers.split(","):
            for name in (controllers, "cpu"):
                found += [_of_one(folder) for folder in _around(root / "sys/fs/cgroup" / name, place)]
    return min((each for each in found if each), default=None)


def _around(mount: Path, place: str) -> list[Path]:
    """A group's folder and those around it. In a container, whose own group is mounted as the root, only the root is there."""
    inside = PurePosixPath(place.lstrip("/"))
    return [mount / inside, *(mount / each for each in inside.parents), mount]


def _of_two(folder: Path) -> float | None:
    """``cpu.max`` of control groups of version 2: ``150000 100000``, or ``max 100000``."""
    quota, _, period = _first_line(folder / "cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None


def _of_one(folder: Path) -> float | None:
    """Of version 1, whose quota is -1 where there is none."""
    quota, period = (_first_line(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None


def _first_line(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
