"""Counts, labels, speeds and travel times against the truth of cities for evaluation, with all defaults: masks, shipped models.

Of each city a lake is made by `cctview backfill --network city` (or taken from FOLDER, where it was made before). By camera,
carriageway and quarter of an hour: errors and GEH of passages and of the second counter; by label: shares and confusion; speeds;
by way: median times from passing to passing, beside the truth between the poles; the same as the calibration brings it to the
poles; and beside the truth between the places of passing, as vehicles say that are known by their tracks.

    python benchmarks/counts.py [--lakes FOLDER]

The result goes to benchmarks/results/counts.json, and what the marts tell of it to cctview_pipeline/analytics/known_bias.json.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cctview_pipeline.evaluate.passages import CameraPassages, read_passages
from cctview_pipeline.evaluate.reading import read_camera
from cctview_pipeline.evaluate.report import Row
from cctview_pipeline.evaluate.traffic import count_rows, label_rows, speed_rows
from cctview_pipeline.evaluate.transitions import AssignedMatch, Transition, assigned_matches, name_of, true_transitions
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.roads import RoadNetwork

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "counts.json"
KNOWN = ROOT / "cctview_pipeline" / "analytics" / "known_bias.json"
CITIES = {
    "9000": ("--seed", "9000", "--minutes", "60"),
    "9001": ("--seed", "9001", "--minutes", "30"),
    "9000j": ("--seed", "9000", "--minutes", "20", "--faults", "jam"),
}
"""Name -> options of `cctview backfill`; of the last one southbound traffic queues at the fourth camera."""
ORDINARY = ("9000", "9001")
LEAST_TRUE = 20
"""A cell with fewer vehicles tells little of errors in percent."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lakes", type=Path, help="a folder of lakes that were made before, named s9000, s9001 and s9000j")
    lakes = parser.parse_args().lakes
    with tempfile.TemporaryDirectory() as folder:
        measured = {name: City(Lake(str(lakes / f"s{name}" if lakes else made(Path(folder), name)))) for name in CITIES}
        results = {name: city.told() for name, city in measured.items()}
        models = {city.model for city in measured.values()}
        [model] = models  # all were made with the same
        results["ordinary traffic"] = cells_told([each for name in ORDINARY for each in measured[name].passed])
        known = known_biases([measured[name] for name in ORDINARY])
    found = {
        "command": f"python benchmarks/counts.py{' --lakes FOLDER' if lakes else ''}",
        "cities": {name: " ".join(options) for name, options in CITIES.items()},
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT
        ).stdout.strip(),
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {name: version(name) for name in ("dagster", "numpy", "openvino", "pyarrow", "scipy")},
        "model": model,
        "results": results,
    }
    RESULT.write_text(json.dumps(found, indent=2) + "\n")
    on = " and ".join(f"{CITIES[name][3]} minutes of seed {name}" for name in ORDINARY)
    KNOWN.write_text(json.dumps({"model": model, "on": on, "measures": known}, indent=2) + "\n")
    print(json.dumps(results, indent=2))


def made(folder: Path, name: str) -> Path:
    """The lake of a city."""
    home = folder / name
    mine = {"CCTVIEW_LAKE": f"{home}/lake", "DAGSTER_HOME": f"{home}/dagster", "CCTVIEW_KEYS": f"{home}/keys"}
    command = [Path(sys.executable).with_name("cctview"), "backfill", "--network", "city", *CITIES[name]]
    done = subprocess.run(command, env=os.environ | mine, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"cctview backfill failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return home / "lake"


class City:
    """What was measured in one lake."""

    def __init__(self, lake: Lake) -> None:
        campaign = lake.campaign()
        assert campaign is not None  # it was just made
        names = [camera.id for camera in campaign.cameras]
        hours = [hour for hour in campaign.hours() if lake.has("passages", Partition.camera_hour(names[0], hour))]
        seen = [read_camera(lake, name, hours) for name in names]
        self.ways = [(name, other.id) for name in names for other in RoadNetwork.of(campaign).neighbours(name)]
        self.passed = [read_passages(lake, each, hours) for each in seen]
        self.matches = assigned_matches(lake, seen, self.ways, hours)
        self.transitions = true_transitions(lake, seen, self.ways, hours)
        models = {text for name in names for hour in hours for text in models_of(lake, name, hour)}
        [self.model] = models

    def told(self) -> dict:
        rows = count_rows(self.passed) + label_rows(self.passed) + speed_rows(self.passed)
        found: dict = {}
        for row in rows:
            found.setdefault(row.subject, {}).setdefault(row.scope, {})[row.metric] = rounded(row)
        return cells_told(self.passed) | found | {"travel_times": self.times()}

    def times(self) -> dict:
        """Of every way; and over all the medians of the ways' errors."""
        shift = {(camera.camera_id, side): median for camera in self.passed for side, median in shifts(camera).items()}
        found = {}
        for way in self.ways:
            true, matches = [t for t in self.transitions if t.way == way], [m for m in self.matches if m.way == way]
            if true and matches:
                side = way_side(self.passed, true)
                found[name_of(way)] = way_told(true, matches, shift[way[1], side] - shift[way[0], side])
        errors = {
            f"median_{n}": float(np.median([each[n] for each in found.values()]))
            for n in ("error_percent", "at_poles_error_percent", "line_error_percent")
        }
        return {"all": {name: round(value, 2) for name, value in errors.items()}, **found}


def models_of(lake: Lake, camera: str, hour: datetime) -> set[str]:
    return set(lake.read("passages", Partition.camera_hour(camera, hour), ["model"])["model"].to_pylist())


def shifts(camera: CameraPassages) -> dict[str, float]:
    """Carriageway -> how much later than the pole vehicles pass the middle of what the camera sees, median, s."""
    place = {name: i for i, name in enumerate(camera.true.vehicle.tolist())}
    known = [(i, place[name]) for i, name in enumerate(camera.counted.vehicle.tolist()) if name in place]
    one, other = np.array(known).T
    late = (camera.counted.passed[one] - camera.true.passed[other]) / 1e6
    sides = camera.true.carriageway[other]
    return {str(side): float(np.median(late[sides == side])) for side in np.unique(sides)}


def way_side(passed: list[CameraPassages], true: list[Transition]) -> str:
    side = {name: str(way) for each in passed for name, way in zip(each.true.vehicle, each.true.carriageway, strict=True)}
    return side[true[0].vehicle]


def way_told(true: list[Transition], matches: list[AssignedMatch], shift: float) -> dict:
    """shift: by how much the pipeline's way is longer than that between the poles, s."""
    poles, found = float(np.median([t.passed_s for t in true])), float(np.median([m.passed_s for m in matches]))
    brought = float(np.median([m.poles_s for m in matches]))
    told = {
        "true_vehicles": len(true),
        "matches": len(matches),
        "median_true_s": poles,
        "median_measured_s": found,
        "error_percent": 100 * abs(found - poles) / poles,
        "at_poles_s": brought,
        "at_poles_error_percent": 100 * abs(brought - poles) / poles,
        "line_s": poles + shift,
        "line_error_percent": 100 * abs(found - poles - shift) / (poles + shift),
    }
    return {name: round(value, 2) for name, value in told.items()}


def errors_of(passed: list[CameraPassages], name: str) -> np.ndarray:
    """Relative errors of carriageways' quarters, in percent. name: counted or in_view."""
    found = []
    for each in passed:
        true, said = each.cells.true, getattr(each.cells, name).astype(float)
        chosen = (true >= LEAST_TRUE) & ~np.isnan(said)
        found.append(100 * (said[chosen] / true[chosen] - 1))
    return np.concatenate(found)


def cells_told(passed: list[CameraPassages]) -> dict:
    """How errors are spread over carriageways' quarters, and how many vehicles no frame shows."""
    quantiles = (5, 25, 50, 75, 95)
    told = {}
    for name in ("counted", "in_view"):
        off = errors_of(passed, name)
        told[name] = {"cells": len(off), "median_absolute": round(float(np.median(np.abs(off))), 2)}
        told[name] |= {
            "within_5_percent": round(float(np.mean(np.abs(off) <= 5)), 3),
            "largest": round(float(np.abs(off).max()), 1),
        }
        told[name] |= {f"p{q}": round(float(np.percentile(off, q)), 2) for q in quantiles}
    hidden = float(1 - np.concatenate([each.true.shown for each in passed]).mean())
    return {"errors_percent": told, "never_shown": round(hidden, 4)}


def known_biases(cities: list[City]) -> dict:
    """Measure -> value, spread and support, in percent."""
    passed = [each for city in cities for each in city.passed]
    counted, in_view, speeds, heavy = errors_of(passed, "counted"), errors_of(passed, "in_view"), *by_quarter(passed)
    times = [way for city in cities for name, way in city.times().items() if name != "all"]
    off = np.array([100 * (way["at_poles_s"] / way["median_true_s"] - 1) for way in times])
    of = {
        "vehicle_counts": counted,
        "flows": counted,
        "in_view": in_view,
        "speeds": speeds,
        "heavy_share": heavy,
        "travel_times": off,
    }
    return {name: spread_of(values) for name, values in of.items()}


def by_quarter(passed: list[CameraPassages]) -> tuple[np.ndarray, np.ndarray]:
    """Relative errors, percent, of carriageways' quarters: of the harmonic mean speed, and of the share of buses and trucks."""
    speeds, shares = [], []
    for each in passed:
        for side, quarter in zip(each.cells.carriageway, each.cells.quarter, strict=True):
            one = (each.true.carriageway == side) & (each.true.passed // 900_000_000 == quarter)
            other = (each.counted.carriageway == side) & (each.counted.passed // 900_000_000 == quarter)
            kmh, true_kmh = each.counted.kmh[other], each.true.kmh[one]
            kmh = kmh[kmh > 0]
            if len(kmh) >= LEAST_TRUE and len(true_kmh) >= LEAST_TRUE:
                speeds.append(100 * (np.mean(1 / true_kmh) / np.mean(1 / kmh) - 1))
            heavy, said = (np.isin(labels, ("bus", "truck")) for labels in (each.true.label[one], each.counted.label[other]))
            if heavy.sum() >= LEAST_TRUE:
                shares.append(100 * (said.mean() / heavy.mean() - 1))
    return np.array(speeds), np.array(shares)


def spread_of(values: np.ndarray) -> dict:
    low, middle, high = np.percentile(values, (5, 50, 95))
    return {"value": round(float(middle), 2), "spread": round(float(high - low) / 3.29, 2), "support": len(values)}


def rounded(row: Row) -> float | None:
    return None if row.value is None else round(row.value, 4)


if __name__ == "__main__":
    main()
