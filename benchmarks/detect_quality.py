"""How well vehicles are found: on later minutes of known cameras, and on a camera that was left out of the training.

Against the published boxes of 0.40 and more (those below count neither way) and against the consensus of three detectors;
beside it the published RetinaNet itself against the consensus, on the same frames. Car, bus and truck are one.

Run with ``python benchmarks/detect_quality.py --data DIR [--unseen MODELS] [--pictures FOLDER]``. DIR is a folder of the
published layout; MODELS is where ``CCTVIEW_MODELS=MODELS cctview train detector --data DIR --without CAMERA`` put its weights.
The result goes to benchmarks/results/detect-quality.json and, as tables, to standard output. The pictures show RetinaNet
(left) and default (right); they are personal data and belong in no repository.
"""

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from cctview_pipeline.detect import Detections, Detector, load_detector
from cctview_pipeline.detect.assessment import assess, consensus, find, published
from cctview_pipeline.detect.labels import FrameLabels, load_labels, published_truth
from cctview_pipeline.detect.pictures import draw_boxes
from cctview_pipeline.images import decode
from cctview_pipeline.weights import find_model, read_facts

ROOT = Path(__file__).resolve().parent.parent
RETINANET_THRESHOLD = 0.40


def compare(detector: Detector, frames: list[FrameLabels]) -> dict:
    """The tables of one set of frames."""
    found = find(detector, frames)
    return {
        "frames": len(frames),
        "threshold": detector.threshold,
        "default against the published boxes": assess(found, published(frames)).rows(detector.threshold),
        "default against the consensus": assess(found, consensus(frames)).rows(detector.threshold),
        "RetinaNet against the consensus": assess([retinanet(f) for f in frames], consensus(frames)).rows(RETINANET_THRESHOLD),
    }


def retinanet(frame: FrameLabels) -> Detections:
    """The published vehicles of 0.25 and more. Those below the threshold have no scores here, so they come last."""
    sure, weak = published_truth(frame.path)
    scores = np.concatenate([np.full(len(sure), 0.7, np.float32), np.full(len(weak), 0.3, np.float32)])
    return Detections(np.concatenate([sure, weak]), scores, ["car"] * len(scores))


def draw(detector: Detector, frames: list[FrameLabels], folder: Path) -> None:
    """Twelve frames, three sheets of four."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [frames[i] for i in np.linspace(0, len(frames) - 1, 12).astype(int)]
    rows = []
    for frame, found in zip(chosen, find(detector, chosen), strict=True):
        image, ours = decode(frame.path.read_bytes()), found.select(found.scores >= detector.threshold)
        theirs = published_truth(frame.path)[0]
        sides = [draw_boxes(image, b.tolist(), ["car"] * len(b)) for b in (theirs, ours.boxes)]
        rows.append(np.concatenate(sides, axis=1))
    for sheet in range(3):
        Image.fromarray(np.concatenate(rows[sheet::3])).save(folder / f"sheet-{sheet + 1}.png")


def table(rows: list[dict]) -> str:
    head = "| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0])
    return "\n".join(
        [head, *("| " + " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in r.values()) + " |" for r in rows)]
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="a folder of the published layout")
    parser.add_argument("--unseen", default="", help="a models folder whose default-detector left a camera out")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures")
    arguments = parser.parse_args()
    frames = load_labels(arguments.data)
    later = [frame for frame in frames if frame.frame_id.time.minute >= 45]
    detector = load_detector(device="cpu")
    results = {"later minutes of known cameras": {"model": detector.version} | compare(detector, later)}
    if arguments.pictures:
        draw(detector, later, arguments.pictures / "known")
    if arguments.unseen:
        os.environ["CCTVIEW_MODELS"] = arguments.unseen
        left_out = read_facts(find_model("default", "detector"))["recipe"]["without"]
        unseen, detector = [f for f in frames if f.frame_id.camera_id in left_out], load_detector(device="cpu")
        title = f"{', '.join(left_out)}, by weights that never saw it"
        results[title] = {"model": detector.version} | compare(detector, unseen)
        if arguments.pictures:
            draw(detector, unseen, arguments.pictures / "unseen")
    for title, result in results.items():
        print(f"\n## {title}: {result['frames']} frames, threshold {result['threshold']:.3f}")
        for name, rows in result.items():
            if isinstance(rows, list):
                print(f"\n{name}\n\n{table(rows)}")
    written = {
        "command": "python benchmarks/detect_quality.py --data DIR --unseen MODELS",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": platform.machine(),
        "versions": {name: version(name) for name in ("openvino", "torch", "numpy")},
        "results": results,
    }
    (ROOT / "benchmarks" / "results" / "detect-quality.json").write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
