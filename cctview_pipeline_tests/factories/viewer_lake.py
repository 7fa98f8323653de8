"""A small lake with all that pages show: two cameras, an hour, two vehicles that are one, figures and gaps."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.analytics.marts.day import Day
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.ids import DetectionId, FrameId
from cctview_pipeline.images import encode_jpeg, encode_png
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.local_calendar import BIN
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign, rows

PURPOSE = "traffic counts"
COUNT = 30
EVERY = timedelta(seconds=1)
LATER = timedelta(seconds=80)
HOUR_KEY = "2020-05-05T17"
WIDTH, HEIGHT = 352, 240
OUT = HOUR_17 + 2 * BIN, HOUR_17 + timedelta(minutes=40)
"""When NORTH was offline."""


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
    lake.write("gaps", place, rows("gaps", {"began_at": OUT[0], "ended_at": OUT[1], "reason": "offline"}))
    write_marts(lake)
    return lake, keys


def write_marts(lake: Lake, day: date = HOUR_17.date()) -> None:
    """All of a day, made of what the lake has."""
    campaign = lake.require_campaign()
    with Day(lake, campaign, calendar_of(campaign), day) as made:
        for name in MARTS:
            lake.write(name, Partition.of_day(day), made.build(name))


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
    track = _track(camera)
    lake.write("tracks", place, rows("tracks", track))
    passed = {name: track[name] for name in ("track_id", "camera_id", "first_seen", "last_seen", "passed_at")}
    lake.write("passages", place, rows("passages", passed | {"track_ids": [track["track_id"]], "speed_kmh": 60.0}))
    lake.write("coverage", place, rows("coverage", *_coverage(camera)))
    in_view = ({"began_at": HOUR_17 + number * BIN, "vehicle_s": 29.0 if number == 0 else 0.0} for number in range(4))
    lake.write(
        "vehicles_in_view", place, rows("vehicles_in_view", *({"camera_id": camera, "dwell_s": 29.0} | each for each in in_view))
    )


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


def _coverage(camera: str) -> Iterator[dict]:
    """Of the hour's first quarter SOUTH has seen four fifths, and NORTH was offline for a part of the third."""
    for number in range(4):
        began = HOUR_17 + number * BIN
        lost = {}
        if camera == SOUTH.id and number == 0:
            lost = {"missed_s": 180.0}
        elif camera == NORTH.id and began == OUT[0]:
            lost = {"offline_s": 600.0}
        live = 900.0 - sum(lost.values())
        yield {"camera_id": camera, "began_at": began, "live_s": live, "coverage": live / 900, **lost}
