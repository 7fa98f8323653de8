"""When to ask a camera again: just after its next frame is due, and not every fixed second.

Asked every second, a camera that takes a picture every 0.9 s loses one in ten, and one that takes a picture every two seconds
is asked twice for each. So the rhythm is learned from when frames appeared, and asking goes by it.
"""

import random
from collections import deque
from collections.abc import Callable

from cctview_pipeline.limits import RETRY_AFTER_S

MIN_DURATION_S, MAX_DURATION_S = 0.1, 3600.0
REMEMBERED = 24
"""Gaps between frames that the rhythm is learned from."""
EARLY = 0.25
"""The quantile of those gaps after which the next frame is asked for: frames come earlier than their median half the time, and
asking once too often costs less than a frame that the next one has replaced."""
MARGIN_S, MAX_MARGIN = 0.02, 0.2
"""Seconds after a frame is due when it is asked for, at first, and the largest share of the period that they may become: longer
after asking too early, shorter again after every frame that was there."""
PROBE_AFTER = 12
"""Frames that were there at the first asking, after which it is asked at half time once: whoever always comes after the fact does
not see that there are two."""


class Cadence:
    """The rhythm of one camera. All times in seconds of one clock.

    guess: seconds between frames, until it is known better.
    """

    def __init__(self, guess: float = 1.0) -> None:
        self._guess = guess
        self._gaps: deque[float] = deque(maxlen=REMEMBERED)
        self._appeared: float | None = None
        self._unchanged = 0
        self._at_once = 0
        self._margin = MARGIN_S
        self._gap, self._period = guess, guess

    @property
    def period(self) -> float:
        """Seconds between frames: the median of what was seen."""
        return self._period

    @property
    def waited(self) -> bool:
        """Whether the camera was asked in vain since its last new frame."""
        return self._unchanged > 0

    def new_frame(self, appeared: float) -> None:
        """A frame that was not there before. appeared: when it could first have been fetched, as well as is known."""
        gap = appeared - self._appeared if self._appeared is not None else 0.0
        if gap > 0:  # else it is the first, or the camera's clock was set back: the phase is new, the rhythm is not
            if gap < 0.75 * self._gap:
                self._gaps.clear()  # faster than was thought
            self._gaps.append(min(max(gap, MIN_DURATION_S), MAX_DURATION_S))
            ordered = sorted(self._gaps)
            self._gap, self._period = ordered[int(EARLY * (len(ordered) - 1))], ordered[len(ordered) // 2]
        if not self._unchanged:
            self._margin = max(MARGIN_S / 2, 0.97 * self._margin)
        self._at_once = 0 if self._unchanged or self._probing else self._at_once + 1
        self._appeared, self._unchanged = appeared, 0

    def unchanged(self) -> None:
        """The camera still shows the frame that it showed."""
        if not self._unchanged and not self._probing:
            self._margin = min(1.5 * self._margin, MAX_MARGIN * self._period)
        self._unchanged += 1

    def next_poll(self, now: float) -> float:
        """When to ask next; never before now."""
        if self._appeared is None:
            return now + self._guess * 2.0 ** min(self._unchanged, 4)
        if self._probing and not self._unchanged:
            return min(max(now, self._appeared + self._gap / 2 + self._margin), now + 2 * MAX_DURATION_S)
        due = self._appeared + self._gap + self._margin
        if now < due:
            return min(due, now + 2 * MAX_DURATION_S)
        if not self._unchanged:
            return now
        # It is late: again soon at first, then less and less often, in case it has stopped.
        return now + min(max(0.1 * self.period, 0.3 * (now - due)), max(4 * self.period, 10.0))

    @property
    def _probing(self) -> bool:
        return len(self._gaps) < 3 or self._at_once >= PROBE_AFTER


class Backoff:
    """How long to leave a camera alone after failures: twice as long each time, with jitter, so that a thousand cameras of one
    server that was down do not come back in one moment."""

    def __init__(self, base: float = 0.5, longest: float = 300.0, uniform: Callable = random.uniform) -> None:
        self.base, self.longest = base, longest
        self._uniform = uniform
        self.failures = 0
        self.wait_s = 0.0
        """What the last failure said."""

    def success(self) -> None:
        self.failures = 0

    def failure(self, retry_after: float | None = None) -> float:
        """Seconds to wait. retry_after: what the server asked for, which is the least, up to RETRY_AFTER_S."""
        self.failures += 1
        most = min(self.longest, self.base * 2.0 ** min(self.failures, 30))
        self.wait_s = max(self._uniform(most / 2, most), min(retry_after or 0.0, RETRY_AFTER_S.most))
        return self.wait_s
