"""Camera-hours of a world that can be changed: scores, sizes and embeddings, and models that give them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from cctview_pipeline.detect import Detections
from cctview_pipeline.drift import Profile, Reference
from cctview_pipeline.drift.survey import MIN_COUNTS
from cctview_pipeline.lake import Lake
from cctview_pipeline.registry.manifest import ModelEntry
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import partition_of, rows

DIGEST = "0123456789ab" + "0" * 52
DETECTOR, EXTRACTOR = f"made-detector@{DIGEST[:12]}", f"made-extractor@{DIGEST[:12]}"
THRESHOLD = 0.6
DAY = HOUR_17.date()


def scores(count: int, rng: np.random.Generator, night: bool = False) -> np.ndarray:
    """Mostly sure or mostly nothing, as a calibrated detector's; by night it is sure of little."""
    sure = rng.random(count) < (0.2 if night else 0.6)
    return np.where(sure, rng.beta(9, 1.5, count), 0.05 + 0.6 * rng.beta(1, 4, count)).clip(0.05, 1).astype(np.float32)


def sides(count: int, rng: np.random.Generator) -> np.ndarray:
    return np.exp2(rng.normal(4, 0.6, count)).astype(np.float32)


def seen(count: int, rng: np.random.Generator, night: bool = False) -> Profile:
    """Of a camera-hour with so many vehicles."""
    return Profile.of_detections(scores(count, rng, night), THRESHOLD)


def embeddings(count: int, rng: np.random.Generator, night: bool = False, dimension: int = 64) -> np.ndarray:
    """(count, dimension) of length 1 about a common mean; by night all vehicles look nearly the same."""
    vectors = rng.normal(size=(count, dimension)) + (3.0 if night else 0.5) * np.ones(dimension)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def entry_of(model: str) -> ModelEntry:
    """As the manifest would have it: name and weights' hash are the version's."""
    return ModelEntry(model.partition("@")[0], "made", Path("none"), DIGEST)


def write_references(camera_hours: int = 3, seed: int = 1) -> tuple[Reference, Reference]:
    """The two models' references, in CCTVIEW_MODELS, of training cameras in ordinary light."""
    rng = np.random.default_rng(seed)
    cameras = {f"training-{i}": seen(8 * MIN_COUNTS["detections"], rng) for i in range(camera_hours)}
    detector = Reference(DETECTOR, THRESHOLD, cameras)
    known = {f"training-{i}": Profile.of_embeddings(embeddings(8 * MIN_COUNTS["features"], rng)) for i in range(camera_hours)}
    extractor = Reference(EXTRACTOR, 0.0, known)
    for reference in (detector, extractor):
        reference.write(entry_of(reference.model))
    return detector, extractor


def write_hour(
    lake: Lake, camera: str, hour: datetime = HOUR_17, count: int = 800, night: bool = False, model: str = DETECTOR
) -> None:
    """Detections and features of a camera-hour: so many vehicles and as many embeddings."""
    rng = np.random.default_rng([hour.hour, *camera.encode()])
    made, longer = scores(count, rng, night), sides(count, rng)
    values = zip(made.tolist(), longer.tolist(), strict=True)
    frames = [f"{camera}--{hour + timedelta(seconds=i // 6):%Y-%m-%d--%H.%M.%S}.000Z" for i in range(count)]
    table = rows(
        "detections",
        *(
            {
                "frame_id": frame,
                "camera_id": camera,
                "x1": 0.0,
                "y1": 0.0,
                "x2": side,
                "y2": side + 5,
                "score": score,
                "model": model,
            }
            for frame, (score, side) in zip(frames, values, strict=True)
        ),
    )
    lake.write("detections", partition_of("detections", camera, hour), table)
    vectors = embeddings(count, rng, night)
    found = rows("features", *({"embedding": vector.tolist(), "model": EXTRACTOR} for vector in vectors), dimension=64)
    lake.write("features", partition_of("features", camera, hour), found)


@dataclass
class MadeDetector:
    """Six vehicles and a person a picture, whatever it shows."""

    threshold: float = THRESHOLD
    version: str = DETECTOR
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    def detect(self, images, min_score: float = 0.05) -> list[Detections]:
        return [self._one() for _ in images]

    def _one(self) -> Detections:
        side = sides(7, self.rng)
        boxes = np.stack([np.zeros(7), np.zeros(7), side, side + 5], axis=1).astype(np.float32)
        return Detections(boxes, scores(7, self.rng), ["car"] * 6 + ["person"])


@dataclass
class MadeExtractor:
    """Embeddings of ordinary light, whatever the crops."""

    dimension: int = 64
    version: str = EXTRACTOR
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(6))

    def embed(self, crops, space: str = "own") -> np.ndarray:
        return embeddings(len(crops), self.rng)


def table_of(vectors: np.ndarray) -> pa.Table:
    return rows("features", *({"embedding": vector.tolist()} for vector in vectors), dimension=vectors.shape[1])
