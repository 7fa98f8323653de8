"""What a target is, and what one execution of it finds."""

import re
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cctview_pipeline.errors import CctviewError

SECONDS = 2.0
"""Of a processor, that one execution may take."""
MAX_BYTES = 1 << 30
"""That a process may take beyond what it had before its first input."""
LONGEST = 1 << 16
"""Bytes of an input."""
_ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")

Reader = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """A reader of outside bytes.

    corpus: makes the inputs to begin with; open: imports what reads and gives it, with a folder of its own for files; tokens:
    what inputs of this kind are made of; own: exceptions that the reader documents, besides CctviewError; quick: how often
    it is executed in every run of the tests, about a second of it.
    """

    corpus: Callable[[], Sequence[bytes]]
    open: Callable[[Path], Reader]
    tokens: Sequence[bytes] = ()
    own: tuple[str, ...] = ()
    quick: int = 300


@dataclass(frozen=True)
class Finding:
    """what: the exception, or what else went wrong; place: where it was raised, which tells findings apart; data: the input."""

    what: str
    place: str
    data: bytes

    @property
    def key(self) -> tuple[str, str]:
        return self.what.split(":")[0], self.place


def execute(read: Reader, data: bytes, own: Iterable[str] = ()) -> Finding | None:
    """Give a reader one input. own: names of exceptions that it documents."""
    began = time.process_time()
    try:
        read(data)
    except CctviewError as error:
        if _ADDRESS.search(str(error)):
            return Finding("MemoryAddress: " + str(error)[:200], _place(error), data)
    except Exception as error:
        if not any(kind.__name__ in own for kind in type(error).__mro__):
            return Finding(f"{type(error).__name__}: {str(error)[:200]}", _place(error), data)
    took = time.process_time() - began
    return Finding(f"Slow: {took:.1f} s", "", data) if took > SECONDS else None


def check_words(text: str) -> None:
    """Of what goes into a table."""
    assert not _ADDRESS.search(text), f"a memory address is stored: {text}"


def _place(error: Exception) -> str:
    """The last line of the package that the exception passed, and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/cctview_pipeline/" in frame.filename]
    told = {f"{Path(frame.filename).name}:{frame.name}" for frame in (*ours[-1:], *frames[-1:])}
    return " < ".join(sorted(told))
