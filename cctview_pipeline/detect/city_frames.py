"""Training frames of the synthetic city: every vehicle known, cameras and weather that no recording has.

Seeds 0-999 only; those of development and evaluation are never trained on.
"""

import hashlib
import logging
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cctview_pipeline.cameras import city
from cctview_pipeline.cameras.city import CityNetwork, CitySettings
from cctview_pipeline.cameras.city.network import START
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.detect.labels import FrameLabels
from cctview_pipeline.ids import FrameId

FRAMES_A_CAMERA = 8
SMALLEST_PX, LEAST_VISIBLE = 6.0, 0.3
"""Smaller or more hidden vehicles are left out of the loss: neither vehicle nor background."""

log = logging.getLogger(__name__)


def city_version() -> str:
    """A hash of the city's source: the same seed gives the same pictures as long as it is the same."""
    digest = hashlib.sha256()
    for path in sorted(Path(city.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def draw_city_frames(seeds: range, directory: Path) -> list[FrameLabels]:
    """Draw frames of these cities into a folder; those that this very version of the city has drawn there are kept.

    Each city has its own hour of the day, and one in six each of rain, night and a jam.
    """
    folders = {seed: directory / f"{city_version()}-{seed:03d}" for seed in seeds}
    missing = [seed for seed in seeds if not (folders[seed] / "truth.parquet").exists()]
    if missing:
        log.info("drawing %d cities of %d", len(missing), len(folders))
        # One process a core: drawing is numba and numpy, and a city shares nothing with the next.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(len(missing), len(os.sched_getaffinity(0))), context) as pool:
            list(pool.map(_draw, missing, [folders[seed] for seed in missing]))
    return [frame for folder in folders.values() for frame in _read(folder)]


def _draw(seed: int, folder: Path) -> None:
    rng = np.random.default_rng((seed, 31))
    faults = tuple(name for name, share in (("rain", 1 / 6), ("night", 1 / 6), ("jam", 1 / 6)) if rng.random() < share)
    # From 06:00 to 13:00 in New York: the traffic of a day is simulated from 04:00 on, so that early hours are cheap.
    start = START.replace(hour=0) + timedelta(hours=int(rng.integers(10, 18)))
    network = CityNetwork(CitySettings(seed=seed, start=start, minutes=30, faults=faults))
    folder.mkdir(parents=True, exist_ok=True)
    truths = []
    for camera in network.cameras():
        shots = network.shots(camera, start)
        for i in sorted(rng.choice(len(shots), FRAMES_A_CAMERA, replace=False).tolist()):
            frame, truth = network.picture_and_truth(camera, shots[i])
            (folder / f"{frame.frame_id}.jpeg").write_bytes(frame.jpeg)
            truths.append(truth)
    partial = folder / "truth.partial"
    pq.write_table(pa.concat_tables(truths), partial)
    partial.replace(folder / "truth.parquet")  # last, and whole: what has it has every picture


def _read(folder: Path) -> list[FrameLabels]:
    truth = pq.read_table(folder / "truth.parquet")
    return [_labels(path, truth.filter(pc.equal(truth["frame_id"], path.stem))) for path in sorted(folder.glob("*.jpeg"))]


def _labels(path: Path, truth: pa.Table) -> FrameLabels:
    boxes = np.stack([truth[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
    shorter = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf) if len(boxes) else np.zeros(0)
    counts = (shorter >= SMALLEST_PX) & (truth["visible_fraction"].to_numpy() >= LEAST_VISIBLE)
    labels = np.array([LABELS.index(label) for label in truth["label"].to_pylist()], np.int64)
    nothing = np.zeros((0, 4), np.float32)
    return FrameLabels(path, FrameId.parse(path.stem), boxes[counts], labels[counts], boxes[~counts], nothing)
