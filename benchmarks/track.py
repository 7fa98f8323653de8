"""How well sightings are joined into tracks: ours beside ByteTrack and OC-SORT, on cities whose truth is known.

Everyone gets the same boxes of the same frames in order of time, empty frames too: the detector's, vehicles at or above its
threshold; and perfect ones, the truth's boxes that count (evaluate/truth.py), so that only the association is left. Ours looks
at embeddings as well: a perfect box has that of the detection that overlaps it most, by a half at least, or else of its own crop.
Each package runs as it comes, and adapted (contenders.py). A camera-hour is tracked by itself.
Seconds are CPU time of tracking alone, on one core; detecting and embedding come before. *The truth's identities* on the same
boxes say how much anyone could reach with them.

Run with ``python benchmarks/track.py --lake LAKE [--lake LAKE ...] [--speed]`` on lakes that were backfilled from the city; needs
the extra ``benchmark``. With --speed also FRAMES frames tracked by ours: one camera's over and over, each repetition after the
last, at its own intervals; once with all of its vehicles and once with as many as make DETECTIONS detections. The result goes to
benchmarks/results/track.json, and as tables for a document to the terminal.
"""

import argparse
import json
import os
import platform
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from contenders import SETTINGS, Given, alone, theirs, told
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from cctview_pipeline.boxes import pairwise_iou
from cctview_pipeline.detect.tables import cut
from cctview_pipeline.embed import Extractor, load_extractor
from cctview_pipeline.evaluate.reading import CameraResults, read, read_camera
from cctview_pipeline.evaluate.tracking import tracking_rows
from cctview_pipeline.evaluate.truth import OVERLAP, PredictedBoxes, assign, rows_by_frame
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.track.sightings import sightings
from cctview_pipeline.track.tracker import track

ROOT = Path(__file__).resolve().parent.parent
METRICS = {"HOTA": 3, "DetA": 3, "AssA": 3, "IDF1": 3, "IDP": 3, "IDR": 3, "ID_switches": 0}
"""And the digits that are told of each."""

FRAMES, DETECTIONS = 3600, 30_000


@dataclass(frozen=True)
class Scene:
    """One camera-hour and the boxes to track. results: its truth, and the boxes found, whose ``rows`` (N,) are to be tracked;
    detections, features: tables in which those have the same ids."""

    results: CameraResults
    rows: np.ndarray
    detections: pa.Table
    features: pa.Table

    @property
    def times(self) -> np.ndarray:
        """(F,) s since 1970 of the frames."""
        return self.results.times / 1e6


def scenes(lake: Lake, extractor: Extractor) -> Iterator[dict[str, Scene]]:
    """Each camera-hour with the detector's boxes, and with perfect ones."""
    campaign = lake.campaign()
    for camera in campaign.cameras:
        for hour in campaign.hours():
            results = read_camera(lake, camera.id, [hour])
            detections, features = (read(lake, name, camera.id, [hour]) for name in ("detections", "features"))
            rows = np.flatnonzero(np.isin(results.found.ids, features["detection_id"].to_pylist()))
            frames = read(lake, "raw_frames", camera.id, [hour], ["frame_id", "captured_at", "jpeg"])
            frames = frames.sort_by([("captured_at", "ascending"), ("frame_id", "ascending")])
            found = Scene(results, rows, detections, features)
            yield {"the detector's boxes": found, "perfect boxes": perfect(found, frames, extractor)}


def perfect(found: Scene, frames: pa.Table, extractor: Extractor) -> Scene:
    """The counted true boxes as if a detector had found them. frames: the camera's raw_frames in order of time."""
    results, old = found.results, found.results.found
    true = np.flatnonzero(results.truth.counted)
    boxes, frame, label = results.truth.boxes[true], results.truth.frame[true], results.truth.label[true]
    ids = np.array([f"{frames['frame_id'][int(f)]}--detections--{row}" for row, f in enumerate(frame)], str)
    vectors = np.zeros((len(true), extractor.dimension), np.float16)
    known = found.rows if results.model == (extractor.version,) else found.rows[:0]
    in_frame = zip(rows_by_frame(frame, len(found.times)), rows_by_frame(old.frame[known], len(found.times)), strict=True)
    crops, without = [], []
    for here, (own, others) in enumerate(in_frame):
        iou = np.pad(pairwise_iou(boxes[own], old.boxes[known[others]]), ((0, 0), (0, 1)))  # a column for frames without any
        near = iou.max(1) >= OVERLAP
        at = [results.embedding_row[old.ids[known[others[column]]]] for column in iou[near].argmax(1)]
        vectors[own[near]] = results.embeddings[at].reshape(-1, extractor.dimension)
        if not near.all():
            image = decode(frames["jpeg"][here].as_py())
            crops += [cut(image, tuple(box)) for box in boxes[own[~near]]]
            without += own[~near].tolist()
    if crops:
        vectors[without] = extractor.embed(crops)
    schema = schema_of("detections")
    model, ones = pa.array([extractor.version] * len(true), pa.string()), np.ones(len(true), np.float32)
    columns = {name: frames[name].take(pa.array(frame)) for name in ("frame_id", "captured_at")}
    columns |= {"detection_id": ids, "camera_id": [results.camera_id] * len(true), "score": ones, "label": label, "model": model}
    columns |= {name: boxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))}
    detections = pa.table({name: columns[name] for name in schema.names}, schema)
    results = replace(
        results, found=PredictedBoxes(ids=ids, frame=frame, boxes=boxes, score=ones, label=label, track=np.full(len(true), -1))
    )
    return Scene(results, np.arange(len(true)), detections, _features(ids, vectors, extractor))


def _features(ids: np.ndarray, vectors: np.ndarray, extractor: Extractor) -> pa.Table:
    schema = schema_of("features", extractor.dimension)
    values = pa.array(vectors.astype(np.float16).ravel())
    embeddings = pa.FixedSizeListArray.from_arrays(values, type=schema.field("embedding").type)
    texts = [pa.array(column, pa.string()) for column in (ids, [extractor.version] * len(ids))]
    return pa.table([texts[0], embeddings, *texts[1:]], schema=schema)


def ours(scene: Scene) -> np.ndarray:
    """(M,) number of the track of every box of results.found, or -1: here and in every contender."""
    seen = sightings(scene.detections, scene.features, (352, 240))
    number = {seen.ids[row]: n for n, rows in enumerate(track(seen).tracks) for row in rows}
    return np.array([number.get(each, -1) for each in scene.results.found.ids], np.int64)


def beside(contender: Callable[[Given], np.ndarray]) -> Callable[[Scene], np.ndarray]:
    """Another tracker (contenders.py), on a scene's boxes."""

    def numbered(scene: Scene) -> np.ndarray:
        found, rows = scene.results.found, scene.rows
        numbers = np.full(len(found.ids), -1)
        numbers[rows] = contender(Given(scene.times, found.frame[rows], found.boxes[rows], found.score[rows]))
        return numbers

    return numbered


def ideal(scene: Scene) -> np.ndarray:
    """The truth's identities on these boxes, those of ignored vehicles last."""
    truth, numbers = scene.results.truth, np.full(len(scene.results.found.ids), -1)
    _, vehicle = np.unique(truth.vehicle, return_inverse=True)
    for counted in (truth.counted, ~truth.counted):
        free = np.full(len(numbers), -1)
        free[scene.rows] = np.where(numbers[scene.rows] < 0, 0, -1)
        hit = assign(replace(truth, counted=counted), replace(scene.results.found, track=free), len(scene.times)).hit
        numbers = np.where(hit >= 0, vehicle[hit], numbers)
    numbers[scene.rows] = alone(numbers[scene.rows])
    return numbers


CONTENDERS = {"ours": ours} | {name: beside(theirs(*each)) for name, each in SETTINGS.items()}
CONTENDERS |= {"the truth's identities": ideal}


class Tally:
    """What one contender made of all scenes of one kind."""

    def __init__(self) -> None:
        self.results: list[CameraResults] = []
        self.hours = self.seconds = self.boxes = self.together = 0.0

    def add(self, scene: Scene, contender: Callable[[Scene], np.ndarray]) -> None:
        began = time.process_time()
        with threadpool_limits(1):
            numbers = contender(scene)
        self.seconds += time.process_time() - began
        self.hours += (scene.times[-1] - scene.times[0]) / 3600
        found = replace(scene.results.found, track=numbers)
        assignment = assign(scene.results.truth, found, len(scene.times))
        self.results.append(replace(scene.results, found=found, assignment=assignment, embeddings=np.zeros((0, 0), np.float16)))
        tracks = numbers[scene.rows][numbers[scene.rows] >= 0]
        self.boxes += len(scene.rows)
        self.together += (np.bincount(tracks)[tracks] > 1).sum()

    def figures(self) -> dict[str, float]:
        values = {row.metric: row.value for row in tracking_rows(self.results) if row.scope == "all" and row.value is not None}
        return {metric: round(values[metric], digits or None) for metric, digits in METRICS.items() if metric in values} | {
            "in_tracks_of_two_or_more": round(self.together / self.boxes, 3),
            "seconds_a_camera_hour": round(self.seconds / self.hours, 2),
        }


def speed(scene: Scene) -> dict:
    """Ours on FRAMES frames of one camera, see above."""
    ids, numbers, count = scene.results.found.ids[scene.rows], ideal(scene)[scene.rows], len(scene.times)
    sizes = np.bincount(numbers)
    every = np.random.default_rng(0).permutation(len(sizes))
    few = every[np.cumsum(sizes[every]) * FRAMES / count <= DETECTIONS]
    step = scene.times[-1] - scene.times[0] + np.median(np.diff(scene.times))
    last = datetime.fromtimestamp(scene.times[(FRAMES - 1) % count] + (FRAMES - 1) // count * step, UTC)
    measured: dict = {"camera": scene.results.camera_id}
    for name, vehicles in (("as many vehicles as make so many detections", few), ("all its vehicles", every)):
        kept = pa.array(ids[np.isin(numbers, vehicles)])
        tables = [table.filter(pc.is_in(table["detection_id"], kept)) for table in (scene.detections, scene.features)]
        detections, features = (
            pa.concat_tables([_later(table, n, n * step) for n in range(-(-FRAMES // count))]) for table in tables
        )
        detections = detections.filter(pc.less_equal(detections["captured_at"], last))
        features = features.filter(pc.is_in(features["detection_id"], detections["detection_id"].combine_chunks()))
        seconds = []
        for _ in range(2):
            began = time.process_time()
            with threadpool_limits(1):
                track(sightings(detections, features, (352, 240)))
            seconds.append(time.process_time() - began)
        measured[name] = {"frames": FRAMES, "detections": features.num_rows, "seconds": round(min(seconds), 2)}
    return measured


def _later(table: pa.Table, number: int, seconds: float) -> pa.Table:
    """The same detections or features again, with ids of their own, some seconds later."""
    columns = {name: table[name] for name in table.column_names}
    columns["detection_id"] = pc.binary_join_element_wise(str(number), table["detection_id"], "-")
    if "captured_at" in columns:
        columns["captured_at"] = pc.add(table["captured_at"], pa.scalar(round(seconds * 1e6), pa.duration("us")))
    return pa.table(columns)


def markdown(results: dict[str, dict]) -> str:
    """A table for each kind of boxes."""
    heads = [*(metric.replace("_", " ") for metric in METRICS), "in tracks of two or more", "s a camera-hour"]
    lines = []
    for boxes, figures in results.items():
        lines += [f"**{boxes.capitalize()}**", "", f"| tracker | {' | '.join(heads)} |", f"|---{'|---:' * len(heads)}|"]
        for name, values in figures.items():
            cells = [f"{values[m]:,.{digits}f}" if m in values else "-" for m, digits in METRICS.items()]
            cells += [f"{values['in_tracks_of_two_or_more']:.3f}", f"{values['seconds_a_camera_hour']:.1f}"]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _processor() -> str:
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return names[0] if names else "unknown processor"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lake", action="append", required=True, help="a lake with the city's truth; may be given several times")
    parser.add_argument("--speed", action="store_true", help="also a camera-hour of many frames")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", "The `ByteTrack` was deprecated", FutureWarning)
    load, extractor = os.getloadavg()[0], load_extractor("default", "cpu")
    lakes = [Lake(uri) for uri in arguments.lake]
    campaigns = [lake.campaign() for lake in lakes]
    tallies: dict[str, dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    busy: list[Scene] = []
    with Progress() as progress:
        total = sum(len(campaign.cameras) * len(campaign.hours()) for campaign in campaigns) * len(CONTENDERS) * 2
        task = progress.add_task("tracking", total=total)
        for lake in lakes:
            for kinds in scenes(lake, extractor):
                for boxes, scene in kinds.items():
                    for name, contender in CONTENDERS.items():
                        tallies[boxes][name].add(scene, contender)
                        progress.advance(task)
                found = kinds["the detector's boxes"]
                if len(found.rows) * FRAMES >= DETECTIONS * len(found.times):  # of the busy ones the quietest
                    busy = sorted([*busy, found], key=lambda scene: len(scene.rows) / len(scene.times))[:1]
    results = {boxes: {name: tally.figures() for name, tally in each.items()} for boxes, each in tallies.items()}
    some = next(iter(tallies["the detector's boxes"].values()))
    names = ("trackers", "supervision", "trackeval", "numpy", "scipy")
    written = {
        "command": f"python benchmarks/track.py {'--lake LAKE ' * len(lakes)}{'--speed' if arguments.speed else ''}".strip(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, {_processor()}",
        "versions": {name: version(name) for name in names} | {"python": platform.python_version()},
        "models": sorted({model for result in some.results for model in result.model}),
        "load_before": round(load, 1),
        "lakes": [campaign.name for campaign in campaigns],
        "camera_hours": round(some.hours, 2),
        "frames": sum(len(result.times) for result in some.results),
        "detections": int(some.boxes),
        "true_boxes_that_count": sum(int(result.truth.counted.sum()) for result in some.results),
        "adapted": told(SETTINGS),
        "results": results,
        "speed": speed(busy[0]) if arguments.speed and busy else None,
    }
    print(markdown(results))
    if written["speed"]:
        print(json.dumps(written["speed"], indent=2))
    (ROOT / "benchmarks" / "results" / "track.json").write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
