"""A lake of two cameras and two hours in which every table tells of the same few vehicles: blue boxes on a grey road."""

import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.analytics.marts.day import Day
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.ids import DetectionId, FrameId
from cctview_pipeline.images import encode_jpeg, encode_png
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.day_lake import covered
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign, rows

BLUE = (0, 0, 255)
FIRST, SECOND, OVER_THE_HOUR = 600.0, 1200.0, 3560.0
"""Seconds after five when a vehicle passes the northern camera; the southern one a minute later."""
BOX = (40, 40, 72, 64)
GRAPH = {
    "raw_frames": set(),
    "rejected_frames": set(),
    "detections": {"raw_frames"},
    "crops": {"detections"},
    "features": {"crops"},
    "tracks": {"features"},
    "matches": {"tracks"},
    "passages": {"tracks"},
    "coverage": {"raw_frames"},
    "journeys": {"matches", "passages", "coverage"},
    **{mart: {"journeys"} for mart in MARTS},
}


@dataclass(frozen=True)
class Pass:
    """A vehicle in sight of a camera, in three frames. journey: of the northern camera's frame."""

    camera: str
    at: datetime
    journey: str

    @property
    def times(self) -> list[datetime]:
        return [self.at + timedelta(seconds=2 * i) for i in range(3)]

    @property
    def detections(self) -> list[str]:
        return [
            str(DetectionId(frame_id=frame(self.camera, time), number=1, label="car", percent=90.0, box=BOX))
            for time in self.times
        ]

    @property
    def track(self) -> str:
        return f"{frame(self.camera, self.at)}--track--1"


def frame(camera: str, at: datetime) -> str:
    return str(FrameId(camera, at))


def passes(after_s: float) -> tuple[Pass, Pass]:
    at = HOUR_17 + timedelta(seconds=after_s)
    journey = f"{frame(NORTH.id, at)}--journey--1"
    return Pass(NORTH.id, at, journey), Pass(SOUTH.id, at + timedelta(minutes=1), journey)


def picture(vehicle: bool) -> bytes:
    image = np.full((96, 128, 3), 120, np.uint8)
    if vehicle:
        image[BOX[1] : BOX[3], BOX[0] : BOX[2]] = BLUE
    return encode_jpeg(image)


def blue(image: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels of a vehicle."""
    return image[..., 2].astype(int) - image[..., 0] > 60


_MADE = TemporaryDirectory(prefix="cctview-blue-lakes-")
"""Lakes that were made in this session, of which every test gets a copy."""


def blue_lake(uri: str, *times: float, **changes) -> Lake:
    """times: of the vehicles, FIRST, SECOND and OVER_THE_HOUR when left out; changes: of the campaign."""
    made = Path(_MADE.name) / hashlib.sha256(f"{times} {changes}".encode()).hexdigest()
    if not made.exists():
        _write(Lake(str(made)), *times, **changes)
    shutil.copytree(made, uri, dirs_exist_ok=True)
    return Lake(uri)


def _write(lake: Lake, *times: float, **changes) -> None:
    lake.write_campaign(campaign(**changes))
    vehicles = [passes(after) for after in times or (FIRST, SECOND, OVER_THE_HOUR)]
    for hour in (HOUR_17, HOUR_17 + HOUR):
        for camera in (NORTH.id, SOUTH.id):
            seen = [each for pair in vehicles for each in pair if (each.camera, floor_hour(each.at)) == (camera, hour)]
            for table, found in _camera_hour(camera, hour, seen, vehicles).items():
                lake.write(table, Partition.camera_hour(camera, hour), found)
        legs = [leg for pair in vehicles for leg in enumerate(pair) if floor_hour(leg[1].at) == hour]
        lake.write("journeys", Partition.of_hour(hour), rows("journeys", *(_leg(number, each) for number, each in legs)))
    of = lake.require_campaign()
    with Day(lake, of, calendar_of(of), HOUR_17.date()) as day:
        for mart in MARTS:
            lake.write(mart, Partition.of_day(HOUR_17.date()), day.build(mart))


def _camera_hour(camera: str, hour: datetime, seen: list[Pass], vehicles: list[tuple[Pass, Pass]]) -> dict[str, pa.Table]:
    with_car = {time for each in seen for time in each.times}
    every_minute = {hour + timedelta(minutes=minute, seconds=30) for minute in range(0, 60, 10)}
    frames = [
        {"frame_id": frame(camera, time), "camera_id": camera, "captured_at": time, "fetched_at": time}
        | {"jpeg": picture(time in with_car), "width": 128, "height": 96}
        for time in sorted(with_car | every_minute)
    ]
    corners = dict(zip(("x1", "y1", "x2", "y2"), map(float, BOX), strict=True))
    cars = [(name, time) for each in seen for name, time in zip(each.detections, each.times, strict=True)]
    boxes = [
        {"detection_id": name, "frame_id": frame(camera, time), "camera_id": camera, "captured_at": time} | corners
        for name, time in cars
    ]
    crop = encode_png(np.full((BOX[3] - BOX[1], BOX[2] - BOX[0], 3), BLUE, np.uint8))
    earlier = {south.track: north.track for north, south in vehicles}
    return {
        "raw_frames": rows("raw_frames", *frames),
        "rejected_frames": rows("rejected_frames", *(_cut_short(each) for each in seen)),
        "detections": rows("detections", *boxes),
        "crops": rows("crops", *({"detection_id": name, "image": crop, "width": 32, "height": 24} for name, _ in cars)),
        "features": rows("features", *({"detection_id": name} for name, _ in cars)),
        "tracks": rows("tracks", *(_track(each) for each in seen)),
        "passages": rows("passages", *(_passage(each) for each in seen)),
        "coverage": covered(camera, hour),
        "matches": rows(
            "matches",
            *(
                {"query_track_id": each.track, "gallery_track_id": earlier[each.track], "gallery_camera_id": NORTH.id}
                for each in seen
                if each.track in earlier
            ),
        ),
    }


def _cut_short(each: Pass) -> dict:
    """A frame of a vehicle that came without its end, a second after its first."""
    at = each.at + timedelta(seconds=1)
    return {"name": f"{frame(each.camera, at)}--original.jpeg", "fetched_at": at}


def _track(each: Pass) -> dict:
    spans = {"first_seen": each.times[0], "last_seen": each.times[-1], "best_detection_id": each.detections[1]}
    return {"track_id": each.track, "camera_id": each.camera, "detection_ids": each.detections, "sizes": [28.0] * 3} | spans


def _passage(each: Pass) -> dict:
    times = {"passed_at": each.times[1], "first_seen": each.times[0], "last_seen": each.times[-1]}
    return {"track_id": each.track, "track_ids": [each.track], "camera_id": each.camera, "carriageway": "S"} | times


def _leg(number: int, each: Pass) -> dict:
    times = {"entered_at": each.times[0], "left_at": each.times[-1]}
    return {"journey_id": each.journey, "leg": number, "track_id": each.track, "camera_id": each.camera} | times
