"""A small lake with all that pages show: two cameras, an hour, two vehicles that are one, figures and gaps."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.ids import DetectionId, FrameId
from cctview_pipeline.images import encode_jpeg, encode_png
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign, rows

PURPOSE = "traffic counts"
COUNT = 30
EVERY = timedelta(seconds=1)
LATER = timedelta(seconds=80)
HOUR_KEY = "2020-05-05T17"
WIDTH, HEIGHT = 352, 240


def viewer_campaign(**changes) -> Campaign:
    return campaign(**({"privacy": {"purposes": [PURPOSE]}, "network": "archive"} | changes))


def frame_of(camera: str, number: int) -> FrameId:
    return FrameId(camera, HOUR_17 + number * EVERY + (LATER if camera == NORTH.id else timedelta()))


def detection_of(camera: str, number: int, index: int = 1, label: str = "car") -> str:
    x = 100 + number
    return str(
        DetectionId(frame_id=str(frame_of(camera, number)), number=index, label=label, percent=90.0, box=(x, 80, x + 40, 110))
    )


def track_of(camera: str) -> str:
    return f"{frame_of(camera, 0)}--track--1"


def make_viewer_lake(folder: Path, of: Campaign | None = None) -> tuple[Lake, KeyStore]:
    """SOUTH sees the vehicle first; NORTH, 80 s later, and matches it."""
    lake, keys = Lake(str(folder / "lake")), KeyStore(str(folder / "keys"))
    lake.write_campaign(of or viewer_campaign())
    keys.key(HOUR_17.date())
    for camera in (SOUTH.id, NORTH.id):
        _write_camera(lake, camera)
    north, south = track_of(NORTH.id), track_of(SOUTH.id)
    place = Partition.camera_hour(NORTH.id, HOUR_17)
    lake.write("matches", place, rows("matches", {"query_track_id": north, "gallery_track_id": south}))
    lake.write("match_evidence", place, rows("match_evidence", {"query_track_id": north, "gallery_track_id": south}))
    at = {"leg": 0, "entered_at": HOUR_17, "left_at": HOUR_17 + timedelta(seconds=58)}
    then = {"leg": 1, "entered_at": HOUR_17 + LATER, "left_at": HOUR_17 + LATER + timedelta(seconds=58)}
    journey = {"journey_id": south.replace("track", "journey")}
    lake.write(
        "journeys",
        Partition.of_hour(HOUR_17),
        rows(
            "journeys",
            journey | at | {"track_id": south, "camera_id": SOUTH.id},
            journey | then | {"track_id": north, "camera_id": NORTH.id, "probability": 0.7, "speed_kmh": 63.0},
        ),
    )
    day = Partition.of_day(HOUR_17.date())
    lake.write("vehicle_counts", day, rows("vehicle_counts", {}, {"camera_id": SOUTH.id, "observed_s": 300.0}))
    lake.write("travel_times", day, rows("travel_times", {}))
    lake.write(
        "gaps", place, rows("gaps", {"began_at": HOUR_17 + timedelta(minutes=30), "ended_at": HOUR_17 + timedelta(minutes=40)})
    )
    return lake, keys


def _write_camera(lake: Lake, camera: str) -> None:
    place, draw = Partition.camera_hour(camera, HOUR_17), np.random.default_rng(len(camera))
    frames, found, crops, features = [], [], [], []
    for number in range(COUNT):
        frame, at = frame_of(camera, number), frame_of(camera, number).time
        picture = draw.integers(0, 255, (HEIGHT // 16, WIDTH // 16, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        ids = {"frame_id": str(frame), "camera_id": camera, "captured_at": at}
        frames.append(ids | {"jpeg": encode_jpeg(picture), "width": WIDTH, "height": HEIGHT})
        x = 100.0 + number
        box = {"detection_id": detection_of(camera, number), "x1": x, "x2": x + 40}
        found.append(ids | box)
        crops.append({"detection_id": box["detection_id"], "image": encode_png(picture[80:110, 100:140])})
        features.append({"detection_id": box["detection_id"]})
    walker = {"detection_id": detection_of(camera, 0, 2, "person"), "label": "person"}
    found.append({"frame_id": str(frame_of(camera, 0)), "camera_id": camera, "captured_at": frame_of(camera, 0).time} | walker)
    lake.write("raw_frames", place, rows("raw_frames", *frames))
    lake.write("detections", place, rows("detections", *found))
    lake.write("crops", place, rows("crops", *crops))
    lake.write("features", place, rows("features", *features))
    lake.write("tracks", place, rows("tracks", _track(camera)))


def _track(camera: str) -> dict:
    first: datetime = frame_of(camera, 0).time
    return {
        "track_id": track_of(camera),
        "camera_id": camera,
        "detection_ids": [detection_of(camera, number) for number in range(COUNT)],
        "sizes": [34.6] * COUNT,
        "first_seen": first,
        "last_seen": frame_of(camera, COUNT - 1).time,
        "passed_at": first + timedelta(seconds=29),
        "best_detection_id": detection_of(camera, 3),
    }
