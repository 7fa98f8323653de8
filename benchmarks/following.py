"""How vehicles are followed within a camera, tracker beside tracker on the same boxes: IDF1, and links of one vehicle and of two.

    python benchmarks/following.py NAME=LAKE [NAME=LAKE ...]

LAKE: of the synthetic city, backfilled with any tracker; its detections and features are followed anew by this checkout's, which
is what is measured. To set two trackers side by side run it from two checkouts (``PYTHONPATH``): what each measures goes to
benchmarks/results/following.json under its own version, beside what the others did. A link is two boxes that follow each
other in a track; those count both of whose boxes lie on vehicles that count (evaluate/truth.py).
"""

import argparse
import json
import os
import platform
import time
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
from rich.progress import track as shown
from threadpoolctl import threadpool_limits

from cctview_pipeline.evaluate.reading import CameraResults, read_camera
from cctview_pipeline.evaluate.tracking import tracking_rows
from cctview_pipeline.evaluate.truth import assign
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.track.tracker import VERSION, track
from cctview_pipeline.track.views import views

RESULT = Path(__file__).resolve().parent / "results" / "following.json"
FRAMES = ["frame_id", "captured_at", "width", "height"]


def followed(results: CameraResults, lake: Lake, partition: Partition) -> tuple[np.ndarray, np.ndarray, float]:
    """Of every box that was found the number of its track, or -1; (L, 2) boxes that follow each other; and CPU seconds."""
    tables = {name: lake.read(name, partition) for name in ("detections", "features")}
    tables["raw_frames"] = lake.read("raw_frames", partition, FRAMES)
    row = {name: number for number, name in enumerate(results.found.ids)}
    numbers, links, count, began = np.full(len(row), -1), [], 0, time.process_time()
    for view in views(tables):
        for rows in track(view.seen).tracks:
            boxes = [row[view.seen.ids[each]] for each in rows]
            numbers[boxes], count = count, count + 1
            links += pairwise(boxes)
    return numbers, np.array(links, np.int64).reshape(-1, 2), time.process_time() - began


def measured(lake: Lake) -> dict[str, float]:
    campaign, cameras, one, two, seconds = lake.campaign(), [], 0, 0, 0.0
    for camera in shown(campaign.cameras, description=campaign.name):
        for hour in campaign.hours():
            results = read_camera(lake, camera.id, [hour])
            numbers, links, took = followed(results, lake, Partition.camera_hour(camera.id, hour))
            alone = replace(results.found, track=np.zeros(len(numbers), np.int64))
            hit = assign(results.truth, alone, len(results.times)).hit
            links = links[(hit[links] >= 0).all(1)]
            same = results.truth.vehicle[hit[links[:, 0]]] == results.truth.vehicle[hit[links[:, 1]]]
            one, two, seconds = one + int(same.sum()), two + int((~same).sum()), seconds + took
            found = replace(results.found, track=numbers)
            cameras.append(replace(results, found=found, assignment=assign(results.truth, found, len(results.times))))
    rows = {row.metric: row.value for row in tracking_rows(cameras) if row.scope == "all"}
    figures = {name: round(rows[name] or 0.0, 4) for name in ("IDF1", "HOTA", "AssA", "ID_switches")}
    return figures | {"links_of_one_vehicle": one, "links_of_two": two, "cpu_seconds": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lakes", nargs="+", metavar="NAME=LAKE")
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    mine = known.setdefault(VERSION, {})
    for name, _, uri in (each.partition("=") for each in parser.parse_args().lakes):
        with threadpool_limits(1):
            mine[name] = measured(Lake(uri)) | {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "load": round(os.getloadavg()[0], 1)}
        print(VERSION, name, mine[name])
        known["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, one of them used"
        known["versions"] = {name: version(name) for name in ("numpy", "scipy", "pyarrow", "trackeval")}
        known["command"] = "python benchmarks/following.py NAME=LAKE ..."
        RESULT.write_text(json.dumps(known, indent=2) + "\n")


if __name__ == "__main__":
    main()
