"""How a command ends when it cannot do what was asked: one sentence on stderr and a status, whatever it was."""

import errno
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeAlias

from cctview_pipeline.errors import CctviewError, printable

REFUSED, OURS, INTERRUPTED, READER_GONE, TERMINATED = 1, 70, 130, 141, 143
"""Statuses: as a user's mistake always had, as sysexits.h has a program's own, and as a shell has those of signals."""
_STOPPED = "stopped; the same command goes on where it was."
_SURROUNDINGS = {
    errno.ENOSPC: "the disk is full: make room, and give the same command again",
    errno.EDQUOT: "your quota of the disk is used up: make room, and give the same command again",
    errno.EACCES: "it may not be used by this user: change its rights, or name another place",
    errno.EPERM: "it may not be used by this user: change its rights, or name another place",
    errno.EROFS: "its disk can only be read: name another place",
    errno.ENOTDIR: "a part of this path is a file, and no folder: name another place",
    errno.EISDIR: "it is a folder, where a file should be: move it away, or name another place",
    errno.ENAMETOOLONG: "its name is longer than the disk allows: name another place",
    errno.ELOOP: "it is a link that leads back to itself: name another place",
    errno.EIO: "its disk fails: look into the system's log",
    errno.EMFILE: "too many files are open: raise `ulimit -n`",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "this machine's memory is used up",
}
"""What no program can mend. Any other OSError is as much a mistake of ours as a KeyError."""


@contextmanager
def ending() -> Iterator[None]:
    """Inside this block every error ends the process with its sentence; nothing of ours is told as if it were the user's."""
    _open_closed_streams()
    try:
        with _terminable():
            yield
        sys.stdout.flush()  # what is still on its way may fail too, and Python's own words for that have no sentence
    except CctviewError as error:
        _end(printable(str(error)), REFUSED)
    except KeyboardInterrupt:
        _end(_STOPPED, INTERRUPTED)
    except SystemExit as end:
        if end.code in (INTERRUPTED, TERMINATED):
            _end(_STOPPED, end.code)
        raise
    except BrokenPipeError:
        end_quietly()
    except MemoryError:
        _end("this machine's memory is used up: ask for fewer cameras or hours at once.", REFUSED)
    except OSError as error:
        if error.errno not in _SURROUNDINGS:
            _end(_ours(error), OURS)
        place = f"{error.filename}: " if error.filename else ""
        _end(printable(f"{place}{_SURROUNDINGS[error.errno]}."), REFUSED)
    except Exception as error:
        _end(_ours(error), OURS)


def end_quietly() -> NoReturn:
    """Nobody reads what is printed any more, which is no error: `| head` has what it wanted."""
    _silence()
    sys.exit(READER_GONE)


def _open_closed_streams() -> None:
    """A shell may have closed one of the three (``>&-``). What is printed goes nowhere then, and no file that is opened later
    takes its number, which libraries write to."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def _end(sentence: str, status: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except OSError:
        _silence()
    print(f"cctview: {sentence}", file=sys.stderr)
    sys.exit(status)


def _silence() -> None:
    """Python flushes at its end, and would complain once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _ours(error: Exception) -> str:
    """What to do about a mistake of this program: its traceback stands in a file, so that it can be sent."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
    whole = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile("w", prefix="cctview-", suffix=".txt", delete=False, encoding="utf-8") as file:
            file.write(whole)
    except OSError:
        print(whole, file=sys.stderr)
        return f"this is a mistake of cctview and not yours ({where}): please report it with what is printed above."
    return f"this is a mistake of cctview and not yours ({where}): please report it with the file {file.name}."


_Handler: TypeAlias = Callable[[int, FrameType | None], object] | signal.Handlers
_OWN: dict[signal.Signals, _Handler] = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
"""What handles a signal where nobody else has said how."""
_signals: list[int] = []
"""Those that have asked this process to end."""


def stop_if_asked() -> None:
    """End again if a signal has asked for it: DuckDB swallows what a signal raises while Python is in its hands."""
    if signal.SIGINT in _signals:
        raise KeyboardInterrupt
    if _signals:
        sys.exit(TERMINATED)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the process as Ctrl-C does, so that what it has begun is tidied up; both are remembered."""

    def end(number: int, _: object) -> None:
        _signals.append(number)
        stop_if_asked()

    main = threading.current_thread() is threading.main_thread()
    mine = [number for number, own in _OWN.items() if main and signal.getsignal(number) == own]
    for number in mine:
        signal.signal(number, end)
    try:
        yield
    except Exception:  # it may be what a library made of a signal
        stop_if_asked()
        raise
    finally:
        for number in mine:
            signal.signal(number, _OWN[number])
        _signals.clear()
