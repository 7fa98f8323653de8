"""The expressway's traffic as a tracker sees it: whoever comes by goes by."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.city.mounts import HEIGHT, WIDTH
from cctview_pipeline.city.truth import COUNTED_PX
from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.track.movements.found import find
from cctview_pipeline.track.movements.paths import paths_of
from cctview_pipeline.track.sightings import CameraDetections
from cctview_pipeline.track.tracker import track

FOUND, LOOKS, UNLIKE = 0.9, 16, 0.5
"""Of the vehicles in a frame the share that is found; how many numbers tell their looks, and how far these are off."""


@pytest.mark.slow
@pytest.mark.parametrize("camera", ["city-1", "city-5"])
def test_nobody_turns_on_it(truth: Callable[[str], pa.Table], camera: str):
    seen = sightings(truth(camera))
    movements = find(paths_of(camera, pa.table({}), track(seen).tracks, seen), faces="").movements
    assert [(each.approach, each.exit, each.turn) for each in movements] == [
        ("from-far", "to-near", "through"),
        ("from-near", "to-far", "through"),
    ]


def sightings(truth: pa.Table) -> CameraDetections:
    """The boxes that count, but for some that a detector misses, with looks that are much alike from frame to frame."""
    rng = np.random.default_rng(0)
    boxes = np.stack([truth[side].to_numpy() for side in ("x1", "y1", "x2", "y2")], axis=1).astype(float)
    sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    labels = np.array(truth["label"].to_pylist())
    counted = (truth["visible_fraction"].to_numpy() >= 0.3) & (sides >= COUNTED_PX) & np.isin(labels, VEHICLES)
    times = truth["captured_at"].cast(pa.int64()).to_numpy() / 1e6
    rows = np.flatnonzero(counted & (rng.random(len(boxes)) < FOUND))
    rows = rows[np.argsort(times[rows], kind="stable")]
    _, who = np.unique(np.array(truth["vehicle_id"].to_pylist())[rows], return_inverse=True)
    looks = rng.normal(size=(who.max() + 1, LOOKS))[who] + UNLIKE * rng.normal(size=(len(rows), LOOKS))
    return CameraDetections(
        ids=[str(row) for row in rows],
        times=times[rows],
        boxes=boxes[rows],
        scores=np.ones(len(rows)),
        labels=labels[rows].tolist(),
        embeddings=(looks / np.linalg.norm(looks, axis=1, keepdims=True)).astype(np.float32),
        frame_size=(WIDTH, HEIGHT),
    )
