"""The pipeline's end of the process with TensorFlow: starting it, asking it, and noticing that it died."""

import os
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from cctview_pipeline.detect.keras_retinanet.exchange import IMAGES, REFUSED, Found, pack_images, unpack_found
from cctview_pipeline.errors import CctviewError, ModelError


class TensorFlowProcess:
    """A running worker. It ends with :meth:`close`, with this object, and with the process that made it."""

    def __init__(self, weights: Path, device: str) -> None:
        """Starts the worker and waits until its weights are loaded. Raises CctviewError with its reason when it cannot."""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        command = [sys.executable, "-m", "cctview_pipeline.detect.keras_retinanet.worker", str(weights)]
        self._process = subprocess.Popen(
            [*command, "--device", device, "--parent", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=_environment(device),
        )
        self.close = weakref.finalize(self, _end, self._process, self._said)
        assert self._process.stdin is not None  # a pipe, as it was asked for
        assert self._process.stdout is not None
        self._stdin = self._process.stdin
        try:
            self._writer = pa.ipc.new_stream(self._stdin, IMAGES)
            self._reader = pa.ipc.open_stream(self._process.stdout)
            self._reader.read_next_batch()
        except (OSError, StopIteration, pa.ArrowException) as error:
            raise self._failure() from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def find(self, images: Sequence[np.ndarray]) -> list[Found]:
        """RGB uint8 arrays -> what each shows. Raises CctviewError when the worker died; this object is of no use then."""
        try:
            self._writer.write_batch(pack_images(images))
            self._stdin.flush()
            return unpack_found(self._reader.read_next_batch())
        except (OSError, StopIteration, pa.ArrowException) as error:
            raise self._failure() from error

    def _failure(self) -> CctviewError:
        """The worker's own sentence when it left one; else how it ended and the last line it printed."""
        try:
            status = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        last = _last_line(self._said)
        self.close()
        if status == REFUSED and last:
            return ModelError(last)
        ended = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        reason = f" (it last said: {last})" if last else ""
        return ModelError(f"The process with TensorFlow {ended}{reason}; the next detection starts a new one.")


def _environment(device: str) -> dict[str, str]:
    """What the worker's libraries go by: quiet, no card when none is wanted, as many threads as everything else."""
    environment = {"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ}
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
    if threads := os.environ.get("OMP_NUM_THREADS"):
        environment.setdefault("TF_NUM_INTRAOP_THREADS", threads)
    return environment


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = [line.strip() for line in said.read().decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")


def _end(process: subprocess.Popen, said: IO[bytes]) -> None:
    """Close the worker's stdin, with which it ends; one that is in the middle of an image is not waited for."""
    for pipe in filter(None, (process.stdin, process.stdout)):
        with suppress(OSError):  # it died with a request half written
            pipe.close()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    said.close()
