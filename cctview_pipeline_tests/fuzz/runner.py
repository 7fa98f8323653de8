"""Fuzzing one target: workers that are started again when an input ends them, and what they leave behind."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from cctview_pipeline.paths import project_root

MAX_ENDS = 5
"""Workers that inputs may end before a target is given up."""
_ENDS = {"timeout": "Hang: nothing for a minute", "crash": "Crash: the process ended", "oom": "Memory: the process ended"}
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_CORPUS = re.compile(r" corp: (\d+)/")


@dataclass
class Outcome:
    """Of one target. corpus: inputs that each reach what no other does; findings: a sentence each, with the input's file."""

    target: str
    executions: int = 0
    corpus: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


def fuzzed(target: str, seconds: int, seed: int, findings: Path) -> Outcome:
    """Fuzz a target for so long. findings: the folder that gets a folder of the target's, when something was found."""
    outcome, until = Outcome(target), time.monotonic() + seconds
    shutil.rmtree(findings / target, ignore_errors=True)
    for number in range(MAX_ENDS):
        left = round(until - time.monotonic())
        if left <= 0 or (number and not outcome.findings):
            break
        with tempfile.TemporaryDirectory(dir=_in_memory(), prefix="cctview-fuzz-") as folder:
            home, began = Path(folder), time.monotonic()
            ended = _worked(target, seed + number, left, home)
            outcome.seconds += time.monotonic() - began
            outcome.executions += int(found[1]) if (found := _EXECUTED.search(ended.stderr)) else 0
            outcome.corpus = max(outcome.corpus, *map(int, _CORPUS.findall(ended.stderr)), 0)
            outcome.findings += _kept(home, findings / target, number, ended)
    return outcome


def _worked(target: str, seed: int, seconds: int, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cctview_pipeline_tests.fuzz.worker", target, str(seed), str(seconds), str(home)]
    # Arrow's own allocator and a heap a thread reserve gigabytes that nobody uses, and would count.
    quiet = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    return subprocess.run(command, env=os.environ | quiet, cwd=project_root(), capture_output=True, text=True, errors="replace")


def _kept(home: Path, folder: Path, number: int, ended: subprocess.CompletedProcess[str]) -> list[str]:
    """Copy what a worker left; returns a sentence each."""
    told = {path.with_suffix(".bin"): json.loads(path.read_text()) for path in sorted(home.glob("finding-*.json"))}
    sentences = {path: f"{found['what']} ({found['place']})" for path, found in told.items()}
    sentences |= {path: text for kind, text in _ENDS.items() for path in sorted(home.glob(f"{kind}-*"))}
    if ended.returncode and not sentences:
        sentences[home / "worker.log"] = f"Crash: the worker ended with {ended.returncode} and no input to blame"
    if sentences:
        folder.mkdir(parents=True, exist_ok=True)
        (home / "worker.log").write_text(ended.stderr)
        shutil.copy(home / "worker.log", folder / f"{number}-worker.log")
    for path in sentences:
        shutil.copy(path, folder / f"{number}-{path.name}")
    return [f"{text}: {folder / f'{number}-{path.name}'}" for path, text in sentences.items()]


def _in_memory() -> str | None:
    """Files of inputs need no disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
