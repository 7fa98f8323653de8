"""What drift says of pictures whose truth is known, beside how good the detector really is on them.

Cities of development seeds as they are drawn (some by night or in rain), and the same frames spoilt: out of focus, in fog, in the
dark, noisy. For each: the scores' divergence from the nearest training camera, the F1 that they promise, the true F1 at the
threshold, and the embeddings' divergence. Spearman's correlation with the true F1 says which of these tells where labels
are needed. Then how often unspoilt pictures alarm, of so few vehicles as are judged at all, whole frames drawn again and again;
with --data of the recorded cameras too, on minutes that no training has seen.

Run with ``python benchmarks/drift.py [--data DIR]``; cities are drawn below var/training. The result goes to
benchmarks/results/drift.json.
"""

import argparse
import io
import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from cctview_pipeline.detect import VEHICLES, Detections, Detector, load_detector
from cctview_pipeline.detect.evaluation import precision_recall
from cctview_pipeline.drift import Profile, Reference, find_reference
from cctview_pipeline.drift.profile import EXPECTED_F1
from cctview_pipeline.drift.survey import MIN_COUNTS, judge
from cctview_pipeline.embed import Extractor, load_extractor
from cctview_pipeline.lake import Partition
from cctview_pipeline.paths import project_root
from cctview_pipeline.training.detector.assessment import consensus, scored
from cctview_pipeline.training.detector.city_frames import draw_city_frames
from cctview_pipeline.training.detector.labels import FrameLabels, find_frames
from cctview_pipeline.training.references.pictures import cut_vehicles

ROOT = Path(__file__).resolve().parent.parent
SEEDS, HOURS = range(1000, 1004), 500
SOMEWHERE = Partition.camera_hour("measured", datetime(2025, 6, 3, tzinfo=UTC))


def _pixels(change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Callable[[Image.Image, int], Image.Image]:
    def changed(image: Image.Image, seed: int) -> Image.Image:
        values = change(np.asarray(image, np.float32), np.random.default_rng(seed))
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))

    return changed


SPOILT: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "blur": lambda image, _: image.filter(ImageFilter.GaussianBlur(2)),
    "fog": _pixels(lambda pixels, _: 0.25 * pixels + 0.75 * 190),
    "dark": _pixels(lambda pixels, rng: 0.12 * pixels + rng.normal(0, 6, pixels.shape)),
    "noise": _pixels(lambda pixels, rng: pixels + rng.normal(0, 45, pixels.shape)),
}


@dataclass(frozen=True)
class Measured:
    """One set of pictures. true_f1: None where nobody knows; false_alarms: share of drawn hours that alarm, of unspoilt ones."""

    pictures: str
    vehicles: int
    score_divergence: float
    nearest: str
    expected_f1: float
    true_f1: float | None
    verdict: str
    embedding_divergence: float
    embedding_nearest: str
    false_alarms: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder of the published layout")
    parser.add_argument("--drawn", type=Path, default=project_root() / "var" / "training" / "cities")
    parser.add_argument("--crops", type=int, default=100, help="embeddings of each set of pictures")
    arguments = parser.parse_args()
    detector, extractor = load_detector(), load_extractor()
    rows = []

    def add(name: str, jpegs: list[bytes], labels: list[FrameLabels] | None, spoilt: bool) -> None:
        rows.append(measure(name, jpegs, labels, spoilt, (detector, extractor), arguments.crops))
        print(rows[-1], flush=True)

    for seed in SEEDS:
        labels = draw_city_frames(range(seed, seed + 1), arguments.drawn)
        jpegs = [frame.path.read_bytes() for frame in labels]
        add(f"city {seed}", jpegs, labels, False)
        for name, change in SPOILT.items():
            add(f"city {seed}, {name}", [spoil(jpeg, change, i) for i, jpeg in enumerate(jpegs)], labels, True)
    for camera, jpegs in held_out(arguments.data).items() if arguments.data else ():
        add(camera, jpegs, None, False)
    write(rows, [detector.version, extractor.version])


def write(rows: list[Measured], models: list[str]) -> None:
    in_city = [row for row in rows if row.true_f1 is not None]
    true = [row.true_f1 for row in in_city]
    figures = ("expected_f1", "score_divergence", "embedding_divergence")
    tells = {name: round(float(spearmanr([getattr(row, name) for row in in_city], true)[0]), 2) for name in figures}
    result = {
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "models": models,
        "spearman_with_true_f1": tells,
        "rows": [asdict(row) for row in rows],
    }
    path = ROOT / "benchmarks" / "results" / "drift.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"Wrote {path}: {tells}")


def measure(
    name: str,
    jpegs: list[bytes],
    labels: list[FrameLabels] | None,
    spoilt: bool,
    models: tuple[Detector, Extractor],
    crops: int,
) -> Measured:
    detector, extractor = models
    known = find_reference(detector.version), find_reference(extractor.version)
    with threadpool_limits(1):
        found = [each.select(np.array([n in VEHICLES for n in each.labels], bool)) for each in detector.detect(jpegs)]
        looks = extractor.embed(cut_vehicles(detector, {name: jpegs}, crops)[name])
    profile = Profile.of_detections(np.concatenate([each.scores for each in found]), detector.threshold)
    finding = judge("detections", SOMEWHERE, profile, known[0])
    if finding.distance is None:
        raise SystemExit(f"{name}: only {profile.count} vehicles.")
    near, distance = known[1].nearest(Profile.of_embeddings(looks))
    return Measured(
        name,
        profile.count,
        round(finding.distance, 4),
        finding.nearest,
        round(profile.figures[EXPECTED_F1], 4),
        None if labels is None else round(true_f1(found, labels, detector.threshold), 4),
        finding.verdict,
        round(distance, 4),
        near,
        None if spoilt else false_alarms([each.scores for each in found], known[0]),
    )


def true_f1(found: list[Detections], labels: list[FrameLabels], threshold: float) -> float:
    precision, recall = precision_recall(scored(found, consensus(labels))).at(threshold)
    return 2 * precision * recall / max(precision + recall, 1e-9)


def false_alarms(frames: list[np.ndarray], known: Reference) -> float:
    """Of hours of whole frames drawn with replacement until there are just as many vehicles as are judged."""
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(HOURS):
        drawn = [frames[i] for i in rng.integers(len(frames), size=len(frames))]
        while sum(map(len, drawn)) < MIN_COUNTS["detections"]:
            drawn.append(frames[rng.integers(len(frames))])
        scores = np.concatenate(drawn)[: MIN_COUNTS["detections"]]
        alarms += judge("detections", SOMEWHERE, Profile.of_detections(scores, known.threshold), known).verdict == "drift"
    return alarms / HOURS


def spoil(jpeg: bytes, change: Callable[[Image.Image, int], Image.Image], seed: int) -> bytes:
    changed = io.BytesIO()
    change(Image.open(io.BytesIO(jpeg)).convert("RGB"), seed).save(changed, "JPEG", quality=85)
    return changed.getvalue()


def held_out(data: Path) -> dict[str, list[bytes]]:
    """Every second frame of each recorded camera's minutes from 45 on, which no training has seen."""
    frames = [(path, frame_id) for path, frame_id in find_frames(data) if frame_id.time.minute >= 45]
    cameras = sorted({frame_id.camera_id for _, frame_id in frames})
    return {c: [path.read_bytes() for path, frame_id in frames if frame_id.camera_id == c][::2] for c in cameras}


if __name__ == "__main__":
    main()
