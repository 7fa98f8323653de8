"""A process that is ended in the middle of its work, as a machine or an impatient person ends it.

It is a fork of the tests' own, so that it has all that was imported and starts in no time; work may put anything in place of
the library's functions there, and changes nothing here.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from itertools import count

FORK = multiprocessing.get_context("fork")


def end_of(work: Callable, *arguments: object, patience_s: float = 60) -> int:
    """Run work in a fork of this process. Returns its exit status, which is negative for the signal that ended it."""
    process = FORK.Process(target=work, args=arguments)
    process.start()
    process.join(patience_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError(f"The work had neither ended nor been killed after {patience_s} s.")
    return process.exitcode


def die(*_: object) -> None:
    """End this process at once, with nothing tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


def dies_at(function: Callable, call: int) -> Callable:
    """The function, but for its n-th call, before which the process ends."""
    calls = count(1)

    def dying(*arguments: object) -> object:
        if next(calls) == call:
            die()
        return function(*arguments)

    return dying
