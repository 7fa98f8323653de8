"""How long the marts of one day take, and how much memory: generated tables of 6, 250 and 1,000 cameras.

Every camera has a coverage without gaps and, on each carriageway, ``--vehicles`` passages an hour, nearly all of which are
matched with the camera before; corridors have 25 cameras. What is generated is not measured. Each size runs in a
process of its own.

    python benchmarks/marts.py [--cameras 6 250 1000] [--vehicles 300]
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.analytics.marts.day import Day
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import HOUR, Camera, Campaign
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import key
from cctview_pipeline.lake.schemas import schema_of

RESULT = Path(__file__).parent / "results" / "marts.json"
DAY = date(2026, 5, 5)
START = datetime(2026, 5, 5, 4, tzinfo=UTC)
"""New York's midnight."""
CORRIDOR = 25
WAY_S = 36.0


def campaign_of(cameras: int) -> Campaign:
    places = [
        Camera(
            id=f"cam-{n:04d}",
            name=f"Camera {n}",
            latitude=40 + n % CORRIDOR * 0.0045,
            longitude=-74 + n // CORRIDOR * 0.01,
            faces="north",
            corridor=f"road-{n // CORRIDOR}",
            order=n,
        )
        for n in range(cameras)
    ]
    return Campaign(name="generated", network="archive", start=START, end=START + 24 * HOUR, cameras=tuple(places))


def write(lake: Lake, campaign: Campaign, vehicles: int) -> None:
    """Vehicle n of an hour and carriageway passes the cameras one after the other, WAY_S apart."""
    random = np.random.default_rng(0)
    for number in range(24):
        hour, journeys = START + number * HOUR, []
        begin = int(hour.timestamp() * 1e6)
        times = {side: np.sort(random.integers(0, 3_400_000_000, vehicles)) for side in "NS"}
        labels = random.choice(["car", "truck", "bus"], vehicles, p=[0.9, 0.07, 0.03])
        for place, camera in enumerate(campaign.cameras):
            passages, matches = [], []
            for side in "NS":
                step = place % CORRIDOR if side == "N" else CORRIDOR - 1 - place % CORRIDOR
                ids = np.char.add(f"{camera.id}--{number}--{side}", np.arange(vehicles).astype(str))
                before = (
                    campaign.cameras[place - 1 if side == "N" else place + 1].id
                    if step and 0 < place + 1 < len(campaign.cameras)
                    else ""
                )
                passages.append(_passages(camera.id, side, ids, begin + times[side] + int(step * 4e6), labels, random))
                if before:
                    matches.append(
                        _matches(ids, np.char.add(f"{before}--{number}--{side}", np.arange(vehicles).astype(str)), before)
                    )
            here = Partition.camera_hour(camera.id, hour)
            _put(lake, "passages", here, pa.concat_tables(passages))
            _put(lake, "matches", here, pa.concat_tables([schema_of("matches").empty_table(), *matches]))
            _put(lake, "coverage", here, _coverage(camera.id, hour))
            _put(lake, "vehicles_in_view", here, _in_view(camera.id, hour, vehicles))
        _put(lake, "journeys", Partition.of_hour(hour), pa.Table.from_pylist(journeys, schema_of("journeys")))


def _passages(
    camera: str, side: str, ids: np.ndarray, times: np.ndarray, labels: np.ndarray, random: np.random.Generator
) -> pa.Table:
    count, at = len(ids), pa.array(times, pa.timestamp("us", "UTC"))
    lists = pa.ListArray.from_arrays(pa.array(np.arange(count + 1), pa.int32()), pa.array(ids.tolist(), pa.string()))
    columns = {
        "track_id": ids.tolist(),
        "track_ids": lists.cast(schema_of("passages").field("track_ids").type),
        "camera_id": [camera] * count,
        "passed_at": at,
        "beyond_m": np.zeros(count, np.float32),
        "carriageway": [side] * count,
        "label": labels.tolist(),
        "label_probability": np.full(count, 0.9, np.float32),
        "speed_kmh": random.normal(50, 5, count).astype(np.float32),
        "speed_kmh_error": np.full(count, 2, np.float32),
        "first_seen": at,
        "last_seen": at,
        "model": ["generated"] * count,
    }
    return pa.table(columns, schema_of("passages"))


def _matches(ids: np.ndarray, earlier: np.ndarray, before: str) -> pa.Table:
    """The right one, and two further candidates, as a matcher keeps them."""
    count, ranks = len(ids), np.repeat([1, 2, 3], len(ids))
    same = np.concatenate([earlier, np.roll(earlier, 1), np.roll(earlier, 2)])
    columns = {
        "query_track_id": np.tile(ids, 3).tolist(),
        "gallery_track_id": same.tolist(),
        "gallery_camera_id": [before] * 3 * count,
        "rank": ranks.astype(np.int32),
        "distance": np.full(3 * count, 0.5, np.float32),
        "metric": ["euclidean"] * 3 * count,
        "gap_s": np.full(3 * count, 30, np.float32),
        "implied_speed_kmh": np.full(3 * count, 50, np.float32),
        "probability": np.where(ranks == 1, 0.9, 0.05).astype(np.float32),
        "assigned": ranks == 1,
        "margin": np.full(3 * count, 0.8, np.float32),
    }
    return pa.table(columns, schema_of("matches"))


def _coverage(camera: str, hour: datetime) -> pa.Table:
    zero = dict.fromkeys((field.name for field in schema_of("coverage") if field.name.endswith("_s")), 0.0)
    row = {"camera_id": camera, "frames": 530, **zero, "live_s": 900.0, "coverage": 1.0, "frames_per_s": 0.6, "views": 1}
    rows = [row | {"began_at": hour + part * timedelta(minutes=15)} for part in range(4)]
    return pa.Table.from_pylist(rows, schema_of("coverage"))


def _in_view(camera: str, hour: datetime, vehicles: int) -> pa.Table:
    row = {"camera_id": camera, "vehicle_s": 7.0 * vehicles / 4, "dwell_s": 7.0}
    rows = [row | {"began_at": hour + part * timedelta(minutes=15), "carriageway": side} for part in range(4) for side in "NS"]
    return pa.Table.from_pylist(rows, schema_of("vehicles_in_view"))


def _put(lake: Lake, table: str, place: Partition, rows: pa.Table) -> None:
    """Without waiting for the disk, which is not measured here."""
    path = Path(lake.storage.path(key(table, place)))
    path.parent.mkdir(parents=True)
    pq.write_table(rows, path, compression="ZSTD")


def measure(lake: Lake, campaign: Campaign) -> dict:
    begun, seconds, rows = time.perf_counter(), {}, {}
    with Day(lake, campaign, calendar_of(campaign), DAY) as day:
        _ = day.database
        seconds["reading"] = time.perf_counter() - begun
        for name in MARTS:
            since = time.perf_counter()
            found = day.build(name)
            seconds[name], rows[name] = time.perf_counter() - since, found.num_rows
        [(passages,)] = day.database.sql("SELECT count(*) FROM passages").fetchall()
    return {
        "cameras": len(campaign.cameras),
        "passages": passages,
        "seconds": round(time.perf_counter() - begun, 1),
        "seconds_by_mart": {name: round(value, 2) for name, value in seconds.items()},
        "rows": rows,
        "most_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cameras", type=int, nargs="+", default=[6, 250, 1000])
    parser.add_argument("--vehicles", type=int, default=300, help="of a camera's carriageway, an hour")
    parser.add_argument("--lake", help=argparse.SUPPRESS)  # of a process that measures
    chosen = parser.parse_args()
    if chosen.lake:
        print(json.dumps(measure(Lake(chosen.lake), campaign_of(chosen.cameras[0]))))
        return
    found = []
    for cameras in chosen.cameras:
        with tempfile.TemporaryDirectory() as folder:
            write(Lake(f"{folder}/lake"), campaign_of(cameras), chosen.vehicles)
            command = [sys.executable, __file__, "--cameras", str(cameras), "--lake", f"{folder}/lake"]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found.append(json.loads(out))
            print(json.dumps(found[-1]), flush=True)
    machine = {
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
    }
    RESULT.write_text(json.dumps({"command": " ".join(sys.argv), "machine": machine, "sizes": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
