"""What masking leaves of people, what it takes of vehicles, and what it costs a frame.

On a city for evaluation, whose people are known, and on recorded frames of a camera that the finder was not trained on, where
another detector says who is there (nobody drew a box). Shares are of pixels in people's and vehicles' boxes; intervals: 95 %, by
drawing frames with replacement.

Run with ``python benchmarks/people.py [--data DIR]``, DIR in the published layout; the result goes to
benchmarks/results/people.json.
"""

import argparse
import json
import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cctview_pipeline.cameras.city import CityNetwork, CitySettings
from cctview_pipeline.cameras.city.network import START
from cctview_pipeline.detect import VEHICLES, load_detector
from cctview_pipeline.detect.evaluation import Scored, precision_recall
from cctview_pipeline.device import set_threads
from cctview_pipeline.images import decode, encode_jpeg
from cctview_pipeline.privacy.masking import Masker
from cctview_pipeline.privacy.people import PeopleFinder
from cctview_pipeline.privacy.people_frames import PeopleFrame, recorded_frames, with_truth
from cctview_pipeline.privacy.people_training import left

ROOT = Path(__file__).resolve().parent.parent
SEED, PEOPLE, EVERY = 9101, 400, 12
UNSEEN = "689-640-S"


def city(faults: tuple[str, ...] = ()) -> list[tuple[PeopleFrame, bytes]]:
    """Ten minutes of the evaluation city's cameras, one frame in twelve, and its JPEG."""
    network, found = CityNetwork(CitySettings(seed=SEED, minutes=10, people=PEOPLE, faults=faults)), []
    for camera in network.cameras():
        for shot in network.shots(camera, START)[::EVERY]:
            frame, truth = network.picture_and_truth(camera, shot)
            found.append((with_truth(decode(frame.jpeg), truth), frame.jpeg))
    return found


def measured(finder: PeopleFinder, frames: list[PeopleFrame]) -> dict:
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
    }


def vehicles_found(finder: PeopleFinder, frames: list[tuple[PeopleFrame, bytes]]) -> dict:
    """AP50 of the default detector, for vehicles of 8 px and more, on the frames as they came and as they are stored."""
    detector, jpegs = load_detector(device="cpu"), [jpeg for _, jpeg in frames]
    stored = [masked.jpeg for masked in Masker(finder, 640).mask(["camera"] * len(jpegs), jpegs)]
    told = {}
    for name, pictures in (("as_they_came", jpegs), ("masked", stored)):
        images = []
        for found, (frame, _) in zip(detector.detect(pictures), frames, strict=True):
            found = found.select(np.array([label in VEHICLES for label in found.labels], bool))
            large = (frame.vehicles[:, 2:] - frame.vehicles[:, :2]).min(1, initial=np.inf) >= 8
            images.append(Scored(found.boxes, found.scores, frame.vehicles[large], frame.vehicles[~large]))
        told[name] = round(precision_recall(images).average_precision, 4)
    return told


def costs(finder: PeopleFinder, jpegs: list[bytes], rounds: int = 3) -> dict:
    """Milliseconds a frame on one thread: whole, and of it the network alone; the best of some rounds."""
    masker, images = Masker(finder, 640), [decode(jpeg) for jpeg in jpegs]
    cameras = ["camera"] * len(jpegs)
    whole, alone, coding = [], [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        masker.mask(cameras, jpegs)
        whole.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        for image in images:
            finder.probabilities(image)
        alone.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        for jpeg in jpegs:
            encode_jpeg(decode(jpeg), 75)
        coding.append(time.perf_counter() - begun)
    told = {"mask": whole, "network": alone, "decode_and_encode": coding}
    return {f"{name}_ms": round(1000 * min(seconds) / len(jpegs), 2) for name, seconds in told.items()}


def _area(boxes: np.ndarray) -> float:
    return float(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="A folder of the published layout, with packaged-detections.parquet.")
    data = parser.parse_args().data
    set_threads(1)
    finder = PeopleFinder.load("cpu")
    day, night = city(), city(("night",))
    found = {
        "command": "python benchmarks/people.py" + (" --data DIR" if data else ""),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT
        ).stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
        "versions": {name: version(name) for name in ("openvino", "pillow", "numpy")},
        "model": finder.version,
        "seed": SEED,
        "people_an_hour_and_camera": PEOPLE,
        "results": {
            "city by day": measured(finder, [frame for frame, _ in day]),
            "city by night": measured(finder, [frame for frame, _ in night]),
        },
        "vehicle_ap50": {"city by day": vehicles_found(finder, day), "city by night": vehicles_found(finder, night)},
        "cost": costs(finder, [jpeg for _, jpeg in day][:120]),
    }
    if data:
        found["results"][f"recorded, camera {UNSEEN}, not trained on"] = measured(finder, recorded_frames(data, [UNSEEN], 8))
    path = ROOT / "benchmarks" / "results" / "people.json"
    path.write_text(json.dumps(found, indent=2) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
