"""How long the definitions take to load, and a backfill to launch, as a campaign grows.

For 6, 60 and 250 cameras over 14 days, each in processes of its own:

- load: import of cctview_pipeline.definitions, all assets resolved;
- plan: finding out what is missing in an empty lake;
- launch: until the backfill of everything is in Dagster's storage;
- first run: until the daemon has resolved the backfill and queued its first run (its own start included).

Run with `make benchmark`; the result goes to benchmarks/results/partitions.json.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DAYS = 14
SIZES = (6, 60, 250)


def measure_one() -> None:
    """In a process of its own, with CCTVIEW_LAKE and DAGSTER_HOME set: print the seconds as JSON."""
    begin = time.perf_counter()
    from cctview_pipeline.definitions import build_definitions
    from cctview_pipeline.resources.lake import open_lake

    campaign = open_lake().require_campaign()
    graph = build_definitions(campaign).get_repository_def().asset_graph
    seconds = {"load_s": time.perf_counter() - begin}

    import dagster as dg

    from cctview_pipeline.automation.instance import prepare_home, running_daemon
    from cctview_pipeline.backfill import launch as backfill

    prepare_home()
    with dg.DagsterInstance.get() as instance:
        begin = time.perf_counter()
        plan = backfill.whole_plan(campaign, [camera.id for camera in campaign.cameras], campaign.hours())
        todo = backfill.missing_plan(plan, campaign, open_lake(), instance)
        seconds["plan_s"] = time.perf_counter() - begin
        with running_daemon(instance):
            begin = time.perf_counter()
            backfill.launch(instance, graph, todo, "benchmark")
            seconds["launch_s"] = time.perf_counter() - begin
            while not instance.get_runs_count():
                time.sleep(0.1)
            seconds["first_run_s"] = time.perf_counter() - begin
    print(json.dumps({"partitions": backfill.count(todo), **{name: round(value, 2) for name, value in seconds.items()}}))


def make_lake(folder: Path, cameras: int) -> None:
    """A lake with a campaign of so many made-up cameras, and no tables."""
    from cctview_pipeline.campaign import Camera, Campaign
    from cctview_pipeline.lake import Lake

    start = datetime(2020, 5, 1, tzinfo=UTC)
    made_up = tuple(
        Camera(
            id=f"camera-{i}",
            name=f"Camera {i}",
            latitude=40.9 - i / 1000,
            longitude=-73.9,
            faces="north",
            corridor="road",
            order=i,
        )
        for i in range(cameras)
    )
    Lake(str(folder / "lake")).write_campaign(
        Campaign(
            name="benchmark",
            network="archive",
            start=start,
            end=start + timedelta(days=DAYS),
            cameras=made_up,
            path=str(folder / "archive"),
        )
    )


def main() -> None:
    argparse.ArgumentParser(description="How long definitions load, and a backfill launches, as a campaign grows.").parse_args()
    results = {}
    for cameras in SIZES:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            make_lake(Path(folder), cameras)
            environment = os.environ | {"CCTVIEW_LAKE": f"{folder}/lake", "DAGSTER_HOME": f"{folder}/dagster"}
            command = [sys.executable, __file__, "one"]
            done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
            results[f"{cameras} cameras x {DAYS} days"] = json.loads(done.stdout.splitlines()[-1])
            print(cameras, results[f"{cameras} cameras x {DAYS} days"], flush=True)
    report = {
        "command": "make benchmark (benchmarks/partitions.py)",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("dagster", "pyarrow")} | {"python": platform.python_version()},
        "results": results,
    }
    (ROOT / "benchmarks" / "results" / "partitions.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    measure_one() if sys.argv[1:] == ["one"] else main()
