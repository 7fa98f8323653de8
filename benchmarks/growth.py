"""How long matching takes, and how it grows with the number of cameras.

Cameras in a row, 800 m apart, see an hour of made traffic: VEHICLES a carriageway pass each, of which four in five saw the camera
before. Tables are as the lake has them, with a feature a detection. Seconds are CPU time of one core, of one process that
measures all sizes one after the other, and the smallest again at the end: what differs between the two is the machine.

Run with ``python benchmarks/growth.py [--lake LAKE]``; with a lake also its first hour of all cameras, as the asset
``matches`` makes it. The result goes to benchmarks/results/growth.json.
"""

import argparse
import json
import os
import platform
import time
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from cctview_pipeline.campaign import Camera, floor_hour
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.match.tables import match_tracks
from cctview_pipeline.resources.lake import open_lake
from cctview_pipeline.resources.understood import understood
from cctview_pipeline.roads import Edge, RoadNetwork

ROOT = Path(__file__).resolve().parent.parent
CAMERAS = (6, 12, 25, 50)
VEHICLES, STAYS, METRES, METRES_A_SECOND, HOUR_S = 2300, 0.8, 800.0, 25.0, 3600.0
DIMENSION = 384
BEGIN = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Passing:
    """N vehicles that pass a camera on one carriageway. passed: s of the hour; pace, size: logarithms; looks: (N, DIMENSION)."""

    passed: np.ndarray
    pace: np.ndarray
    size: np.ndarray
    looks: np.ndarray

    @classmethod
    def new(cls, count: int, rng: np.random.Generator) -> "Passing":
        passed = np.sort(rng.uniform(15, HOUR_S - 10, count))
        pace, size = 0.1 * rng.normal(size=count), 0.4 * rng.normal(size=count)
        return cls(passed=passed, pace=pace, size=size, looks=rng.normal(size=(count, DIMENSION)).astype(np.float32))

    def at_the_next(self, rng: np.random.Generator) -> "Passing":
        """Those that stay on the road and arrive within the hour, and others that come by a ramp."""
        took = METRES / METRES_A_SECOND * np.exp(0.03 * rng.normal(size=len(self.passed)) - self.pace)
        stay = (rng.random(len(self.passed)) < STAYS) & (self.passed + took < HOUR_S - 10)
        others = Passing.new(VEHICLES - int(stay.sum()), rng)
        columns = {f.name: np.concatenate([getattr(self, f.name)[stay], getattr(others, f.name)]) for f in fields(self)}
        columns["passed"][: stay.sum()] += took[stay]
        return Passing(**columns)


def road(cameras: int) -> list[dict[str, Passing]]:
    """By camera, from south to north, and carriageway."""
    rng = np.random.default_rng(0)
    found: list[dict[str, Passing]] = [{} for _ in range(cameras)]
    for side, order in (("N", found), ("S", found[::-1])):
        now = Passing.new(VEHICLES, rng)
        for camera in order:
            camera[side] = now
            now = now.at_the_next(rng)
    return found


def tables(number: int, sides: dict[str, Passing]) -> tuple[pa.Table, pa.Table]:
    """A camera's tracks and features."""
    rng = np.random.default_rng(number)
    side = np.repeat(list(sides), VEHICLES)
    passed, pace, size, looks = (np.concatenate([getattr(each, f.name) for each in sides.values()]) for f in fields(Passing))
    lengths = rng.integers(2, 12, len(passed))
    ids = [[f"{number}-{track}-{place}" for place in range(length)] for track, length in enumerate(lengths)]
    noise = lambda std: std * rng.normal(size=len(passed))  # noqa: E731
    columns = {
        "track_id": [f"{number}-{track}" for track in range(len(passed))],
        "camera_id": [f"cam-{number}"] * len(passed),
        "detection_ids": ids,
        "sizes": [[30.0] * length for length in lengths],
        "first_seen": _times(passed - 0.9 * lengths),
        "last_seen": _times(passed + 0.9 * lengths),
        "passed_at": _times(passed),
        "carriageway": side,
        "parked": np.zeros(len(passed), bool),
        "pace": np.exp(pace + noise(0.05)),
        "pace_error": np.full(len(passed), 0.06),
        "lane": noise(1.0),
        "relative_size": size + noise(0.1),
        "label": np.where(size > 0.5, "truck", "car"),
    }
    schema = schema_of("tracks")
    filled = {"string": "", "float": 0.0}
    arrays = [
        pa.array(columns[f.name], f.type)
        if f.name in columns
        else pa.nulls(len(passed), f.type)
        if f.nullable
        else pa.array([filled[str(f.type)]] * len(passed), f.type)
        for f in schema
    ]
    owner = np.repeat(np.arange(len(passed)), lengths)
    vectors = looks[owner] + 1.5 * rng.normal(size=looks.shape)[owner] + 0.7 * rng.normal(size=(len(owner), DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    embedded = schema_of("features", DIMENSION)
    values = pa.FixedSizeListArray.from_arrays(
        pa.array(vectors.astype(np.float16).ravel()), type=embedded.field("embedding").type
    )
    flat = pa.array([each for own in ids for each in own])
    return pa.table(arrays, schema=schema), pa.table([flat, values, pa.array(["made"] * len(flat))], schema=embedded)


def _times(seconds: np.ndarray) -> pa.Array:
    return pa.array(np.round((BEGIN.timestamp() + seconds) * 1e6).astype(np.int64), pa.timestamp("us", tz="UTC"))


def match_row(cameras: int) -> dict[str, float]:
    """Match all cameras of a road."""
    sides = road(cameras)
    made = lru_cache(maxsize=3)(lambda number: tables(number, sides[number]))
    places = [
        Camera(id=f"cam-{n}", name=f"cam-{n}", latitude=40.0 + n * METRES / 111_195, longitude=-74.0, faces="north")
        for n in range(cameras)
    ]
    seconds, chosen, edges = 0.0, 0, 0
    for here in range(cameras):
        near = [(n, side) for n, side in ((here - 1, "N"), (here + 1, "S")) if 0 <= n < cameras]
        ways = [Edge(source=places[n], target=places[here], leaves=side, enters=side, metres=METRES) for n, side in near]
        sources = [(way, *made(n)) for way, (n, _) in zip(ways, near, strict=True)]
        own = made(here)
        began = time.process_time()
        found = match_tracks(sources, *own)
        seconds += time.process_time() - began
        chosen, edges = chosen + int(found.matches["assigned"].to_numpy().sum()), edges + len(ways)
    return {"cameras": cameras, "edges": edges, "chosen": chosen, "seconds": round(seconds, 2)}


def lake_row(lake: Path) -> dict[str, float]:
    """Match the first hour of a lake's cameras."""
    store = open_lake(str(lake))
    campaign = understood(store.require_campaign())
    begin = floor_hour(campaign.start)
    seconds, chosen, edges = 0.0, 0, 0
    for camera in campaign.cameras:
        ways = RoadNetwork.of(campaign).edges_into(camera.id)
        wanted = [camera.id, *(way.source.id for way in ways)]
        places = [Partition.camera_hour(each, begin) for each in wanted]
        own, *others = [(store.read("tracks", place), store.read("features", place)) for place in places]
        began = time.process_time()
        found = match_tracks([(way, *tables) for way, tables in zip(ways, others, strict=True)], *own)
        seconds += time.process_time() - began
        chosen, edges = chosen + int(found.matches["assigned"].to_numpy().sum()), edges + len(ways)
    return {"cameras": len(campaign.cameras), "edges": edges, "chosen": chosen, "seconds": round(seconds, 2)}


def _processor() -> str:
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return names[0] if names else "unknown processor"


def main() -> None:
    parser = argparse.ArgumentParser(description="How long matching takes, and how it grows with the number of cameras.")
    parser.add_argument("--lake", type=Path, help="whose first hour is matched as well")
    lake = parser.parse_args().lake
    load = os.getloadavg()[0]
    with threadpool_limits(1):
        sizes = [match_row(cameras) for cameras in (*CAMERAS, CAMERAS[0])]
        of_lake = lake_row(lake) if lake else None
    first = sizes[0]
    written = {
        "command": f"python benchmarks/growth.py{' --lake LAKE' if lake else ''}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, {_processor()}",
        "versions": {name: version(name) for name in ("numpy", "scipy", "pyarrow")} | {"python": platform.python_version()},
        "load_before": round(load, 1),
        "vehicles_a_carriageway": VEHICLES,
        "sizes": [
            each
            | {
                "times_the_cameras": round(each["cameras"] / first["cameras"], 2),
                "times_the_edges": round(each["edges"] / first["edges"], 2),
                "times_the_seconds": round(each["seconds"] / first["seconds"], 2),
            }
            for each in sizes
        ],
        "lake": of_lake,
    }
    print(json.dumps(written, indent=2))
    (ROOT / "benchmarks" / "results" / "growth.json").write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
