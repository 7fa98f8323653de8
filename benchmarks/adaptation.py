"""What adapting a detector to its cameras gives, by the commands that a user gives.

Two questions. *camera*: a recorded camera that the weights never saw, labelled by the two small COCO detectors whose boxes lie
beside the recording; measured on its minutes 45 and later, which are among those that the adaptation holds out. *city*: the
synthetic city changed (night, rain, a street of its own), an hour before and an hour after; the first is labelled and learned
from, the second is run with the shipped weights and with the adapted ones, and ``cctview evaluate`` compares each with the truth.

No large detector's weights can be had for the city, so its teachers are simulated: the truth with the misses, the shifted boxes
and the false alarms that were measured on the published RetinaNet by day (docs/detector.md), half of the misses common to both.
At night real ones would do worse: what they give is an upper bound. ``self`` is the shipped detector as its own teacher, for
which nothing need be fetched.

Run with ``python benchmarks/adaptation.py --work FOLDER [--data DIR --unseen MODELS] [--seed N --minutes M]``. DIR is a folder of
the published layout with one left-out camera; MODELS is where ``CCTVIEW_MODELS=MODELS cctview train detector --data DIR
--without CAMERA`` put its weights. What is finished in FOLDER is not made again. The result goes to
benchmarks/results/adaptation.json.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cctview_pipeline.city.network import START
from cctview_pipeline.detect import load_detector
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.paths import models_directory
from cctview_pipeline.registry.manifest import find_model, read_facts
from cctview_pipeline.training.detector.assessment import assess, consensus, find, published
from cctview_pipeline.training.detector.labels import load_labels

ROOT = Path(__file__).resolve().parent.parent
RECALL = ((12.0, 0.45), (24.0, 0.81), (np.inf, 0.92))
"""Of the published RetinaNet, by the shorter side in px (docs/detector.md)."""
COMMON, SHIFT, FALSE_ALARMS = 0.5, 0.06, 0.03
"""Of the misses, the share that both teachers have; a side's error in parts of the box's; false alarms in parts of the hits."""
PURPOSE = "adapting models"


def cctview(work: Path, *arguments: str, models: Path) -> str:
    """Give one command on the lake of a folder."""
    where = {"CCTVIEW_LAKE": work / "lake", "DAGSTER_HOME": work / "dagster", "CCTVIEW_MODELS": models}
    command = [sys.executable, "-m", "cctview_pipeline", *arguments]
    done = subprocess.run(command, env=os.environ | {k: str(v) for k, v in where.items()}, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}")
    return done.stdout


def copied(models: Path, to: Path) -> Path:
    if not to.exists():
        shutil.copytree(models, to)
    return to


def on_camera(data: Path, unseen: Path, work: Path, recipe: list[str]) -> dict:
    """A camera that the weights of ``unseen`` left out, before and after adapting to its first minutes. Beside them stand the
    shipped weights, which learned from its first 43 minutes, with the published boxes among the labels."""
    models, detectors = copied(unseen, work / "models"), {"shipped": load_detector("default", "cpu")}
    os.environ["CCTVIEW_MODELS"] = str(models)
    (camera,) = read_facts(find_model("default", "detector"))["recipe"]["without"]
    archive = ("--network", "archive", "--path", str(data.absolute()), "--cameras", camera, "--purpose", PURPOSE)
    if not (work / "lake" / "raw_frames").exists():
        cctview(work, "backfill", *archive, models=models)
    begun, teacher = time.monotonic(), data.absolute() / "packaged-detections.parquet"
    if "adapted-detector" not in (models / "manifest.toml").read_text():
        learn = ("train", "detector", "--from-lake", "--teacher", str(teacher), "--purpose", PURPOSE, *recipe)
        cctview(work, *learn, models=models)
    seconds = time.monotonic() - begun
    frames = [f for f in load_labels(data) if f.frame_id.camera_id == camera and f.frame_id.time.minute >= 45]
    detectors |= {"unseen": load_detector("default", "cpu"), "adapted": load_detector("adapted-detector", "cpu")}
    results = {"camera": camera, "recipe": " ".join(recipe), "frames": len(frames), "seconds": round(seconds)}
    for name, detector in detectors.items():
        found = find(detector, frames)
        results[name] = {
            "model": detector.version,
            "threshold": detector.threshold,
            "against the published boxes": assess(found, published(frames)).rows(detector.threshold),
            "against the consensus": assess(found, consensus(frames)).rows(detector.threshold),
        }
    return results | {"held out": read_facts(find_model("adapted-detector", "detector"))["measured"]}


def simulate(lake: Lake, hour: datetime, out: Path, seed: int) -> None:
    """Two teachers' boxes on every frame of an hour, out of the truth, as a file of recorded boxes."""
    rng, rows = np.random.default_rng(seed), []
    for camera in lake.campaign().cameras:
        truth = lake.read("truth_boxes", Partition.camera_hour(camera.id, hour)).to_pandas()
        truth = truth[truth["visible_fraction"] >= 0.3]
        boxes = truth[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
        shorter = (boxes[:, 2:] - boxes[:, :2]).min(1)
        recall = np.select([shorter < limit for limit, _ in RECALL], [share for _, share in RECALL])
        common = rng.random(len(truth))
        for model in ("simulated-1", "simulated-2"):
            own = np.where(rng.random(len(truth)) < COMMON, common, rng.random(len(truth)))
            hit = own < recall
            sides = np.tile(boxes[hit][:, 2:] - boxes[hit][:, :2], 2)
            shifted = boxes[hit] + rng.normal(0, SHIFT, (hit.sum(), 4)) * sides
            # The easier a vehicle is, the surer the detector.
            scores = np.clip(0.3 + 0.6 * (1 - own[hit] / recall[hit]) + rng.normal(0, 0.08, hit.sum()), 0.12, 0.99)
            seen = truth[hit][["frame_id", "label"]].rename(columns={"label": "type"}).assign(model=model, score=scores)
            wrong = seen.sample(frac=FALSE_ALARMS, random_state=int(rng.integers(1 << 31)))
            corner = rng.uniform((0, 0), (300, 200), (len(wrong), 2))
            elsewhere = np.concatenate([corner, corner + rng.uniform(8, 50, (len(wrong), 1))], axis=1)
            for found, at in ((seen, shifted), (wrong.assign(score=rng.uniform(0.12, 0.5, len(wrong))), elsewhere)):
                placed = found.assign(**dict(zip(("x1", "y1", "x2", "y2"), at.T, strict=True)))
                rows.append(pa.Table.from_pandas(placed, preserve_index=False))
    pq.write_table(pa.concat_tables(rows), out)


def in_city(work: Path, seed: int, minutes: int, faults: str, recipe: list[str], teachers: list[str]) -> dict:
    """The changed city: an hour to learn from, the next one to measure on."""
    later = START + timedelta(hours=1)
    settings = ("--network", "city", "--seed", str(seed), "--minutes", str(minutes), "--faults", faults)
    models = models_directory()
    cctview(work / "first", "backfill", *settings, models=models)
    simulate(Lake(str(work / "first" / "lake")), START, work / "teachers.parquet", seed)
    results: dict = {"seed": seed, "minutes": minutes, "faults": faults, "recipe": " ".join(recipe)}
    known = {"shipped": "", "simulated": str(work / "teachers.parquet"), "self": "default-detector"}
    for title, teacher in known.items():
        if title not in ("shipped", *teachers):
            continue
        place, mine = work / title, copied(models, work / f"models-{title}")
        begun, told = time.monotonic(), {}
        if teacher and "adapted-detector" not in (mine / "manifest.toml").read_text():
            try:
                cctview(work / "first", "train", "detector", "--from-lake", "--teacher", teacher, *recipe, models=mine)
            except SystemExit as refused:
                results[title] = {"refused": str(refused)[-400:]}
                continue
            told["seconds"] = round(time.monotonic() - begun)
        if not (place / "done").exists():
            cctview(place, "backfill", *settings, "--from", later.isoformat(), models=mine)
            if teacher:
                cctview(place, "models", "use", "adapted-detector", models=mine)
                cctview(place, "backfill", *settings, "--from", later.isoformat(), "--again", models=mine)
            (place / "done").write_text("")
        results[title] = told | {"evaluation": brief(json.loads(cctview(place, "evaluate", "--json", models=mine)))}
        if teacher:
            os.environ["CCTVIEW_MODELS"] = str(mine)
            results[title]["held out"] = read_facts(find_model("adapted-detector", "detector"))["measured"]
            del os.environ["CCTVIEW_MODELS"]
    return results


def brief(evaluation: dict) -> dict:
    """The figures over all cameras, those of detection by size, label and camera too."""
    return {
        part: {
            group: {name: round(figure["value"], 4) for name, figure in figures.items()}
            for group, figures in groups.items()
            if group == "all" or part == "detection"
        }
        for part, groups in evaluation.items()
        if part != "calibration"
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True, help="a folder for lakes and weights")
    parser.add_argument("--data", type=Path, help="a folder of the published layout")
    parser.add_argument("--unseen", type=Path, help="a models folder whose default-detector left one of its cameras out")
    parser.add_argument("--seed", type=int, help="of the city to change; none when left out")
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--faults", default="night,rain")
    parser.add_argument("--teachers", nargs="*", default=["simulated", "self"], help="of the city")
    parser.add_argument("--recipe", default="", help="more of `cctview train detector`, such as '--epochs 3 --every 2'")
    arguments = parser.parse_args()
    file = ROOT / "benchmarks" / "results" / "adaptation.json"
    results = json.loads(file.read_text())["results"] if file.exists() else {}
    if arguments.data and arguments.unseen:
        results["camera"] = on_camera(arguments.data, arguments.unseen, arguments.work / "camera", arguments.recipe.split())
    if arguments.seed is not None:
        results["city"] = in_city(
            arguments.work / "city",
            arguments.seed,
            arguments.minutes,
            arguments.faults,
            arguments.recipe.split(),
            arguments.teachers,
        )
    written = {
        "command": [
            f"python benchmarks/adaptation.py --work FOLDER {rest}"
            for rest in (
                "--data DIR --unseen MODELS --recipe R",
                "--seed N --minutes M --faults FAULTS --recipe R --teachers TEACHERS",
            )
        ],
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, no GPU",
        "versions": {name: version(name) for name in ("dagster", "openvino", "torch", "numpy")},
        "results": results,
    }
    file.write_text(json.dumps(written, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
