"""What a user waits for before anything happens, beside another checkout, in one run on one machine.

- definitions: CPU seconds and memory of a process that loads the code location for the lake of a small campaign;
- help: CPU seconds of `cctview --help`;
- first body: CPU seconds of a run's process until the body of its first asset begins;
- backfill: `cctview backfill` of 60 frames of one camera on an empty lake, whole command;
- code server: memory of the process that serves the definitions to Dagster's UI and daemon;
- tests (with --tests): `make test`, after everything is installed, and `make test-all` where there is one.

CPU seconds include all processes that a command started and waited for: on a shared machine they are steadier than the clock.

    python benchmarks/start.py --beside ../before      # a checkout of another commit with an environment of its own in .venv
"""

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CAMERA = "735-683-N"
LOAD = "from cctview_pipeline.definitions import defs as d; (d() if callable(d) else d).get_repository_def()"
FIRST_BODY = re.compile(r"raw_frames \S+ \S+ \(1 of 1\)")


def run(checkout: Path, folder: Path, *command: str | Path) -> dict[str, float]:
    """Wall and CPU seconds of a command that must succeed."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment(checkout, folder), cwd=checkout, capture_output=True, text=True)
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} in {checkout} failed: {done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"s": round(seconds, 2), "cpu_s": round(cpu, 2)}


def environment(checkout: Path, folder: Path) -> dict[str, str]:
    mine = {"CCTVIEW_LAKE": f"{folder}/lake", "DAGSTER_HOME": f"{folder}/dagster", "CCTVIEW_AUDIT": f"{folder}/audit.jsonl"}
    mine |= {"CCTVIEW_KEYS": f"{folder}/keys"}
    return os.environ | mine | {"PYTHONPATH": str(checkout)}


def python(checkout: Path) -> Path:
    return checkout / ".venv" / "bin" / "python"


def peak_mib(checkout: Path, folder: Path, program: str) -> float:
    """The most memory that a process of its own had."""
    say = f"{program}; import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    command = [python(checkout), "-c", say]
    done = subprocess.run(command, env=environment(checkout, folder), cwd=checkout, capture_output=True, text=True, check=True)
    return round(float(done.stdout.split()[-1]))


def first_body(checkout: Path, folder: Path) -> float:
    """CPU seconds of `dagster asset materialize` until raw_frames says which partition it begins with."""
    words = ["-m", "dagster", "asset", "materialize", "-m", "cctview_pipeline.definitions", "--select", "raw_frames"]
    command = [python(checkout), *words, "--partition", f"{CAMERA}|2020-05-05T17"]
    options = {"env": environment(checkout, folder), "cwd": checkout, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **options) as process:
        for line in process.stderr:
            if FIRST_BODY.search(line):
                fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
                process.stderr.read()
                return round((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), 2)
    raise SystemExit(f"raw_frames was not begun in {checkout}.")


def server_mib(checkout: Path, folder: Path) -> float:
    """Resident memory of a code server that has loaded the definitions."""
    socket = folder / "socket"
    words = ["-m", "dagster", "api", "grpc", "--module-name", "cctview_pipeline.definitions", "--socket", str(socket)]
    options = {"env": environment(checkout, folder), "cwd": checkout, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen([python(checkout), *words], text=True, **options) as process:
        try:
            next(line for line in process.stdout if "Started Dagster code server" in line)
            (kib,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        finally:
            process.kill()
    return round(int(kib) / 1024)


def measure(checkout: Path, folder: Path, archive: Path) -> dict:
    folder.mkdir()
    cctview = (python(checkout), "-m", "cctview_pipeline")
    found = {"backfill": run(checkout, folder, *cctview, "backfill", "--path", archive, "--purpose", "benchmark")}
    found["definitions"] = run(checkout, folder, python(checkout), "-c", LOAD) | {"peak_mib": peak_mib(checkout, folder, LOAD)}
    found["help"] = run(checkout, folder, *cctview, "--help")
    found["first body"] = {"cpu_s": first_body(checkout, folder)}
    found["code server"] = {"mib": server_mib(checkout, folder)}
    return found


def median(rounds: list[dict]) -> dict:
    return {
        what: {name: round(statistics.median(each[what][name] for each in rounds), 2) for name in values}
        for what, values in rounds[0].items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, required=True, help="A checkout of another commit, installed.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tests", action="store_true", help="Run the tests of both, too.")
    chosen = parser.parse_args()
    sys.path.insert(0, str(ROOT))  # for the maker of frames beside the tests
    from cctview_pipeline_tests.factories.archive import make_archive

    checkouts = {"before": chosen.beside.resolve(), "after": ROOT}
    rounds: dict[str, list[dict]] = {name: [] for name in checkouts}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        make_archive(folder / "archive", (CAMERA,), frames=60)
        for number in range(chosen.rounds):
            for name, checkout in checkouts.items():
                rounds[name].append(measure(checkout, folder / f"{name}-{number}", folder / "archive"))
                print(number, name, rounds[name][-1], flush=True)
        results = {name: median(each) for name, each in rounds.items()}
        if chosen.tests:
            for name, checkout in checkouts.items():
                results[name]["make test"] = run(checkout, folder, "make", "test")
            results["after"]["make test-all"] = run(ROOT, folder, "make", "test-all")
    both = results["before"].keys() & results["after"].keys()
    ratios = {
        what: {name: round(results["before"][what][name] / value, 2) for name, value in results["after"][what].items()}
        for what in results["after"]
        if what in both
    }
    commits = {
        name: subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=path, capture_output=True, text=True).stdout.strip()
        for name, path in checkouts.items()
    }
    report = {
        "command": f"python benchmarks/start.py --beside DIR --rounds {chosen.rounds}{' --tests' if chosen.tests else ''}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {name: version(name) for name in ("dagster", "pyarrow")} | {"python": platform.python_version()},
        "commits": commits,
        "results": results,
        "before / after": ratios,
    }
    (ROOT / "benchmarks" / "results" / "start.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
