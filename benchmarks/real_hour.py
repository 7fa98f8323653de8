"""The published hour as a user runs it, with every default, and the same without masks: what masking costs of everything that
follows.

Two lakes are made by `cctview backfill --path DATA`: one as it comes, one whose campaign lets people stay visible. Of each:
AP50 of the stored detections against the published boxes of 0.40 and more (those below count neither way), by camera and by
size and on minutes 45-49, which no training has seen; shares of the picture, of the published vehicles and of the published
people (0.50 and more) that are painted; detections, how many of them are in tracks of two or more, tracks whose carriageway is
known, matches, journeys, counts, travel times; seconds.

    python benchmarks/real_hour.py [--data DATA]         # ../shared/data/nyc-fdr

The result goes to benchmarks/results/real-hour.json, and is printed beside the one that stood there.
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
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cctview_pipeline.backfill.select import Asked, choose
from cctview_pipeline.detect import VEHICLES, threshold_of
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.detect.evaluation import SIZES, Scored, by_size, precision_recall
from cctview_pipeline.evaluate.masking import Painted
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Lake
from cctview_pipeline.registry.manifest import find_model
from cctview_pipeline.training.detector.labels import find_frames, published_boxes, published_truth

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "real-hour.json"
PURPOSE = "measuring what masking costs"
CORNERS = ("x1", "y1", "x2", "y2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "nyc-fdr")
    data = parser.parse_args().data.absolute()
    if not data.exists():
        raise SystemExit(f"The published hour is not at {data}: name its folder by --data.")
    found = {
        "command": "python benchmarks/real_hour.py --data DATA",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT
        ).stdout.strip(),
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {name: version(name) for name in ("dagster", "openvino", "pyarrow", "duckdb")},
        "models": {name: find_model(name, task).version for name, task in (("default", "detector"), ("people-finder", "masker"))},
    }
    with tempfile.TemporaryDirectory() as folder:
        found["results"] = {
            kind: told(Path(folder) / kind, data, kind == "without masks") for kind in ("as users run it", "without masks")
        }
    before = json.loads(RESULT.read_text()) if RESULT.exists() else {"results": {}}
    RESULT.write_text(json.dumps(found, indent=2) + "\n")
    show(found["results"], before["results"])


def told(folder: Path, data: Path, unmasked: bool) -> dict:
    folder.mkdir()
    lake = Lake(str(folder / "lake"))
    if unmasked:
        choice = choose(lake, Asked(network="archive", path=str(data), purposes=[PURPOSE]))
        lake.write_campaign(replace(choice.campaign, privacy={"purposes": [PURPOSE], "unmasked_for": PURPOSE}))
    seconds = backfilled(folder, data)
    frames = {path.name.removesuffix("--original.jpeg"): path for path, _ in find_frames(data)}
    return {"seconds": seconds} | detected(folder / "lake", frames) | painted(folder / "lake", frames) | followed(folder / "lake")


def backfilled(folder: Path, data: Path) -> dict[str, float]:
    mine = {"CCTVIEW_LAKE": f"{folder}/lake", "DAGSTER_HOME": f"{folder}/dagster"}
    mine |= {"CCTVIEW_AUDIT": f"{folder}/audit.jsonl", "CCTVIEW_KEYS": f"{folder}/keys"}
    command = [Path(sys.executable).with_name("cctview"), "backfill", "--path", str(data)]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=os.environ | mine, cwd=ROOT, capture_output=True, text=True)
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"cctview backfill failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": round(seconds, 1), "cpu": round(cpu, 1)}


def rows(lake: Path, table: str, columns: list[str] | None = None) -> pa.Table:
    """All partitions of a table."""
    return pa.concat_tables(pq.ParquetFile(file).read(columns) for file in sorted((lake / table).rglob("*.parquet")))


def detected(lake: Path, frames: dict[str, Path]) -> dict:
    """AP50 of what the lake holds, in per cent of one."""
    images = dict(scored(lake, frames))
    cameras = sorted({FrameId.parse(name).camera_id for name in images})
    groups = {"all": list(images)} | {camera: [name for name in images if name.startswith(f"{camera}--")] for camera in cameras}
    groups["minutes 45-49"] = [name for name in images if FrameId.parse(name).time.minute >= 45]
    told = {name: ap50([images[frame] for frame in chosen]) for name, chosen in groups.items()}
    for size, part in zip(SIZES, zip(*(by_size(image) for image in images.values()), strict=True), strict=True):
        told[size] = ap50(list(part))
    return {"ap50": told}


def ap50(images: list[Scored]) -> float:
    return round(precision_recall(images).average_precision, 4)


def scored(lake: Path, frames: dict[str, Path]) -> Iterator[tuple[str, Scored]]:
    found = rows(lake, "detections", ["frame_id", "label", "score", *CORNERS]).to_pandas()
    found = dict(iter(found[found["label"].isin(VEHICLES)].groupby("frame_id")))
    for name in rows(lake, "raw_frames", ["frame_id"])["frame_id"].to_pylist():
        boxes, scores = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        if name in found:
            boxes, scores = found[name][list(CORNERS)].to_numpy(np.float32), found[name]["score"].to_numpy(np.float32)
        yield name, Scored(boxes, scores, *published_truth(frames[name]))


def painted(lake: Path, frames: dict[str, Path]) -> dict:
    """Shares of pixels, by camera."""
    sums: dict[str, Painted] = {}
    for file in sorted((lake / "raw_frames").rglob("*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(64, columns=["frame_id", "camera_id", "jpeg"]):
            for row in batch.to_pylist():
                path = frames[row["frame_id"]]
                boxes = published_boxes(path)
                people = boxes.boxes[(boxes.labels == LABELS.index("person")) & (boxes.scores >= 0.5)]
                vehicles, _ = published_truth(path)
                before, after = decode(path.read_bytes()), decode(row["jpeg"])
                sums.setdefault(row["camera_id"], Painted()).add(before, after, vehicles, people)
    names = ("picture", "vehicles", "people")
    return {"painted": {camera: dict(zip(names, _rounded(each.shares()), strict=True)) for camera, each in sorted(sums.items())}}


def _rounded(values: tuple[float, ...]) -> list[float | None]:
    return [None if np.isnan(value) else round(value, 5) for value in values]


def followed(lake: Path) -> dict:
    """What becomes of the detections."""
    tracks = rows(lake, "tracks", ["camera_id", "detection_ids", "carriageway", "label"])
    lengths = np.array([len(ids) for ids in tracks["detection_ids"].to_pylist()])
    boxes = rows(lake, "detections", ["label", "score"]).to_pandas()
    vehicles = boxes[boxes["label"].isin(VEHICLES) & (boxes["score"] >= threshold_of("default"))]
    matches = rows(lake, "matches", ["assigned"])
    times = rows(lake, "travel_times", ["from_camera_id", "to_camera_id", "vehicles", "median_s"])
    times = times.filter(times["median_s"].is_valid()).to_pylist()
    camera, known = np.array(tracks["camera_id"].to_pylist()), np.array(tracks["carriageway"].is_valid())
    return {
        "vehicles": len(vehicles),
        "vehicles_by_label": vehicles["label"].value_counts().to_dict(),
        "in_tracks_of_two": int(lengths[lengths >= 2].sum()),
        "tracks": len(tracks),
        "carriageway_unknown": {name: round(float(1 - known[camera == name].mean()), 4) for name in sorted(set(camera))},
        "counted": int(np.nansum(rows(lake, "vehicle_counts", ["vehicles"])["vehicles"].to_numpy())),
        "candidates": len(matches),
        "assigned": int(np.sum(matches["assigned"].to_numpy(zero_copy_only=False))),
        "legs": len(rows(lake, "journeys", ["leg"])),
        "travel_times": {
            f"{row['from_camera_id']} to {row['to_camera_id']}, {i}": [row["vehicles"], round(row["median_s"], 1)]
            for i, row in enumerate(times)
        },
    }


def show(now: dict, before: dict) -> None:
    """Every figure: with and without masks, and with masks the last time."""
    kinds = list(now)
    flat = {kind: dict(_flat(now[kind])) for kind in kinds} | {"last time": dict(_flat(before.get(kinds[0], {})))}
    print(f"{'':58}{kinds[0]:>18}{kinds[1]:>18}{'last time':>18}")
    for name in flat[kinds[0]]:
        print(f"{name:58}" + "".join(f"{flat[kind].get(name, '')!s:>18}" for kind in flat))


def _flat(values: dict, before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}: ")
        else:
            yield f"{before}{name}", value


if __name__ == "__main__":
    main()
