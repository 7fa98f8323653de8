"""Training frames of the synthetic city: every vehicle known, cameras and weather that no recording has.

Seeds 0-999 only; those of development and evaluation are never trained on.
"""

import logging
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from cctview_pipeline.cameras.city import CityNetwork, CitySettings
from cctview_pipeline.cameras.city.network import START
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.detect.labels import FrameLabels
from cctview_pipeline.ids import FrameId

FRAMES_A_CAMERA = 8
SMALLEST_PX, LEAST_VISIBLE = 6.0, 0.3
"""Smaller or more hidden vehicles are left out of the loss: neither vehicle nor background."""

log = logging.getLogger(__name__)


def draw_city_frames(seeds: range, directory: Path) -> list[FrameLabels]:
    """Draw frames of these cities into a folder, always anew: a picture left by an older city would not fit its labels.

    Each city has its own hour of the day, and one in six each of rain, night and a jam.
    """
    frames: list[FrameLabels] = []
    for seed in seeds:
        log.info("city %d, of %d to %d", seed, seeds[0], seeds[-1])
        frames += _city(seed, directory / f"city-{seed:03d}")
    return frames


def _city(seed: int, directory: Path) -> list[FrameLabels]:
    rng = np.random.default_rng((seed, 31))
    faults = tuple(name for name, share in (("rain", 1 / 6), ("night", 1 / 6), ("jam", 1 / 6)) if rng.random() < share)
    # From 06:00 to 13:00 in New York: the traffic of a day is simulated from 04:00 on, so that early hours are cheap.
    start = START.replace(hour=0) + timedelta(hours=int(rng.integers(10, 18)))
    network = CityNetwork(CitySettings(seed=seed, start=start, minutes=30, faults=faults))
    directory.mkdir(parents=True, exist_ok=True)
    frames = []
    for camera in network.cameras():
        shots = network.shots(camera, start)
        for i in sorted(rng.choice(len(shots), FRAMES_A_CAMERA, replace=False).tolist()):
            frame, truth = network.picture_and_truth(camera, shots[i])
            path = directory / f"{frame.frame_id}.jpeg"
            path.write_bytes(frame.jpeg)
            frames.append(_labels(path, truth))
    return frames


def _labels(path: Path, truth: pa.Table) -> FrameLabels:
    boxes = np.stack([truth[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
    shorter = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf) if len(boxes) else np.zeros(0)
    counts = (shorter >= SMALLEST_PX) & (truth["visible_fraction"].to_numpy() >= LEAST_VISIBLE)
    labels = np.array([LABELS.index(label) for label in truth["label"].to_pylist()], np.int64)
    return FrameLabels(path, FrameId.parse(path.stem), boxes[counts], labels[counts], boxes[~counts])
