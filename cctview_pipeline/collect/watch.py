"""One camera as the collector sees it: what is new, when to ask again, and what state it is in.

live: new pictures come; stale: the same bytes again and again; frozen: the very same picture with a clock that goes on, or
encoded anew; placeholder: a notice instead of a picture; offline: no answer that could be used; moved: another view than
before, until that is known.
"""

import logging
from collections import deque
from dataclasses import dataclass

import numpy as np

from cctview_pipeline.collect.cadence import Backoff, Cadence
from cctview_pipeline.collect.newest import Seen, digest_of
from cctview_pipeline.collect.pictures import (
    Rules,
    background,
    digest_above,
    examine,
    is_elsewhere,
    is_same,
    of_one_size,
    thumbnail,
)
from cctview_pipeline.images import BadPicture

LOOK_EVERY = 20
"""New frames of a camera of which one is decoded: a decoding costs as much as a fetch."""
VIEW = 7
"""Thumbnails that a view is known from."""
MANY = 4
"""Cameras that send the same bytes, from which on these are a placeholder."""
STALE_PERIODS, STALE_S = 5.0, 10.0
FROZEN_AFTER = 3
"""The same picture with another time in its comments, so often in a row."""
OFFLINE_AFTER = 3
"""Failures in a row."""
UNREADABLE = "unreadable"
"""Why a picture was refused that met an error of ours or of a library: it takes no other camera with it."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewFrame:
    """A new frame. captured_us: by the camera's clock where that can be believed, else when it was fetched."""

    jpeg: bytes
    captured_us: int
    fetched_us: int


@dataclass(frozen=True, slots=True)
class Change:
    """A camera's state from a moment on. detail: one sentence, or nothing."""

    camera_id: str
    state: str
    since_us: int
    detail: str = ""


class Placeholders:
    """Pictures that many cameras send: shared by all watches of a network."""

    def __init__(self, known: set[str] | None = None) -> None:
        self.known = set(known or ())
        self._seen: dict[str, set[str]] = {}
        self._order: deque[str] = deque()

    def is_one(self, digest: str, camera_id: str) -> bool:
        """Note that a camera sent these bytes; whether they are a placeholder."""
        if digest in self.known:
            return True
        if digest not in self._seen:
            self._seen[digest] = set()
            self._order.append(digest)
            if len(self._order) > 20_000:
                self._seen.pop(self._order.popleft(), None)
        cameras = self._seen[digest]
        cameras.add(camera_id)
        if len(cameras) >= MANY:
            self.known.add(digest)
            return True
        return False


class CameraWatch:
    """Everything that is remembered of one camera. ``changes`` collects its changes of state until somebody takes them."""

    def __init__(
        self,
        camera_id: str,
        placeholders: Placeholders,
        guess_s: float = 1.0,
        seen: Seen | None = None,
        rules: Rules = Rules(),
    ) -> None:
        """seen: the newest frame that a collector before this one had: it is none when it comes again."""
        self.camera_id, self._rules = camera_id, rules
        self.seen = seen
        self.state = "unknown"
        self.changes: list[Change] = []
        self.cadence, self.backoff = Cadence(guess_s), Backoff()
        self.skew_us: int | None = None
        self.reason = ""
        """Of the newest failure."""
        self._placeholders = placeholders
        self._last: bytes = b""
        self._digest, self._repeats = seen.digest if seen else "", 0
        self._last_us = 0
        self._new_at_s: float | None = None
        self._asked_at_s: float | None = None
        self._lags: deque[int] = deque(maxlen=100)
        self._count = 0
        self._thumbnail: np.ndarray | None = None
        self._frozen = False
        self._recent: deque[np.ndarray] = deque(maxlen=VIEW)
        self._view: np.ndarray | None = None

    def received(self, content: bytes, fetched_us: int, now_s: float, told_us: int | None = None) -> NewFrame | None:
        """An answer that arrived whole. now_s: of the clock that asking goes by; told_us: when it was taken, by the network.
        Returns the frame, if it is a new one.

        What cannot be read is a failure, whatever error it meets, and the camera's memory is as it was.
        """
        before = self._last, self._digest, self._repeats, self._count
        failures = self.backoff.failures
        try:
            return self._received(content, fetched_us, now_s, told_us)
        except Exception as error:
            self._last, self._digest, self._repeats, self._count = before
            self.backoff.failures = failures
            told = _log.debug if self.reason == UNREADABLE else _log.warning  # once, and not as often as it comes
            told("%s sent a picture that cannot be read (%s).", self.camera_id, type(error).__name__)
            _log.debug("How it failed:", exc_info=error)
            self.failed(fetched_us, UNREADABLE)
            return None

    def _received(self, content: bytes, fetched_us: int, now_s: float, told_us: int | None) -> NewFrame | None:
        asked_before, self._asked_at_s = self._asked_at_s, now_s
        if content and content == self._last:
            self.backoff.success()
            self._nothing_new(fetched_us, now_s)
            return None
        try:
            picture = examine(content, self._rules)
        except BadPicture as told:
            if told.reason == "placeholder":
                self.backoff.success()
                self._last = content
                self._become("placeholder", fetched_us, str(told))
                self.cadence.unchanged()
                return None
            self.failed(fetched_us, told.reason)
            return None
        self.backoff.success()
        self._last = content
        digest = digest_above(picture.jpeg, self._rules.bar_px) if self._rules.bar_px else digest_of(picture.jpeg)
        taken_us = told_us if told_us is not None else picture.taken_us(fetched_us)
        if self._placeholders.is_one(digest, self.camera_id):
            self._become("placeholder", fetched_us, "Many cameras send this picture.")
            self.cadence.unchanged()
            return None
        if self._new_at_s is None and self.seen and digest == self.seen.digest:
            self._new_at_s = now_s - max(0.0, (fetched_us - self.seen.at_us) / 1e6)
            self._nothing_new(fetched_us, now_s)
            return None
        self._new_at_s = now_s
        self.cadence.new_frame(self._appeared(taken_us, fetched_us, now_s, asked_before))
        if digest == self._digest:
            self._repeats += 1
            if self._repeats >= FROZEN_AFTER:
                self._become("frozen", fetched_us)
            return None
        if self._repeats >= FROZEN_AFTER:
            self._become("live", fetched_us)
        self._digest, self._repeats = digest, 0
        captured_us = self._captured(taken_us, fetched_us)
        self._count += 1
        self._look(picture.jpeg, fetched_us)
        self.seen = Seen(digest, fetched_us)
        return NewFrame(picture.jpeg, captured_us, fetched_us)

    def failed(self, at_us: int, detail: str, retry_after_s: float | None = None) -> float:
        """No usable answer. detail: why, in our words. Returns the seconds to leave the camera alone."""
        self.reason = detail
        wait = self.backoff.failure(retry_after_s)
        if self.backoff.failures >= OFFLINE_AFTER:
            self._become("offline", at_us, detail)
        return wait

    def unchanged(self, at_us: int, now_s: float) -> None:
        """An answer that says only that the picture is the newest one."""
        self._asked_at_s = now_s
        self.backoff.success()
        self._nothing_new(at_us, now_s)

    def outdated(self, at_us: int, detail: str) -> None:
        """The network says that its newest picture is old, so that nobody asks for it."""
        if self.state != "stale":
            self._become("stale", at_us, detail)

    def _nothing_new(self, at_us: int, now_s: float) -> None:
        self.cadence.unchanged()
        if self._silent_s(now_s) > max(STALE_S, STALE_PERIODS * self.cadence.period) and self.state != "placeholder":
            self._become("stale", at_us)

    def next_poll(self, now_s: float) -> float:
        return self.cadence.next_poll(now_s)

    def _captured(self, by_camera_us: int | None, fetched_us: int) -> int:
        """The time of a frame: unique and, while the camera's clock can be believed, the camera's."""
        captured = fetched_us
        if by_camera_us is not None:
            self.skew_us = fetched_us - by_camera_us
            if abs(self.skew_us) <= self._rules.believed_us:
                captured = by_camera_us
        back_us = self._last_us - captured
        # Set back by more than any camera's clock is off is our own clock: the new time counts.
        if captured // 1000 <= self._last_us // 1000 and back_us <= self._rules.believed_us:
            captured = max(fetched_us, self._last_us + 1000)
        self._last_us = captured
        return captured

    def _appeared(self, by_camera_us: int | None, fetched_us: int, now_s: float, asked_before_s: float | None) -> float:
        """When the frame could first have been fetched.

        The camera's clock tells, less what always lies between; else it was between this asking and the one before.
        """
        if by_camera_us is not None and abs(fetched_us - by_camera_us) <= self._rules.believed_us:
            lag = fetched_us - by_camera_us
            self._lags.append(lag)
            return now_s - (lag - min(self._lags)) / 1e6
        if asked_before_s is None or not self.cadence.waited:
            return now_s
        return (now_s + asked_before_s) / 2

    def _look(self, jpeg: bytes, at_us: int) -> None:
        """Live, unless looking at one frame in twenty says otherwise."""
        if self._count % LOOK_EVERY != 1:
            if self.state not in ("live", "frozen", "moved"):
                self._become("frozen" if self._frozen else "live", at_us)
            return
        small = thumbnail(jpeg)
        if small is None:
            return
        self._frozen = self._thumbnail is not None and is_same(small, self._thumbnail)
        self._thumbnail = small
        self._become("frozen" if self._frozen else self._after_looking(small), at_us)

    def _after_looking(self, small: np.ndarray) -> str:
        """live, or moved from when seven thumbnails show another view until seven more show the same."""
        self._recent.append(of_one_size(small))  # the same view in more pixels has not moved
        if len(self._recent) < VIEW:
            return "moved" if self.state == "moved" else "live"
        view = background(self._recent)
        self._recent.clear()
        moved = self._view is not None and is_elsewhere(view, self._view)
        self._view = view
        return "moved" if moved else "live"

    def _silent_s(self, now_s: float) -> float:
        return now_s - self._new_at_s if self._new_at_s is not None else 0.0

    def _become(self, state: str, at_us: int, detail: str = "") -> None:
        if state != self.state:
            self.state = state
            self.changes.append(Change(self.camera_id, state, at_us, detail))
