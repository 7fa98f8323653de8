"""Readers with a mistake planted in each, to see that the fuzzing finds it."""

import os
import time
from pathlib import Path

from cctview_pipeline.errors import CctviewError
from cctview_pipeline_tests.fuzz.target import Reader, Target

SIGN = b"\xff\xd8"
_CORPUS = [b"a reader of bytes", b"another one: " + SIGN[:1]]


def _when_signed(do) -> Target:
    """do: what goes wrong with an input that begins as a JPEG does."""

    def open_it(folder: Path) -> Reader:
        def read(data: bytes) -> None:
            if data.startswith(SIGN):
                do()

        return read

    return Target(lambda: _CORPUS, open_it, (SIGN,))


def _raise(error: Exception) -> None:
    raise error


def _compute() -> None:
    until = time.process_time() + 2.1
    while time.process_time() < until:
        pass


PLANTED: dict[str, Target] = {
    "planted-exception": _when_signed(lambda: _raise(KeyError("x"))),
    "planted-address": _when_signed(lambda: _raise(CctviewError(f"It is {object()}."))),
    "planted-slow": _when_signed(_compute),
    "planted-memory": _when_signed(lambda: bytearray(3 << 30)),
    "planted-crash": _when_signed(os.abort),
    "planted-nothing": _when_signed(lambda: _raise(CctviewError("It is refused."))),
}
