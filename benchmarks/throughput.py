"""What a camera-hour takes: seconds, bytes and rows of each table, of the published hour as `cctview backfill` makes it.

`cctview deploy plan` reckons with these figures where a lake has none of its own. Seconds are those that runs took, two at a time
with a core each; the processor's time of the whole command, Dagster's included, is shared out over the tables by them. What
Dagster's database grows by is benchmarks/deployment.py's, by its result.

    python benchmarks/throughput.py [--data DATA]        # ../shared/data/nyc-fdr
    python benchmarks/throughput.py --lake LAKE          # of the hour, made already: with the seconds of real-hour.json

The result goes to cctview_pipeline/deployment/published_hour.json, which is installed with the package.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from cctview_pipeline.lake import Lake

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "cctview_pipeline" / "deployment" / "published_hour.json"
REAL_HOUR, DEPLOYMENT = (ROOT / "benchmarks" / "results" / f"{name}.json" for name in ("real-hour", "deployment"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "nyc-fdr")
    parser.add_argument("--lake", type=Path)
    asked = parser.parse_args()
    data = asked.data.absolute()
    if not asked.lake and not data.exists():
        raise SystemExit(f"The published hour is not at {data}: name its folder by --data.")
    with tempfile.TemporaryDirectory() as folder:
        if asked.lake:
            lake, cpu = Lake(str(asked.lake)), json.loads(REAL_HOUR.read_text())["results"]["as users run it"]["seconds"]["cpu"]
        else:
            lake, cpu = made(data, Path(folder))
        tables, camera_hours, frames = measured(lake)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    total = sum(each["seconds"] for each in tables.values())
    for each in tables.values():
        each["core_seconds"] = round(cpu * each["seconds"] / total / each["partitions"], 4)
        for name in ("seconds", "bytes", "rows"):
            each[name] = round(each[name] / each["partitions"], 3)
    found = {
        "command": f"python benchmarks/throughput.py {'--lake LAKE' if asked.lake else '--data DATA'}",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "of": "the published hour of FDR Drive, 352 x 240",
        "camera_hours": camera_hours,
        "frames_a_camera_hour": round(frames / camera_hours, 1),
        "cpu_seconds": round(cpu, 1),
        "seconds_of_runs": round(total, 1),
        "a_partition": tables,
        "dagster": growth(),
    }
    RESULT.write_text(json.dumps(found, indent=2) + "\n")
    print(RESULT.read_text())


def growth() -> dict[str, float | str]:
    """What a camera-hour adds to PostgreSQL: of the result of benchmarks/deployment.py, or as it was."""
    if not DEPLOYMENT.exists():
        return json.loads(RESULT.read_text())["dagster"]
    name, size = max(json.loads(DEPLOYMENT.read_text())["results"].items(), key=lambda each: int(each[0].split()[0]))
    grown = {key: size["growth"][key] for key in ("rows_a_camera_hour", "bytes_a_camera_hour")}
    return grown | {"source": f"a simulated day of {name} on PostgreSQL (benchmarks/deployment.py, {size['at'][:10]})"}


def made(data: Path, folder: Path) -> tuple[Lake, float]:
    """The lake, and the processor's seconds of all processes that made it."""
    environment = os.environ | {"CCTVIEW_LAKE": str(folder / "lake"), "DAGSTER_HOME": str(folder / "dagster")}
    command = [sys.executable, "-m", "cctview_pipeline", "backfill", "--network", "archive", "--path", str(data)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Lake(str(folder / "lake")), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(lake: Lake) -> tuple[dict[str, dict[str, float]], int, int]:
    """Table -> sums over its partitions; camera-hours; frames."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(("partitions", "rows", "bytes", "seconds"), 0))
    for place in lake.partitions("throughput"):
        for row in lake.read("throughput", place).to_pylist():
            for name in sums[row["asset"]]:
                sums[row["asset"]][name] += row[name]
    return dict(sums), int(sums["raw_frames"]["partitions"]), int(sums["raw_frames"]["rows"])


if __name__ == "__main__":
    main()
