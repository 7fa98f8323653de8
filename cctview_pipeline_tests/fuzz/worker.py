"""One target in a process of its own, whose end is the worst that an input can do: ``worker TARGET SEED SECONDS FOLDER``."""

import json
import os
import random
import resource
import sys
import time
from pathlib import Path

import atheris

WATCHED = ("cctview_pipeline", "PIL", "zipfile", "tomllib", "json")
HANGING_S = 60
"""Of the clock, after which libFuzzer ends the process: something waits. A busy machine may leave a process alone for ten."""
MINIMISED_S = 3.0

with atheris.instrument_imports(include=list(WATCHED), enable_loader_override=False):
    from cctview_pipeline_tests.fuzz.mutation import mutated
    from cctview_pipeline_tests.fuzz.planted import PLANTED
    from cctview_pipeline_tests.fuzz.target import LONGEST, MAX_BYTES, Finding, Reader, Target, execute
    from cctview_pipeline_tests.fuzz.targets import TARGETS


def main(name: str, seed: str, seconds: str, folder: str) -> None:
    target, home = (TARGETS | PLANTED)[name], Path(folder)
    inputs, files = home / "inputs", home / "files"
    inputs.mkdir()
    files.mkdir()
    with atheris.instrument_imports(include=list(WATCHED), enable_loader_override=False):
        seeds, read = list(target.corpus()), target.open(files)
    for number, data in enumerate(seeds):
        (inputs / f"seed-{number:03d}").write_bytes(data[:LONGEST])
    known: set[tuple[str, str]] = set()

    def one(data: bytes) -> None:
        if (found := execute(read, data, target.own)) and found.key not in known:
            known.add(found.key)
            _keep(home, _minimised(read, target, found))

    for data in seeds:
        execute(read, data[:LONGEST], target.own)  # what is loaded at the first use counts as there before
        one(data[:LONGEST])

    def mutate(data: bytes, most: int, number: int) -> bytes:
        dice = random.Random(number)
        return atheris.Mutate(data, most) if dice.random() < 0.5 else mutated(data, dice, seeds, target.tokens, most)

    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MAX_BYTES,) * 2)
    limits = [f"-max_total_time={seconds}", f"-timeout={HANGING_S}", "-rss_limit_mb=0", f"-max_len={LONGEST}"]
    told = [f"-seed={seed}", "-print_final_stats=1", "-verbosity=1", "-detect_leaks=0", f"-artifact_prefix={home}/"]
    atheris.Setup([sys.argv[0], *limits, *told, str(inputs)], one, custom_mutator=mutate)
    atheris.Fuzz()


def _minimised(read: Reader, target: Target, found: Finding) -> Finding:
    """The same finding by less, as far as a few seconds go: ever smaller pieces are left out."""
    until, piece = time.monotonic() + MINIMISED_S, len(found.data) // 2
    while piece and time.monotonic() < until:
        at = 0
        while at < len(found.data) and time.monotonic() < until:
            less = execute(read, found.data[:at] + found.data[at + piece :], target.own)
            if less and less.key == found.key:
                found = less
            else:
                at += piece
        piece //= 2
    return found


def _keep(home: Path, found: Finding) -> None:
    number = len(list(home.glob("finding-*.json")))
    (home / f"finding-{number}.bin").write_bytes(found.data)
    (home / f"finding-{number}.json").write_text(json.dumps({"what": found.what, "place": found.place}))


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(*sys.argv[1:])
