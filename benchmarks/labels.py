"""How often the detector takes one kind of vehicle for another, and what votes make of it, in development cities.

Of every detection that lies on a counted vehicle by half the truth's label and the detector's; of every track that is known by
its vehicle the label by the highest summed score, and by votes with that confusion. A detection's vote is worth less than one,
since a vehicle that was mistaken once is mistaken again: of WORTHS the one whose probabilities fit best is taken. Halves of the
tracks teach and judge in turn, so that no figure is of what it was learned from.

    python benchmarks/labels.py --lake LAKE [--lake LAKE ...]

on lakes that were backfilled from the city, of seeds below 9000. The result goes to benchmarks/results/labels.json, and what
votes need of it to cctview_pipeline/track/label_confusion.json.
"""

import argparse
import json
import os
import platform
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa

from cctview_pipeline.evaluate.reading import CameraResults, read, read_camera
from cctview_pipeline.lake import Lake
from cctview_pipeline.track.label_votes import LABELS, Confusion

ROOT = Path(__file__).resolve().parent.parent
WORTHS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)

Track = tuple[str, list[str], list[float]]
"""True label, and its detections' labels and scores."""


def tracks_of(camera: CameraResults) -> list[Track]:
    """Those whose vehicle is known, with the detections that lie on it."""
    found, truth, hit = camera.found, camera.truth, camera.assignment.hit
    rows = np.flatnonzero(camera.assignment.kept & (hit >= 0))
    rows = rows[np.argsort(found.track[rows], kind="stable")]
    parts = np.split(rows, np.flatnonzero(np.diff(found.track[rows])) + 1)
    vehicles = camera.tracks.vehicle
    mine = [part[truth.vehicle[hit[part]] == (vehicles[found.track[part[0]]] or "")] for part in parts if len(part)]
    return [
        (str(truth.label[hit[part[0]]]), found.label[part].tolist(), found.score[part].tolist()) for part in mine if len(part)
    ]


def learned(tracks: list[Track], passed: Counter, worth: float) -> Confusion:
    """passed: true labels of the vehicles that passed."""
    said = np.full((len(LABELS), len(LABELS)), 0.5)  # what was never seen is not impossible
    for true, labels, _ in tracks:
        np.add.at(said[LABELS.index(true)], [LABELS.index(label) for label in labels], 1)
    shares = np.array([passed[label] + 0.5 for label in LABELS])
    return Confusion(shares / shares.sum(), said / said.sum(1, keepdims=True), worth)


def judged(tracks: list[Track], confusion: Confusion) -> dict[str, float]:
    """loss: mean of minus the logarithm of what the true label, or else any other, was given."""
    votes = [(true, *confusion.label_of(labels)) for true, labels, _ in tracks]
    right = np.array([true == label for true, label, _ in votes], float)
    probability = np.clip([each for _, _, each in votes], 1e-6, 1 - 1e-6)
    loss = -np.mean(right * np.log(probability) + (1 - right) * np.log(1 - probability))
    return {"loss": float(loss), "right": float(right.mean()), "mean_probability": float(probability.mean())}


def by_scores(tracks: list[Track]) -> float:
    """The share that the highest summed score gets right."""
    said = [
        max(sorted(set(labels)), key=lambda label: sum(np.array(scores)[np.array(labels) == label]))
        for _, labels, scores in tracks
    ]
    return float(np.mean([true == label for (true, _, _), label in zip(tracks, said, strict=True)]))


def crossed(tracks: list[Track], passed: Counter, worth: float) -> dict[str, float]:
    """Each half judged by what the other tells."""
    halves = tracks[::2], tracks[1::2]
    found = [judged(mine, learned(other, passed, worth)) for mine, other in (halves, halves[::-1])]
    return {name: round(float(np.mean([each[name] for each in found])), 4) for name in found[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", action="append", required=True, help="may be given several times")
    lakes, load = [Lake(uri) for uri in parser.parse_args().lake], os.getloadavg()[0]
    tracks: list[Track] = []
    passed: Counter = Counter()
    models: set[str] = set()
    for lake in lakes:
        campaign = lake.campaign()
        for camera in campaign.cameras:
            results = read_camera(lake, camera.id, campaign.hours())
            tracks += tracks_of(results)
            models |= set(read(lake, "detections", camera.id, campaign.hours(), ["model"])["model"].unique().to_pylist())
            passages: pa.Table = read(lake, "truth_passages", camera.id, campaign.hours(), ["label"])
            passed.update(passages["label"].to_pylist())
    by_worth = {worth: crossed(tracks, passed, worth) for worth in WORTHS}
    best = min(WORTHS, key=lambda worth: by_worth[worth]["loss"])
    confusion = learned(tracks, passed, best)
    written = {
        "command": f"python benchmarks/labels.py {' '.join('--lake LAKE' for _ in lakes)}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {name: version(name) for name in ("numpy", "pyarrow")} | {"python": platform.python_version()},
        "load_before": round(load, 1),
        "models": sorted(models),
        "lakes": [lake.campaign().name for lake in lakes],
        "tracks": len(tracks),
        "detections": sum(len(labels) for _, labels, _ in tracks),
        "right_by_summed_scores": round(by_scores(tracks), 4),
        "by_worth": {str(worth): each for worth, each in by_worth.items()},
        "worth": best,
    }
    kept = {
        "detector": sorted(models),
        "labels": LABELS,
        "shares": confusion.shares.round(4).tolist(),
        "said": confusion.said.round(5).tolist(),
        "worth": best,
    }
    print(json.dumps(written | kept, indent=2))
    for path, each in (("benchmarks/results/labels.json", written), ("cctview_pipeline/track/label_confusion.json", kept)):
        (ROOT / path).write_text(json.dumps(each, indent=2) + "\n")


if __name__ == "__main__":
    main()
