"""How well vehicles are found, beside every teacher and all of them fused: on later minutes of known cameras, and on cameras,
cities and lights that were left out of a training; each before and after masking.

Against the published boxes of 0.40 and more (those below count neither way), where there are any, and against what the teachers
see together (``cctview_pipeline/training/detector/recordings.py``). Car, bus and truck are one.

Run with ``python benchmarks/detect_quality.py [--data DIR] [--unseen MODELS] [--pictures FOLDER]``. DIR holds ``nyc-fdr`` and
``cities``; MODELS is where ``CCTVIEW_MODELS=MODELS cctview train detector`` and ``train people``, both ``--without`` some
cameras, put their weights. The result goes to benchmarks/results/detect-quality.json and, as tables, to standard output. The
pictures show what is stored, with the boxes found in it; they are personal data and belong in no repository.
"""

import argparse
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from cctview_pipeline.detect import VEHICLES, Detections, load_detector
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.evaluate.masking import Painted
from cctview_pipeline.images import decode
from cctview_pipeline.images.drawing import draw_boxes
from cctview_pipeline.policy import Policy
from cctview_pipeline.redaction.masking import Masker
from cctview_pipeline.registry.manifest import find_model, read_facts
from cctview_pipeline.training.detector.assessment import Truth, assess, consensus, published
from cctview_pipeline.training.detector.labels import FrameLabels, published_boxes
from cctview_pipeline.training.detector.recordings import FUSED, Recording, find_recordings, load_recordings

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "detect-quality.json"
TEACHERS = "teacher-detections.parquet"
Found = Mapping[str, Detections]
"""Frame -> vehicles."""


class Data:
    """Frames of one folder, what is known of them, and what each teacher found in them."""

    def __init__(self, folder: Path) -> None:
        self.recordings = {str(each.frame_id): each for each in find_recordings(folder)}
        self.labels = {str(each.frame_id): each for each in load_recordings(folder)}
        self.teachers = self._read(folder / TEACHERS, "teacher") | self._read(folder / FUSED, "")

    def _read(self, file: Path, column: str) -> dict[str, Found]:
        by_name = {each.name: (name, each) for name, each in self.recordings.items()}
        table = pq.read_table(file).to_pandas()
        table = table[table["label"] == "vehicle"]
        table["by"] = table[column] if column else "teachers fused"
        found: dict[str, dict[str, Detections]] = {}
        for (teacher, file_name), rows in table.groupby(["by", "frame_id"], sort=False):
            name, recording = by_name[file_name]
            boxes = rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float32) * np.float32(recording.scale)
            scores = rows["score"].to_numpy(np.float32)
            order = np.argsort(-scores, kind="stable")
            found.setdefault(teacher, {})[name] = Detections(boxes[order], scores[order], ["car"] * len(order))
        return found

    def frames(self, cameras: Sequence[str] = (), light: str = "", after: int = 0) -> list[str]:
        def asked(name: str, each: Recording) -> bool:
            camera, minute = each.frame_id.camera_id, each.frame_id.time.minute
            return (not cameras or camera in cameras) and light in ("", each.light) and minute >= after

        return [name for name, each in self.recordings.items() if asked(name, each)]


def compare(data: Data, names: list[str], pictures: Path | None = None) -> dict:
    """Everybody's tables on one set of frames, and what was painted of it."""
    frames = [data.labels[name] for name in names]
    ours = load_detector(device="cpu")
    jpegs = [frame.path.read_bytes() for frame in frames]
    stored = [each.jpeg for each in Masker.of(Policy()).mask([f.frame_id.camera_id for f in frames], jpegs)]
    found = {"default": ours.detect(jpegs), "default, masked": ours.detect(stored)}
    found["not enlarged, masked"] = ours.detect(stored, scales=[1.0])
    contenders = {name: dict(zip(names, map(vehicles, each), strict=True)) for name, each in found.items()}
    # One pass looked at a few frames only.
    contenders |= {who: each for who, each in data.teachers.items() if sum(name in each for name in names) > 0.5 * len(names)}
    truths = {"teachers fused": consensus(frames)}
    if all(frame.published for frame in frames):
        truths = {"published": published(frames)} | truths
    told: dict = {"frames": len(frames), "threshold": round(ours.threshold, 3), "painted": painted(frames, jpegs, stored)}
    for truth, of_frames in truths.items():
        rows = {name: row(each, names, of_frames) for name, each in contenders.items()}
        told[f"against {truth}"] = {name: values for name, values in rows.items() if name != truth}
    if pictures:
        draw(names, stored, contenders["default, masked"], ours.threshold, pictures)
    return told


def vehicles(found: Detections) -> Detections:
    return found.select(np.array([label in VEHICLES for label in found.labels], bool))


def row(found: Found, names: list[str], truths: list[Truth]) -> dict[str, float]:
    """AP50, over all and by size."""
    missing = Detections.empty()
    rows = assess([found.get(name, missing) for name in names], truths).rows(0.5)
    return {each["size"]: each["AP50"] for each in rows}


def painted(frames: list[FrameLabels], before: list[bytes], after: list[bytes]) -> dict[str, float]:
    """Shares of pixels. People: of 0.50 and more where there are published boxes, else those the teachers see by day."""
    sums = Painted()
    for frame, first, second in zip(frames, before, after, strict=True):
        people, of_vehicles = frame.people, frame.objects[frame.labels < len(VEHICLES)]
        if frame.published:
            boxes = published_boxes(frame.path)
            people = boxes.boxes[(boxes.labels == LABELS.index("person")) & (boxes.scores >= 0.5)]
            of_vehicles = published([frame])[0][0]
        sums.add(decode(first), decode(second), of_vehicles, people)
    return {name: round(share, 5) for name, share in zip(("picture", "vehicles", "people"), sums.shares(), strict=True)}


def draw(names: list[str], jpegs: list[bytes], found: Found, threshold: float, folder: Path) -> None:
    """Twelve frames, three sheets of four."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for i in np.linspace(0, len(names) - 1, 12).astype(int):
        boxes = found[names[i]].select(found[names[i]].scores >= threshold)
        drawn.append(Image.fromarray(draw_boxes(decode(jpegs[i]), boxes.boxes.tolist(), boxes.labels)).resize((704, 528)))
    for sheet in range(3):
        canvas = Image.new("RGB", (1408, 1056))
        for place, picture in enumerate(drawn[sheet::3]):
            canvas.paste(picture, (place % 2 * 704, place // 2 * 528))
        canvas.save(folder / f"sheet-{sheet + 1}.png")


def sets(fdr: Data, cities: Data, unseen: str) -> Iterator[tuple[str, Data, list[str]]]:
    """Title, data and frames. The weights in use change on the way."""
    yield "FDR Drive, minutes 45-49 of known cameras", fdr, fdr.frames(after=45)
    if unseen:
        os.environ["CCTVIEW_MODELS"] = unseen
        left_out = read_facts(find_model("default", "detector"))["recipe"]["without"]
        for camera in left_out:
            if names := fdr.frames([camera]):
                yield f"{camera}, by weights that never saw it", fdr, names
        for light in ("", "day", "dusk", "night"):
            known = ", ".join(camera for camera in left_out if cities.frames([camera]))
            title = f"{known} of other cities, by weights that never saw them: {light or 'all'}"
            yield title, cities, cities.frames(left_out, light)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="a folder with nyc-fdr and cities")
    parser.add_argument("--unseen", default="", help="a models folder whose trainings left cameras out")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures")
    arguments = parser.parse_args()
    # Without --unseen what was measured of other weights stays, each with the models that it is of.
    results = json.loads(RESULT.read_text())["results"] if RESULT.exists() else {}
    for title, data, names in sets(Data(arguments.data / "nyc-fdr"), Data(arguments.data / "cities"), arguments.unseen):
        models = {name: find_model(name, task).version for name, task in (("default", "detector"), ("people-finder", "masker"))}
        folder = arguments.pictures / title.replace(" ", "-") if arguments.pictures else None
        results[title] = {"models": models} | compare(data, names, folder)
        show(title, results[title])
    written = {
        "command": "python benchmarks/detect_quality.py --data DIR --unseen MODELS",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": platform.machine(),
        "versions": {name: version(name) for name in ("openvino", "torch", "numpy")},
        "results": results,
    }
    RESULT.write_text(json.dumps(written, indent=2) + "\n")


def show(title: str, result: dict) -> None:
    print(f"\n## {title}: {result['frames']} frames; painted: {result['painted']}")
    for name, rows in result.items():
        if name.startswith("against"):
            sizes = next(iter(rows.values()))
            print(f"\n{name}\n\n| AP50 | {' | '.join(sizes)} |\n|---|" + "---|" * len(sizes))
            for who, values in rows.items():
                print(f"| {who} | {' | '.join(f'{value:.3f}' for value in values.values())} |")


if __name__ == "__main__":
    main()
