"""What time it is in a city that is served live."""

import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from cctview_pipeline.errors import CctviewError

MAX_SPEED = 1000.0


class CityClock:
    """Runs from begin to end (UTC, exclusive), then from begin again, so that a server never comes to an end.

    speed: city seconds a second; now: seconds of a clock that never goes back. It stands at begin until it is started.
    """

    def __init__(self, begin: datetime, end: datetime, speed: float = 1.0, now: Callable[[], float] = time.monotonic) -> None:
        if not (math.isfinite(speed) and 0 < speed <= MAX_SPEED):
            raise CctviewError(f"A city's speed is above 0 and at most {MAX_SPEED:.0f} city seconds a second, not {speed:g}.")
        self.begin, self.end, self.speed = begin, end, speed
        self._now = now
        self._started_at: float | None = None

    def start(self) -> None:
        """It is begin now."""
        self._started_at = self._now()

    def moment(self) -> datetime:
        """begin <= moment < end, to the microsecond."""
        if self._started_at is None:
            return self.begin
        run = timedelta(seconds=(self._now() - self._started_at) * self.speed)
        return self.begin + run % (self.end - self.begin)
