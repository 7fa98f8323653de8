"""Pictures of any size: how well vehicles and people are found, and what it costs, as users run it.

``city``: the same city with pictures of five sizes, with people in it; vehicles count that are 8 px where a picture is 352 wide.
Stored as the default policy stores them, at most 640 px a side, and as large as they came. *Before* is what was done until there
were plans: the detector and the people finder looked at every picture once, as it was stored.

``real --data DIR``: frames of other cities, ``DIR/cities``, against what the teachers see together, camera by camera.

``counts``: ten minutes of the city at two sizes, through tracks to passages.

Run with ``python benchmarks/sizes.py city|real|counts [--seed N] [--data DIR]``. Each puts its part into
benchmarks/results/sizes.json and prints it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from cctview_pipeline.boxes import clip
from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.detect import VEHICLES, Detections, Detector, load_detector
from cctview_pipeline.detect.evaluation import Scored, precision_recall
from cctview_pipeline.detect.looking import look
from cctview_pipeline.detect.plan import Plan, plan_of
from cctview_pipeline.detect.size_map import FRAMES, seen_sizes
from cctview_pipeline.environment import DAGSTER_HOME, LAKE
from cctview_pipeline.evaluate.truth import MIN_SIDE_PX, MIN_VISIBLE, shorter_side
from cctview_pipeline.images import decode
from cctview_pipeline.images.size import named, sizes_of
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.redaction.masking import Masked, Masker
from cctview_pipeline.redaction.people import PeopleDetector

COUNTED = ("city-1", "city-2", "city-3")
RESULT = Path(__file__).resolve().parent / "results" / "sizes.json"
SIZES = ("320x240", "352x240", "720x576", "1280x720", "1920x1080")
SIDES = {"stored at most 640 px a side, the default": 640, "stored as it came": 1920}
BUCKETS = {"all": (8, np.inf), "8-12 px at 352": (8, 12), "12-24 px at 352": (12, 24), "over 24 px at 352": (24, np.inf)}
WIDTH = 352
FRAMES_A_CAMERA, MINUTES, WALKING = 12, 10, 200
HELD_OUT = ("689-640-S", "06710", "8702", "2705")
"""What trainings left out to be measured: looked at once, at the end, and nothing was chosen by it."""
LEAST_SCORE, DOUBTFUL = 0.35, 0.45
"""Of a teachers' box that is true, and of one of more than a quarter of the picture."""


@dataclass(frozen=True)
class Shown:
    """A picture as it came, its size, and boxes (N, 4) in its pixels: vehicles, how much of each is seen, and people."""

    camera: str
    jpeg: bytes
    size: tuple[int, int]
    vehicles: np.ndarray
    visible: np.ndarray
    people: np.ndarray


class OneLook:
    """The people finder as it was: one look at a picture, whatever its size."""

    def __init__(self, finder: PeopleDetector) -> None:
        self.version, self.find = finder.version, finder.look


def city(seed: int, size: str) -> list[Shown]:
    network = CityNetwork(CitySettings(seed=seed, minutes=MINUTES, people=WALKING, sizes=(size,)))
    found = []
    for camera in network.cameras():
        shots = network.shots(camera, network.begin)
        for shot in shots[:: len(shots) // FRAMES_A_CAMERA][:FRAMES_A_CAMERA]:
            frame, truth = network.picture_and_truth(camera, shot)
            boxes = np.stack([truth[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
            drives = np.isin(truth["label"].to_pylist(), VEHICLES)
            visible = truth["visible_fraction"].to_numpy()
            people = boxes[~drives & (visible >= MIN_VISIBLE) & (np.ptp(boxes[:, 1::2], axis=1) >= frame.width / WIDTH * 8)]
            found.append(Shown(camera, frame.jpeg, (frame.width, frame.height), boxes[drives], visible[drives], people))
    return found


def measured(detector: Detector, finder: PeopleDetector | OneLook, shown: list[Shown], side: int, planned: bool) -> dict:
    """What is found in pictures as they are stored, and how many a second are masked and detected. planned: or looked at pixel by
    pixel."""
    masker, cameras = Masker(finder, side), [each.camera for each in shown]
    jpegs = [each.jpeg for each in shown]
    masker.mask(cameras[:8], jpegs[:8])  # prepared for their size
    stored, mask_s = timed(lambda: [each for each in masker.mask(cameras, jpegs) if isinstance(each, Masked)])
    by_camera = {camera: [i for i, each in enumerate(cameras) if each == camera] for camera in dict.fromkeys(cameras)}
    pictures = {camera: [stored[i].jpeg for i in mine] for camera, mine in by_camera.items()}
    size = (stored[0].width, stored[0].height)
    make = (lambda jpegs: plan(detector, jpegs, size)) if planned else lambda jpegs: None
    plans, plan_s = timed(lambda: {camera: make(each) for camera, each in pictures.items()})
    for camera, each in pictures.items():
        found_in(detector, plans[camera], each[:2])
    found, detect_s = timed(lambda: [found_in(detector, plans[camera], each) for camera, each in pictures.items()])
    images = [scored(shown[i], stored[i], each) for mine, of in zip(by_camera.values(), found, strict=True)
              for i, each in zip(mine, of, strict=True)]  # fmt: skip
    told: dict = {
        "stored": named(size),
        "AP50": {name: ap50(images, stored[0].width / WIDTH, *of) for name, of in BUCKETS.items()},
    }
    told["people_covered"] = round(people_covered(finder, shown, side), 3)
    told["frames_a_second_of_a_core"] = {
        "mask": round(len(shown) / mask_s, 1),
        "detect": round(len(shown) / detect_s, 1),
        "both": round(len(shown) / (mask_s + detect_s), 1),
    }
    said = {"plan_s_a_camera_hour": round(plan_s / len(plans), 1), "plans": {camera: str(each) for camera, each in plans.items()}}
    return told | (said if planned else {})


def plan(detector: Detector, jpegs: list[bytes], size: tuple[int, int]) -> Plan:
    chosen = np.linspace(0, len(jpegs) - 1, min(FRAMES, len(jpegs))).round().astype(int)
    assert detector.working_range
    seen = seen_sizes(detector, [jpegs[i] for i in chosen], size)
    return plan_of(size, seen, detector.working_range, detector.scales(size))


def found_in(detector: Detector, chosen: Plan | None, jpegs: list[bytes]) -> list[Detections]:
    return look(detector, chosen, jpegs) if chosen else detector.detect(jpegs, scales=[1.0])


def scored(shown: Shown, stored: Masked, found: Detections) -> Scored:
    boxes = shown.vehicles * np.array([stored.width / shown.size[0], stored.height / shown.size[1]] * 2, np.float32)
    counts = (shorter_side(boxes) >= MIN_SIDE_PX * stored.width / WIDTH) & (shown.visible >= MIN_VISIBLE)
    mine = found.select(np.isin(found.labels, VEHICLES)) if len(found) else found
    return Scored(mine.boxes, mine.scores, boxes[counts], boxes[~counts])


def ap50(images: Sequence[Scored], scale: float, low: float, high: float) -> float:
    parts = []
    for each in images:
        sides = shorter_side(each.truth) / scale
        asked = (sides >= low) & (sides < high)
        ignored = np.concatenate([each.ignored.reshape(-1, 4), each.truth[~asked]])
        parts.append(Scored(each.boxes, each.scores, each.truth[asked], ignored))
    return round(precision_recall(parts).average_precision, 3)


def people_covered(finder: PeopleDetector | OneLook, shown: list[Shown], side: int) -> float:
    """Share of the pixels of people's boxes that are painted over, where the pictures are stored."""
    painted = there = 0
    masker = Masker(finder, side)
    for each, (masked,) in ((each, masker.mask([each.camera], [each.jpeg])) for each in shown if len(each.people)):
        assert isinstance(masked, Masked)
        was = np.asarray(decode(masked.jpeg)).astype(np.int16)
        boxes = clip(each.people * (masked.width / each.size[0]), masked.width, masked.height).astype(int)
        region = np.zeros(was.shape[:2], bool)
        for x1, y1, x2, y2 in boxes:
            region[y1:y2, x1:x2] = True
        painted += (region & (abs(was - 114).max(-1) <= 6)).sum()
        there += region.sum()
    return painted / max(there, 1)


def timed(run: Callable):
    """By the processor's time, of all threads: the machine is shared."""
    begun = time.process_time()
    return run(), time.process_time() - begun


def of_city(detector: Detector, finder: PeopleDetector, seed: int, sizes: Sequence[str], known: dict) -> dict:
    """known: what was measured of the same seed before, of other sizes."""
    told: dict = known | {"seed": seed, "frames": 6 * FRAMES_A_CAMERA, "people_an_hour": WALKING}
    for size in sizes:
        shown = city(seed, size)
        for name, side in SIDES.items():
            if side > 640 and max(shown[0].size) <= 640:
                continue  # the same pictures
            part = told.setdefault(name, {})[size] = {}
            part["before"] = measured(detector, OneLook(finder), shown, side, planned=False)
            part["after"] = measured(detector, finder, shown, side, planned=True)
            print(name, size, json.dumps(part), flush=True)
    return told


def of_real(detector: Detector, finder: PeopleDetector, data: Path) -> dict:
    folder = data / "cities"
    teachers = pq.read_table(folder / "teacher-fused.parquet").to_pandas()
    teachers = dict(tuple(teachers[teachers["label"].isin(["vehicle", "two_wheeler"])].groupby("frame_id")))
    cameras: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*/*.jpg")):
        size = named(decode(path.read_bytes()).shape[1::-1])
        cameras.setdefault(f"{path.name.split('--')[0]}, {size}", []).append(path)
    told: dict = {}
    for camera, paths in cameras.items():
        frames = paths[:: max(1, len(paths) // 60)]
        held = camera.split(",")[0] in HELD_OUT
        part = told.setdefault("held out" if held else "development", {}).setdefault(camera, {"frames": len(frames)})
        for name, side in SIDES.items():
            if side > 640 and int(camera.split()[-1].split("x")[0]) <= 640:
                continue
            masked = Masker(finder, side).mask(["c"] * len(frames), [path.read_bytes() for path in frames])
            jpegs = [each.jpeg for each in masked if isinstance(each, Masked)]
            height, width = decode(jpegs[0]).shape[:2]
            truths = [teachers_of(teachers.get(path.stem), width, decode(path.read_bytes()).shape[:2]) for path in frames]
            chosen = plan(detector, jpegs, (width, height))
            of = {"plan": str(chosen), "true": sum(len(true) for true, _ in truths)}
            for when, found in (("before", detector.detect(jpegs, scales=[1.0])), ("after", look(detector, chosen, jpegs))):
                images = [Scored(f.boxes, f.scores, *truth) for f, truth in zip(map(only_vehicles, found), truths, strict=True)]
                of[when] = round(precision_recall(images).average_precision, 3)
            part[name] = of
        print(camera, json.dumps(part), flush=True)
    return told


def of_counts(lakes: Path, seed: int) -> dict:
    told: dict = {"seed": seed, "minutes": MINUTES, "cameras": list(COUNTED)}
    for size in ("352x240", "1280x720"):
        place = lakes / f"lake-{size}"
        if not place.exists():
            words = f"--network city --seed {seed} --minutes {MINUTES} --sizes {size} --cameras {','.join(COUNTED)}"
            places = {LAKE.name: str(place), DAGSTER_HOME.name: str(lakes / f"home-{size}")}
            subprocess.run(
                [sys.executable, "-m", "cctview_pipeline", "backfill", *words.split()], env=os.environ | places, check=True
            )
        lake = Lake(str(place))
        hour = lake.require_campaign().hours()[0]
        told[size] = {camera: counted(lake, Partition.camera_hour(camera, hour)) for camera in COUNTED}
        print(size, json.dumps(told[size]), flush=True)
    return told


def counted(lake: Lake, partition: Partition) -> dict:
    """What of one camera was found, beside the truth."""
    frames, tracks = lake.read("raw_frames", partition, ["width", "height"]), lake.read("tracks", partition)
    passed, true = lake.read("passages", partition), lake.read("truth_passages", partition)
    off = np.abs(np.array(passed["speed_kmh"].drop_null().to_pylist()).mean() - np.mean(true["speed_kmh"].to_pylist()))
    return {
        "stored": sorted({named(size) for size in sizes_of(frames)}),
        "tracks": tracks.num_rows,
        "in_tracks_of_two_or_more": round(float(np.mean([len(ids) > 1 for ids in tracks["detection_ids"].to_pylist()])), 3),
        "passages": passed.num_rows,
        "true_passages": true.num_rows,
        "calibrated": passed["speed_kmh"].null_count < passed.num_rows,
        "mean_speed_off_kmh": round(float(off), 1) if np.isfinite(off) else None,
    }


def only_vehicles(found: Detections) -> Detections:
    return found.select(np.isin(found.labels, VEHICLES)) if len(found) else found


def teachers_of(rows, width: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of vehicles, and what counts neither way, in pixels of the stored picture."""
    if rows is None:
        return np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32)
    boxes, scores = rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float32), rows["score"].to_numpy()
    sure = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) < shape[0] * shape[1] / 4) | (scores >= DOUBTFUL)
    true = sure & (rows["label"].to_numpy() == "vehicle") & (scores >= LEAST_SCORE)
    boxes = boxes * np.float32(width / shape[1])
    return boxes[true], boxes[sure & ~true]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("city", "real", "counts"))
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--data", type=Path, help="a folder with cities/")
    parser.add_argument("--sizes", nargs="*", default=SIZES, help="of the city: these alone, the others stay as measured")
    parser.add_argument("--lakes", type=Path, default=Path("lakes"), help="where the lakes of counts are, or are made")
    given = parser.parse_args()
    detector, finder = load_detector(device="cpu"), PeopleDetector.load("cpu")
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    if given.part == "city":
        told = of_city(detector, finder, given.seed, given.sizes, known.get("city", {}) if given.sizes != SIZES else {})
    elif given.part == "real":
        told = of_real(detector, finder, given.data)
    else:
        told = of_counts(given.lakes, given.seed)
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}  # another part may have been written meanwhile
    known[given.part] = told | {
        "command": f"python benchmarks/sizes.py {given.part}" + (" --data DIR" if given.data else f" --seed {given.seed}"),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared; load {os.getloadavg()[0]:.1f}",
    }
    RESULT.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
