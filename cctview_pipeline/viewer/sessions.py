"""Who asks, what for, and which pictures belong to what they asked.

A session is kept in this process alone and ends with it. Its cookie is a random number that says nothing. Pictures have addresses
that are signed with a secret of the session: one can be had only through an answer that was written down before.
"""

import base64
import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

COOKIE = "cctview_session"
LASTS_S = 8 * 3600
MAX_SESSIONS = 1_000
TRIES_A_MINUTE = 10
MAX_REMEMBERED = 10_000
"""Questions of a session that are not written down a second time."""


@dataclass(kw_only=True)
class Session:
    """user: whose name stands in the audit log; purpose: empty until one was stated; asked: questions written down already."""

    user: str
    until: float
    purpose: str = ""
    asked: set[str] = field(default_factory=set)
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def sign(self, what: str) -> str:
        digest = hmac.digest(self._secret, what.encode(), "sha256")[:16]
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def signed(self, what: str, signature: str) -> bool:
        return hmac.compare_digest(self.sign(what).encode(), signature.encode())

    def remember(self, question: str) -> None:
        if len(self.asked) >= MAX_REMEMBERED:
            self.asked.clear()
        self.asked.add(question)


class Sessions:
    """By the hash of their cookie, so that a dump of this process' memory holds no cookie."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._known: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, user: str) -> tuple[str, Session]:
        """A new session, and the value of its cookie. The oldest goes where there are too many."""
        cookie, session = secrets.token_urlsafe(32), Session(user=user, until=self._now() + LASTS_S)
        with self._lock:
            self._known[_hash(cookie)] = session
            while len(self._known) > MAX_SESSIONS:
                self._known.popitem(last=False)
        return cookie, session

    def find(self, cookie: str | None) -> Session | None:
        if not cookie:
            return None
        with self._lock:
            session = self._known.get(_hash(cookie))
            if session and session.until < self._now():
                session = self._known.pop(_hash(cookie)) and None
        return session

    def end(self, cookie: str | None) -> None:
        with self._lock:
            self._known.pop(_hash(cookie or ""), None)


class Tries:
    """Tokens that anybody tried of late, right or wrong."""

    def __init__(self) -> None:
        self._times, self._lock = deque[float](), threading.Lock()

    def another(self) -> bool:
        """Whether one more may be tried now."""
        now = time.monotonic()
        with self._lock:
            while self._times and self._times[0] < now - 60:
                self._times.popleft()
            self._times.append(now)
            return len(self._times) <= TRIES_A_MINUTE


def _hash(cookie: str) -> bytes:
    return sha256(cookie.encode(errors="replace")).digest()
