"""What a tracker works on: one camera's vehicle detections in order of time, as arrays."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.detect.detections import VEHICLES
from cctview_pipeline.images.size import Size, pixel_of
from cctview_pipeline.lake.columns import embedding_matrix

EDGE_PX = 2.0
"""In a picture of the usual width."""


@dataclass(frozen=True, kw_only=True)
class CameraDetections:
    """N vehicle detections, sorted by time.

    ids: N detection ids; times: (N,) seconds since 1970, float64; boxes: (N, 4) px; scores: (N,); labels: N strings;
    embeddings: (N, D) float32 of length 1, or 0 of boxes below the detector's threshold, which have none; frame_size: width and
    height of the frames, px.
    """

    ids: list[str]
    times: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    labels: list[str]
    embeddings: np.ndarray
    frame_size: Size

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def px(self) -> float:
        """Pixels in one of a picture of the usual width: what is a pixel's there, such as the noise of a box, is as many here."""
        return pixel_of(self.frame_size)

    @cached_property
    def points(self) -> np.ndarray:
        """(N, 2) px: the middle of each box's lower edge, where the vehicle touches the road."""
        return np.stack([(self.boxes[:, 0] + self.boxes[:, 2]) / 2, self.boxes[:, 3]], axis=1)

    @cached_property
    def sizes(self) -> np.ndarray:
        """(N,) px: the square root of each box's area."""
        return np.sqrt((self.boxes[:, 2] - self.boxes[:, 0]) * (self.boxes[:, 3] - self.boxes[:, 1]))

    @cached_property
    def cut(self) -> np.ndarray:
        """(N,) whether a box touches the picture's edge: then some of the vehicle is outside."""
        (width, height), (x1, y1, x2, y2), edge = self.frame_size, self.boxes.T, EDGE_PX * self.px
        return (x1 < edge) | (y1 < edge) | (x2 > width - edge) | (y2 > height - edge)

    @cached_property
    def sure(self) -> np.ndarray:
        """(N,) whether each has an embedding."""
        return np.asarray(self.embeddings.any(axis=1))

    @cached_property
    def frame_numbers(self) -> np.ndarray:
        """(N,) int, of the frames in which there is any sighting, counted in order of time."""
        return np.unique(self.times, return_inverse=True)[1]

    def select(self, keep: np.ndarray) -> "CameraDetections":
        rows = np.arange(len(self))[keep]
        return CameraDetections(
            ids=[self.ids[i] for i in rows],
            times=self.times[rows],
            boxes=self.boxes[rows],
            scores=self.scores[rows],
            labels=[self.labels[i] for i in rows],
            embeddings=self.embeddings[rows],
            frame_size=self.frame_size,
        )

    def frames(self) -> list[np.ndarray]:
        """Rows of the sightings, frame by frame."""
        return np.split(np.arange(len(self)), np.flatnonzero(np.diff(self.times)) + 1) if len(self) else []


def sightings(detections: pa.Table, features: pa.Table, frame_size: Size, unsure_from: float = np.inf) -> CameraDetections:
    """Join the detections that have an embedding with it, and take vehicles that have none from a score up.

    Raises ValueError when an embedding has no detection.
    """
    row = {detection_id: i for i, detection_id in enumerate(detections["detection_id"].to_pylist())}
    ids = features["detection_id"].to_pylist()
    if unknown := [detection_id for detection_id in ids if detection_id not in row]:
        raise ValueError(f"The feature '{unknown[0]}' belongs to no detection.")
    sure = [row[detection_id] for detection_id in ids]
    maybe = (detections["score"].to_numpy() >= unsure_from) & pc.is_in(detections["label"], pa.array(VEHICLES)).to_numpy()
    maybe[sure] = False
    chosen = detections.take(pa.array([*sure, *np.flatnonzero(maybe)], pa.int64()))
    ids = chosen["detection_id"].to_pylist()
    times = chosen["captured_at"].cast(pa.int64()).to_numpy().astype(np.float64) / 1e6
    order = np.lexsort((np.array(ids, dtype=object), times)) if ids else np.zeros(0, np.int64)
    found = CameraDetections(
        ids=ids,
        times=times,
        boxes=np.stack([chosen[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1).astype(np.float64),
        scores=chosen["score"].to_numpy().astype(np.float64),
        labels=chosen["label"].to_pylist(),
        embeddings=np.pad(_unit(embedding_matrix(features)), ((0, len(ids) - len(sure)), (0, 0))),
        frame_size=frame_size,
    )
    return found.select(order)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
