"""Fuzz readers of outside bytes: ``python -m cctview_pipeline_tests.fuzz --seconds 60 --target all --seed 1``.

What is found lies in var/fuzz/TARGET/, minimised. Exits with 1 when something was found.
"""

import argparse
import json
import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from cctview_pipeline.paths import project_root
from cctview_pipeline_tests.fuzz.runner import Outcome, fuzzed
from cctview_pipeline_tests.fuzz.targets import TARGETS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="of every target")
    parser.add_argument("--target", default="all", help=f"all, or of {', '.join(TARGETS)}, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=project_root() / "var" / "fuzz", help="where findings are kept")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="targets at a time; one a core as a rule")
    parser.add_argument("--results", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    names = list(TARGETS) if arguments.target == "all" else arguments.target.split(",")
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"there is no target named '{unknown[0]}': known are {', '.join(TARGETS)}")
    print(f"{'target':16}{'executions':>12}{'a second':>10}{'corpus':>8}{'findings':>10}")
    with ThreadPoolExecutor(arguments.jobs) as pool:  # each waits for a process of its own
        fuzzing = pool.map(lambda name: fuzzed(name, arguments.seconds, arguments.seed, arguments.findings), names)
        outcomes = [_told(outcome) for outcome in fuzzing]
    found = sum(len(outcome.findings) for outcome in outcomes)
    print(f"{sum(outcome.executions for outcome in outcomes):,} executions, {found} findings")
    if arguments.results:
        command = f"python -m cctview_pipeline_tests.fuzz --seconds {arguments.seconds} --seed {arguments.seed}"
        machine = f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores"
        versions = {name: version(name) for name in ("atheris", "pillow", "pyarrow")} | {"python": platform.python_version()}
        figures = {outcome.target: vars(outcome) for outcome in outcomes}
        told = {"command": command, "machine": machine, "versions": versions, "results": figures}
        arguments.results.write_text(json.dumps(told, indent=2) + "\n")
    sys.exit(found > 0)


def _told(outcome: Outcome) -> Outcome:
    rate = outcome.executions / max(outcome.seconds, 1e-3)
    print(f"{outcome.target:16}{outcome.executions:12,}{rate:10,.0f}{outcome.corpus:8,}{len(outcome.findings):10}", flush=True)
    for finding in outcome.findings:
        print(f"  {finding}", flush=True)
    return outcome


if __name__ == "__main__":
    main()
