"""What the extractor learns from: crops of recorded vehicles with the published features, and crops of the synthetic city.

Nobody knows which recorded crops show one vehicle. In successive frames of one camera a vehicle looks the same but for its
size, so crops that match each other pixel by pixel, and nothing else within reach, are taken for one; no embedding has a say.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cctview_pipeline.boxes import clip
from cctview_pipeline.detect.detections import VEHICLES
from cctview_pipeline.embed.views import letterbox
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import NEW_YORK, DetectionId, FrameId
from cctview_pipeline.images import decode
from cctview_pipeline.images.jpeg import capture_time
from cctview_pipeline.track.flow import certain_pairs
from cctview_pipeline.track.sightings import CameraDetections

FEATURES = "--features-pca256.parquet"
RADIUS = 40.0
"""Of the sphere on which the published features are laid; 99 in 100 are shorter."""


@dataclass(frozen=True, kw_only=True)
class RealVehicles:
    """The vehicles of one recorded camera, in order of time.

    crops: (N,) arrays (H, W, 3) uint8; seen: where and when, with the published features, of length 1, as embeddings; features:
    (N, 256) float32, the same as they were published; minutes: (N,) of the hour.
    """

    camera_id: str
    crops: np.ndarray
    seen: CameraDetections
    features: np.ndarray
    minutes: np.ndarray

    def select(self, keep: np.ndarray) -> "RealVehicles":
        return RealVehicles(
            camera_id=self.camera_id,
            crops=self.crops[keep],
            seen=self.seen.select(keep),
            features=self.features[keep],
            minutes=self.minutes[keep],
        )

    def targets(self) -> np.ndarray:
        """(N, 257) of length 1: the features, and what they lack to the radius.

        An embedding of length 1 cannot say how long a feature is, and the published method compares features by Euclidean
        distance. On the upper half of a sphere both fit: distances there are nearly those between the features.
        """
        laid = self.features / RADIUS
        rest = np.sqrt(np.clip(1 - (laid**2).sum(1, keepdims=True), 0, None))
        lifted = np.concatenate([laid, rest], axis=1)
        return lifted / np.linalg.norm(lifted, axis=1, keepdims=True)

    def successors(self, least: float = 0.75, margin: float = 0.15) -> np.ndarray:
        """(N,) for each crop that of the same vehicle in the next frame, or -1 where that is not certain.

        Certain are pairs within reach whose pictures correlate best with each other, at least or more and by the margin more
        than either with any other. With the values given nearly all are right, as looking at them shows.
        """
        seen = replace(self.seen, embeddings=_templates(np.stack([letterbox(crop) for crop in self.crops])))
        earlier, later = certain_pairs(seen, least, margin)
        successor = np.full(len(seen), -1)
        successor[earlier] = later
        return successor


def as_array(crops: Sequence[np.ndarray]) -> np.ndarray:
    """Crops of any sizes as an (N,) array of objects, from which rows can be taken."""
    array = np.empty(len(crops), object)
    for number, crop in enumerate(crops):  # all at once, NumPy would stack those of one size
        array[number] = crop
    return array


def _templates(crops: np.ndarray) -> np.ndarray:
    """(N, 64, 64, 3) uint8 -> (N, 768) of length 1: 16 x 16 pixels less their mean, so that a product is a correlation."""
    small = crops.reshape(len(crops), 16, 4, 16, 4, 3).mean((2, 4), dtype=np.float32).reshape(len(crops), -1)
    small -= small.mean(1, keepdims=True)
    return small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)


@dataclass(frozen=True, kw_only=True)
class SyntheticVehicles:
    """Crops of the city: crops (N,) arrays (H, W, 3) uint8; vehicles (N,) numbers, one a vehicle of a city; cameras (N,) ids;
    seeds (N,); times (N,) s since 1970."""

    crops: np.ndarray
    vehicles: np.ndarray
    cameras: np.ndarray
    seeds: np.ndarray
    times: np.ndarray

    @classmethod
    def of(cls, table: pa.Table) -> "SyntheticVehicles":
        names = [
            f"{seed} {vehicle}" for seed, vehicle in zip(*(table[n].to_pylist() for n in ("seed", "vehicle_id")), strict=True)
        ]
        return cls(
            crops=as_array([decode(image) for image in table["image"].to_pylist()]),
            vehicles=np.unique(names, return_inverse=True)[1],
            cameras=np.array(table["camera_id"].to_pylist()),
            seeds=table["seed"].to_numpy(),
            times=table["captured_at"].cast(pa.int64()).to_numpy() / 1e6,
        )


def load_recorded(data: Path) -> list[RealVehicles]:
    """Cut every vehicle with a published feature out of its frame, camera by camera.

    data: a folder of the published layout with ``*--features-pca256.parquet``.
    """
    files = sorted(data.glob(f"*/*{FEATURES}"))
    if not files:
        raise CctviewError(f"There is nothing to learn from: no *{FEATURES} below {data}.")
    return [_camera(data, file) for file in files]


def published_basis(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """The mean (1920,) and components (256, 1920) that turn the recorded features into the published ones."""
    file = data / "features-basis.npz"
    if not file.exists():
        raise CctviewError(f"The features' mean and components are missing: there is no {file}.")
    with np.load(file) as basis:
        return basis["mean"].astype(np.float32), basis["components"].astype(np.float32)


def _camera(data: Path, file: Path) -> RealVehicles:
    table = pq.read_table(file)
    values = np.stack(table["pca"].to_numpy(zero_copy_only=False)).astype(np.float32)
    by_frame: dict[str, list[tuple[DetectionId, np.ndarray]]] = defaultdict(list)
    for text, feature in zip(table["detection_id"].to_pylist(), values, strict=True):
        detection = DetectionId.parse(text)
        if detection.label in VEHICLES:
            by_frame[detection.frame_id].append((detection, feature))
    crops, features, ids, times, boxes, minutes = [], [], [], [], [], []
    for text, detections in by_frame.items():
        frame_id = FrameId.parse(text)
        jpeg = _frame_path(data, frame_id).read_bytes()
        image, taken = decode(jpeg), (capture_time(jpeg) or frame_id.time).timestamp()
        inside = clip(np.array([d.box for d, _ in detections]), image.shape[1], image.shape[0])
        for (x1, y1, x2, y2), (detection, feature) in zip(inside, detections, strict=True):
            if x2 - x1 >= 4 and y2 - y1 >= 4:
                crops.append(image[y1:y2, x1:x2].copy())
                features.append(feature)
                ids.append(detection)
                times.append(taken)
                boxes.append((x1, y1, x2, y2))
                minutes.append(frame_id.time.minute)
    order = np.lexsort(([d.number for d in ids], times))
    published = np.stack(features)
    unit = published / np.linalg.norm(published, axis=1, keepdims=True)
    seen = CameraDetections(
        ids=[str(d) for d in ids],
        times=np.array(times),
        boxes=np.array(boxes, np.float64),
        scores=np.array([d.percent / 100 for d in ids]),
        labels=[d.label for d in ids],
        embeddings=unit,
        frame_size=(image.shape[1], image.shape[0]),
    )
    return RealVehicles(
        camera_id=FrameId.parse(ids[0].frame_id).camera_id,
        crops=as_array(crops),
        seen=seen,
        features=published,
        minutes=np.array(minutes),
    ).select(order)


def _frame_path(data: Path, frame_id: FrameId) -> Path:
    folder = f"{frame_id.time.astimezone(NEW_YORK):%Y/%m/%d/%H/%M/%S}"
    return data / frame_id.camera_id / folder / f"{frame_id}--original.jpeg"


def frame_pairs(cameras: Sequence[RealVehicles], rng: np.random.Generator) -> list[tuple[int, np.ndarray]]:
    """Every frame once, with the one before or after it: (camera, rows of both), in random order."""
    pairs: list[tuple[int, np.ndarray]] = []
    for number, camera in enumerate(cameras):
        frames = camera.seen.frames()
        begins = range(int(rng.integers(2)), len(frames) - 1, 2)
        pairs.extend((number, np.concatenate(frames[begin : begin + 2])) for begin in begins)
    return [pairs[i] for i in rng.permutation(len(pairs))]


def city_groups(rendered: SyntheticVehicles, vehicles: int, crops: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows of so many vehicles of one city that passed at about one time, so many crops of each; as many groups as fill a pass.

    Only vehicles that at least two cameras saw take part. Vehicles of one time are what matching has to tell apart.
    """
    order = np.argsort(rendered.vehicles, kind="stable")
    rows_of = np.split(order, np.flatnonzero(np.diff(rendered.vehicles[order])) + 1)
    rows_of = [rows for rows in rows_of if len(np.unique(rendered.cameras[rows])) > 1]
    when = np.array([rendered.times[rows].mean() + rng.normal(0, 30) for rows in rows_of])
    seed = np.array([rendered.seeds[rows[0]] for rows in rows_of])
    along = np.lexsort((when, seed))
    groups = []
    for begin in range(0, len(along) - vehicles + 1, vehicles):
        members = [rows_of[i] for i in along[begin : begin + vehicles]]
        groups.append(np.concatenate([rng.choice(rows, crops, replace=len(rows) < crops) for rows in members]))
    return [groups[i] for i in rng.permutation(len(groups))]
