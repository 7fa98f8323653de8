"""Self-made crops of vehicles with features and tracks, for what learns from them."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cctview_pipeline.ids import DetectionId
from cctview_pipeline.track.sightings import CameraDetections
from cctview_pipeline.training.extractor.lessons import RealVehicles
from cctview_pipeline_tests.factories.archive import HOUR_17, draw_frame, traffic, write_frame

MINUTES = (10, 43, 50)


def write_features(root: Path, cameras: tuple[str, ...] = ("cam-1", "cam-2"), frames: int = 8) -> Path:
    """Drawn frames of minutes that train, tune and test, with two vehicles and a person each, a feature for every box, and the
    basis of the features, below root."""
    rng, cars = np.random.default_rng(0), traffic(120)
    for camera in cameras:
        ids = []
        for number, time in enumerate(_times(frames)):
            path = write_frame(root, camera, time, draw_frame(2.0 * number, cars))
            frame_id = path.name.removesuffix("--original.jpeg")
            ids += [
                str(DetectionId(frame_id=frame_id, number=n, label="car", percent=90.0, box=(40 * n, 90, 40 * n + 30, 115)))
                for n in (1, 2)
            ]
            ids.append(str(DetectionId(frame_id=frame_id, number=3, label="person", percent=90.0, box=(5, 90, 15, 115))))
        features = rng.normal(scale=1.5, size=(len(ids), 256)).astype(np.float16)
        column = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), type=pa.list_(pa.float16(), 256))
        pq.write_table(pa.table({"detection_id": ids, "pca": column}), root / camera / f"{camera}--features-pca256.parquet")
    components = np.linalg.qr(rng.normal(size=(1920, 256)))[0].T
    np.savez(root / "features-basis.npz", mean=rng.normal(size=1920), components=components)
    return root


def _times(frames: int) -> list[datetime]:
    return [HOUR_17 + timedelta(minutes=m, seconds=2 * i) for m in MINUTES for i in range(frames)]


def driving(vehicles: int = 4, frames: int = 6, seed: int = 0) -> tuple[RealVehicles, np.ndarray]:
    """One camera past which vehicles of clearly different patterns drive down one lane each; and which vehicle each crop is.

    Features: one random vector a vehicle, with a little noise.
    """
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 256, (vehicles, 8, 8, 3)).repeat(8, 1).repeat(8, 2)
    looks = rng.normal(scale=1.5, size=(vehicles, 256))
    crops, boxes, times, which = [], [], [], []
    for frame in range(frames):
        for vehicle in range(vehicles):
            crops.append(np.clip(patterns[vehicle] + rng.normal(0, 4, (64, 64, 3)), 0, 255).astype(np.uint8))
            x, y = 20 + 60 * vehicle, 20 + 25 * frame
            boxes.append((x, y, x + 20 + frame, y + 20 + frame))
            times.append(1.7 * frame)
            which.append(vehicle)
    which = np.array(which)
    features = (looks[which] + rng.normal(scale=0.1, size=(len(which), 256))).astype(np.float32)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    ids = [f"cam-1--{i}" for i in range(len(which))]
    seen = CameraDetections(
        ids=ids,
        times=np.array(times),
        boxes=np.array(boxes, float),
        scores=np.ones(len(which)),
        labels=["car"] * len(which),
        embeddings=unit,
        frame_size=(352, 240),
    )
    return RealVehicles(
        camera_id="cam-1", crops=np.stack(crops), seen=seen, features=features, minutes=np.full(len(which), 10)
    ), which
