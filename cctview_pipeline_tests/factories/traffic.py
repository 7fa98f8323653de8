"""Made cars on a made road, as detections and features: they move so far between two frames that no boxes overlap."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from cctview_pipeline.ids import DetectionId, FrameId
from cctview_pipeline.track.sightings import CameraDetections, sightings
from cctview_pipeline.track.tracker import UNSURE_FROM
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows

DIMENSION = 16
TOP, BOTTOM = 60.0, 230.0
"""Where a car appears or disappears, px."""


@dataclass(frozen=True)
class DrivenCar:
    """number: decides its looks; enters: s after the beginning; away: up the picture; speed: px/s, 0 for a parked one."""

    number: int
    enters: float
    away: bool = True
    speed: float = 20.0
    label: str = "car"

    def box(self, second: float) -> tuple[float, float, float, float] | None:
        """24 x 18 px, its lower edge on the road; None where it can't be seen."""
        x, way = (220.0 if self.away else 120.0), self.speed * (second - self.enters)
        if not self.speed:
            return (300.0, 132.0, 324.0, 150.0) if second >= self.enters else None
        y = BOTTOM - way if self.away else TOP + way
        return (x - 12, y - 18, x + 12, y) if way >= 0 and TOP <= y <= BOTTOM else None


@dataclass(frozen=True)
class MadeHour:
    """detections, features: tables; car_of: detection id -> the car's number."""

    detections: pa.Table
    features: pa.Table
    car_of: dict[str, int]

    @property
    def sightings(self) -> CameraDetections:
        return sightings(self.detections, self.features, (352, 240), UNSURE_FROM)

    def tables(self, tracks: pa.Table | None = None) -> dict[str, pa.Table]:
        """As the tracker takes an hour; without tracks when it was not tracked yet."""
        seen = self.detections.select(["frame_id", "captured_at", "frame_width", "frame_height"])
        seen = seen.rename_columns(["frame_id", "captured_at", "width", "height"]).to_pylist()
        frames = rows("raw_frames", *{row["frame_id"]: row for row in seen}.values())
        known = rows("tracks") if tracks is None else tracks
        return {"raw_frames": frames, "detections": self.detections, "features": self.features, "tracks": known}

    def cars(self, detection_ids: Collection[str]) -> set[int]:
        return {self.car_of[detection_id] for detection_id in detection_ids}


def two_way_traffic(cars: int = 20) -> list[DrivenCar]:
    """So many in each direction, the even numbers away; each passes in 8.5 s."""
    away = [DrivenCar(2 * i, 5.3 * i, away=True) for i in range(cars)]
    return away + [DrivenCar(2 * i + 1, 1.1 + 4.7 * i, away=False) for i in range(cars)]


def looks(number: int) -> np.ndarray:
    """(D,) of length 1, unlike that of any other number."""
    vector = np.random.default_rng(number + 1000).normal(size=DIMENSION)
    return vector / np.linalg.norm(vector)


def drive(
    cars: list[DrivenCar],
    seconds: float = 120,
    begin: datetime = HOUR_17,
    first_second: float = 0.0,
    missed: Collection[tuple[int, int]] = (),
    camera: str = "cam-1",
    step_s: float = 2.0,
    size: tuple[int, int] = (352, 240),
    unsure: Collection[tuple[int, int]] = (),
) -> MadeHour:
    """What a camera sees from begin, which is first_second on the cars' clock; missed: (car, frame) pairs left out; size:
    that its frames are said to have; unsure: (car, frame) pairs found below the detector's threshold, without an embedding."""
    found, embedded, car_of = [], [], {}
    for frame in range(int(seconds / step_s)):
        captured_at = begin + timedelta(seconds=frame * step_s)
        frame_id = str(FrameId(camera, captured_at))
        seen = [
            (car, box) for car in cars if (box := car.box(first_second + frame * step_s)) and (car.number, frame) not in missed
        ]
        for place, (car, box) in enumerate(seen, 1):
            detection_id = str(
                DetectionId(
                    frame_id=frame_id, number=place, label=car.label, percent=90.0, box=tuple(round(edge) for edge in box)
                )
            )
            corners = dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))
            ids = {"detection_id": detection_id, "frame_id": frame_id, "camera_id": camera, "captured_at": captured_at}
            score = 0.3 if (car.number, frame) in unsure else 0.9
            found.append(ids | corners | {"score": score, "label": car.label, "frame_width": size[0], "frame_height": size[1]})
            noise = np.random.default_rng([car.number, frame]).normal(size=DIMENSION) * 0.03
            if (car.number, frame) not in unsure:
                embedded.append({"detection_id": detection_id, "embedding": looks(car.number) + noise})
            car_of[detection_id] = car.number
    return MadeHour(rows("detections", *found), rows("features", *embedded, dimension=DIMENSION), car_of)
