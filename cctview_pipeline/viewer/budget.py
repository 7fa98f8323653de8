"""What a request may cost: a time, and bytes of tables in memory. It is looked at before every table that is read."""

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cctview_pipeline.errors import CctviewError

MAX_DURATION_S = 10.0
MAX_BYTES = 512 << 20
Found = TypeVar("Found")


class TooMuch(CctviewError):
    """A question was stopped: it took too long, or too much memory, or nobody waits for its answer any more."""


@dataclass
class Budget:
    """until: by time.monotonic(); left: bytes; cancelled: whoever asked has gone; known: what was looked up for it already."""

    until: float = field(default_factory=lambda: time.monotonic() + MAX_DURATION_S)
    left: int = field(default_factory=lambda: MAX_BYTES)
    cancelled: bool = False
    known: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def check(self, taken: int = 0) -> None:
        """Raises TooMuch when it is used up. taken: bytes that were read just now."""
        self.left -= taken
        if self.cancelled:
            raise TooMuch("The question was stopped: nobody waits for its answer any more.")
        if time.monotonic() > self.until:
            raise TooMuch(f"The question was stopped after {MAX_DURATION_S:.0f} s: ask about fewer cameras or a shorter time.")
        if self.left < 0:
            raise TooMuch(f"The question was stopped: it takes more than {MAX_BYTES >> 20} MB. Ask about a shorter time.")


_current: ContextVar[Budget | None] = ContextVar("budget", default=None)


def check(taken: int = 0) -> None:
    """Of the request that this thread or task works for; nothing outside of one."""
    if budget := _current.get():
        budget.check(taken)


def once(key: Hashable, look_up: Callable[[], Found]) -> Found:
    """What a request asks of storage again and again, asked once for it; every time outside of one."""
    budget = _current.get()
    if budget is None:
        return look_up()
    if key not in budget.known:
        budget.known[key] = look_up()
    return budget.known[key]


@contextmanager
def granted(budget: Budget) -> Iterator[None]:
    """Whatever is looked up within draws on this budget."""
    token = _current.set(budget)
    try:
        yield
    finally:
        _current.reset(token)
