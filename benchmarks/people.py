"""What masking leaves of people, what it takes of vehicles, what the detector still finds afterwards, and what both cost a frame.

On cities for evaluation, by day, by night and in rain, with people who walk, cycle and ride; there everybody and every vehicle
is known. Shares are of pixels in boxes; intervals: 95 %, by drawing frames with replacement. Costs are the best of some rounds
on one thread, of the weights in models/ and, with --beside, of others, in turns.

Run with ``python benchmarks/people.py [--beside MODELS]``, MODELS a folder as models/ is; the result goes to
benchmarks/results/people.json. (Recorded frames: benchmarks/real_hour.py and benchmarks/detect_quality.py.)
"""

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.city.network import START
from cctview_pipeline.detect import PEOPLE, VEHICLES, Detections, Detector, load_detector
from cctview_pipeline.detect.evaluation import Curve, Scored, precision_recall
from cctview_pipeline.images import decode
from cctview_pipeline.redaction.masking import Masker
from cctview_pipeline.redaction.people import PeopleDetector
from cctview_pipeline.runtime.device import set_threads
from cctview_pipeline.training.people.frames import PeopleFrame, with_truth
from cctview_pipeline.training.people.recipe import left

ROOT = Path(__file__).resolve().parent.parent
SEEDS, WALKING, EVERY = (9101, 9102, 9103), 400, 16
MIN_SIDE_PX, MIN_VISIBLE, PRECISION = 8.0, 0.3, 0.9


@dataclass(frozen=True)
class Shown:
    """A frame of a city, what it shows, and of every vehicle its box, label and whether it counts."""

    jpeg: bytes
    known: PeopleFrame
    boxes: np.ndarray
    labels: np.ndarray
    counted: np.ndarray


def city(faults: tuple[str, ...] = ()) -> list[Shown]:
    """Ten minutes of each evaluation city's cameras, one frame in so many."""
    found = []
    for seed in SEEDS:
        network = CityNetwork(CitySettings(seed=seed, minutes=10, people=WALKING, faults=faults))
        for camera in network.cameras():
            for shot in network.shots(camera, START)[::EVERY]:
                frame, truth = network.picture_and_truth(camera, shot)
                boxes = np.stack([truth[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
                labels = truth["label"].to_numpy(zero_copy_only=False)
                large = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf) >= MIN_SIDE_PX if len(boxes) else np.zeros(0, bool)
                counted, drives = large & (truth["visible_fraction"].to_numpy() >= MIN_VISIBLE), ~np.isin(labels, PEOPLE)
                known = with_truth(decode(frame.jpeg), truth)
                found.append(Shown(frame.jpeg, known, boxes[drives], labels[drives], counted[drives]))
    return found


def measured(finder: PeopleDetector, frames: list[PeopleFrame]) -> dict:
    """Shares of pixels, with intervals."""
    parts = [left(finder, [frame]) for frame in frames]
    weights = np.array([[_area(frame.people), _area(frame.vehicles)] for frame in frames])
    values = np.array([[part.people, part.vehicles] for part in parts])
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(frames), len(frames)) for _ in range(1000)]
    drawn = np.array([np.average(values[rows], axis=0, weights=np.maximum(weights[rows], 1e-9)) for rows in draws])
    whole = left(finder, frames)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return {
        "frames": len(frames),
        "people": int(sum(len(frame.people) for frame in frames)),
        "people_missed": round(whole.people, 5),
        "people_missed_95": [round(float(low[0]), 5), round(float(high[0]), 5)],
        "vehicles_filled": round(whole.vehicles, 5),
        "vehicles_filled_95": [round(float(low[1]), 5), round(float(high[1]), 5)],
        "picture_filled": round(whole.picture, 5),
    }


def vehicles_found(finder: PeopleDetector, detector: Detector, shown: list[Shown]) -> dict:
    """AP50 on the frames as they came and as they are stored, and by label the recall at a precision of 0.9."""
    jpegs = [each.jpeg for each in shown]
    stored = [masked.jpeg for masked in Masker(finder, 640).mask(["camera"] * len(jpegs), jpegs)]
    told = {}
    for name, pictures in (("as they came", jpegs), ("masked", stored)):
        found = detector.detect(pictures)
        told[name] = {"ap50": round(_curve(found, shown, VEHICLES).average_precision, 4)}
        for label in VEHICLES:
            curve = _curve(found, shown, (label,))
            reached = float(curve.recall[curve.precision >= PRECISION].max(initial=0))
            told[name][label] = {"there": curve.truths, "recall_at_precision_0.9": round(reached, 4)}
    return told


def _curve(found: list[Detections], shown: list[Shown], labels: tuple[str, ...]) -> Curve:
    images = []
    for each, frame in zip(found, shown, strict=True):
        mine = each.select(np.isin(each.labels, labels)) if len(each.labels) else each
        asked = np.isin(frame.labels, labels) & frame.counted
        images.append(Scored(mine.boxes, mine.scores, frame.boxes[asked], frame.boxes[~asked]))
    return precision_recall(images)


def costs(finder: PeopleDetector, detector: Detector, jpegs: list[bytes]) -> dict[str, Callable[[], object]]:
    """What is timed: masking as a whole, the network in it alone, and the detector, on the same frames."""
    masker, images, cameras = Masker(finder, 640), [decode(jpeg) for jpeg in jpegs], ["camera"] * len(jpegs)
    return {
        "mask": lambda: masker.mask(cameras, jpegs),
        "mask's network": lambda: finder.find(images),
        "detect": lambda: detector.detect(jpegs),
    }


def timed(contenders: dict[str, dict[str, Callable[[], object]]], frames: int, rounds: int = 5) -> dict:
    """Milliseconds a frame; one contender after the other, round by round."""
    best: dict[str, dict[str, float]] = {name: {} for name in contenders}
    for _ in range(rounds):
        for name, parts in contenders.items():
            for part, run in parts.items():
                begun = time.perf_counter()
                run()
                took = 1000 * (time.perf_counter() - begun) / frames
                best[name][part] = round(min(took, best[name].get(part, np.inf)), 2)
    return best


def models(folder: str) -> tuple[PeopleDetector, Detector]:
    """Of a folder, of models/ when it is empty."""
    os.environ["CCTVIEW_MODELS"] = folder
    return PeopleDetector.load("cpu"), load_detector(device="cpu")


def _area(boxes: np.ndarray) -> float:
    return float(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", default="", help="a folder as models/ is, whose costs are measured as well")
    beside = parser.parse_args().beside
    set_threads(1)
    finder, detector = models("")
    seen = {"by day": city(), "by night": city(("night",)), "in rain": city(("rain",))}
    jpegs = [each.jpeg for each in seen["by day"][:120]]
    contenders = {detector.version + ", " + finder.version: costs(finder, detector, jpegs)}
    if beside:
        other_finder, other_detector = models(beside)
        contenders[other_detector.version + ", " + other_finder.version] = costs(other_finder, other_detector, jpegs)
    found = {
        "command": "python benchmarks/people.py" + (" --beside MODELS" if beside else ""),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT
        ).stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
        "versions": {name: version(name) for name in ("openvino", "pillow", "numpy")},
        "models": [detector.version, finder.version],
        "seeds": SEEDS,
        "people_an_hour_and_camera": WALKING,
        "results": {f"city {light}": measured(finder, [each.known for each in shown]) for light, shown in seen.items()},
        "vehicles": {f"city {light}": vehicles_found(finder, detector, shown) for light, shown in seen.items()},
        "cost_ms_a_frame": timed(contenders, len(jpegs)),
    }
    path = ROOT / "benchmarks" / "results" / "people.json"
    path.write_text(json.dumps(found, indent=2) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
