"""Every network collected for ten minutes from a stand-in with its faults, and its frames taken through the whole pipeline.

One process: the stand-in in a thread, a collector a network in one event loop, people masked as always. The stand-in's cameras
take a picture every 20 s, whatever the real ones do, so that ten minutes hold thirty; the operators' limits are those of the
real ones. Every frame that was due is stored, or lies in ``gaps``, or is told here. Then a minute at a frame a second, set back
by three days, goes from the spool to the marts.

Run with ``python benchmarks/networks.py``; the result goes to benchmarks/results/networks.json.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for the made networks beside the tests
PERIOD_S = 20.0
TABLES = ("raw_frames", "detections", "crops", "features", "tracks", "passages", "matches", "journeys", "flows", "data_quality")


def pipeline(names: tuple[str, ...], seconds: float) -> dict[str, dict]:
    """Rows of every table that a network's minute leads to, and how long that took."""
    from cctview_pipeline.cameras.attribution import attributions
    from cctview_pipeline.policy import Policy
    from cctview_pipeline.redaction.masking import Masker
    from cctview_pipeline_tests.factories.network_runs import How, play, rows_of, through_pipeline

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = play(names, Path(folder), How(seconds=seconds, masker=Masker.of(Policy())))
        for name, run in runs.items():
            began = time.monotonic()
            lake = through_pipeline(name, run, Path(folder) / name / "pipeline")
            campaign = lake.require_campaign()
            found[name] = {
                "rows": rows_of(lake, TABLES),
                "seconds": round(time.monotonic() - began, 1),
                "attribution": list(attributions(campaign)),
                "account": {key: run.account[key] for key in ("due", "stored", "in_gaps", "single_between_two", "lost", "twice")},
            }
    return found


def main() -> None:
    from cctview_pipeline.policy import Policy
    from cctview_pipeline.redaction.masking import Masker
    from cctview_pipeline_tests.factories.network_runs import NAMES, How, play
    from cctview_pipeline_tests.factories.stand_in import KEY

    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--pipeline-seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    os.environ |= {"CCTVIEW_FIVE_ONE_ONE_KEY": KEY, "CCTVIEW_CAMERAS_KEY": KEY}
    load, results = os.getloadavg()[0], {}
    with tempfile.TemporaryDirectory() as folder:
        how = How(seconds=arguments.seconds, period_s=PERIOD_S, hurried=False, masker=Masker.of(Policy()))
        runs = play(NAMES, Path(folder), how)
        for name, run in runs.items():
            frames = run.engine.frames
            told = {"read": frames.readings.asked, "in_vain": dict(frames.readings.reasons)} if frames else None
            results[name] = run.account | {
                "cameras": len(run.ids),
                "seconds": round(run.ended - run.began, 1),
                "list": run.listed.said(),
                "frame_list": told,
                "faults": dict(run.played.answers),
            }
    for name, through in pipeline(NAMES, arguments.pipeline_seconds).items():
        results[name]["pipeline"] = through
    written = {
        "command": "python benchmarks/networks.py",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {n: version(n) for n in ("aiohttp", "openvino", "pillow", "dagster")} | {"python": platform.python_version()},
        "load_before": round(load, 1),
        "period_s": PERIOD_S,
        "results": results,
    }
    print(json.dumps(written, indent=2))
    (ROOT / "benchmarks" / "results" / "networks.json").write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
