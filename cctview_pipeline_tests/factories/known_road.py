"""A made stretch of road whose truth is known, and perfect results for a test to damage before it writes them.

Vehicles pass cam-1 and, a minute later, cam-2 (southbound), or the other way round (northbound). Each has a lane of the
picture to itself, so that no two boxes overlap, and is seen in four frames, two seconds apart.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from cctview_pipeline.evaluate import Evaluation, evaluate
from cctview_pipeline.ids import DetectionId, FrameId
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.track.tables import track_id
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import campaign, rows
from cctview_pipeline_tests.factories.traffic import DIMENSION, looks

CAMERAS = ["cam-1", "cam-2"]
STEP_S, FRAMES, GAP_S = 2, 4, 60
THRESHOLD = 0.5


@dataclass(frozen=True)
class Driver:
    """number: its lane and looks; enters: s after the hour, at its first camera, even; size: of its box, px."""

    number: int
    enters: int = 0
    south: bool = True
    label: str = "car"
    size: tuple[int, int] = (30, 20)
    visible: float = 1.0
    cameras: int = 2

    @property
    def id(self) -> str:
        return f"v{self.number}"

    def stops(self) -> list[tuple[str, int]]:
        """Camera and second of entry, in the order of the way."""
        order = CAMERAS if self.south else CAMERAS[::-1]
        return [(camera, self.enters + place * (GAP_S + (FRAMES - 1) * STEP_S)) for place, camera in enumerate(order)][
            : self.cameras
        ]


@dataclass
class MadeRoad:
    """Rows of every table: truth and passages, and what a perfect pipeline would have found.

    detections: (vehicle, camera, number of its frame) -> row, so that a test can name what it damages; tracks,
    passed: (vehicle, camera) -> row; matches, journeys: by (vehicle, camera) of the later track.
    """

    truth: dict[tuple, dict] = field(default_factory=dict)
    passages: dict[tuple, dict] = field(default_factory=dict)
    detections: dict[tuple, dict] = field(default_factory=dict)
    looks: dict[str, Any] = field(default_factory=dict)
    tracks: dict[tuple, dict] = field(default_factory=dict)
    passed: dict[tuple, dict] = field(default_factory=dict)
    matches: dict[tuple, dict] = field(default_factory=dict)
    journeys: dict[tuple, dict] = field(default_factory=dict)
    frames: set[datetime] = field(default_factory=set)

    def write(self, lake: Lake, leave_out: tuple[str, ...] = ()) -> Lake:
        """Into one hour of each camera; leave_out: tables that are not written."""
        lake.write_campaign(campaign())
        kept = {i for track in self.tracks.values() for i in track["detection_ids"]} | set(self.looks)
        for camera in CAMERAS:
            stored = {row["detection_id"] for row in self.detections.values() if row["camera_id"] == camera} & kept
            found = [{"detection_id": i, "embedding": self.looks[i]} for i in sorted(stored)]
            frames = [{"frame_id": frame_id(camera, at), "captured_at": at, "camera_id": camera} for at in sorted(self.frames)]
            tables = {
                "raw_frames": rows("raw_frames", *frames),
                "truth_boxes": pa.Table.from_pylist(_of(self.truth, camera), schema_of("truth_boxes")),
                "truth_passages": pa.Table.from_pylist(_of(self.passages, camera), schema_of("truth_passages")),
                "detections": rows("detections", *_of(self.detections, camera)),
                "features": rows("features", *found, dimension=DIMENSION),
                "tracks": rows("tracks", *_of(self.tracks, camera)),
                "passages": rows("passages", *_of(self.passed, camera)),
                "vehicles_in_view": rows("vehicles_in_view"),
                "matches": rows("matches", *(row for (_, at), row in self.matches.items() if at == camera)),
            }
            for name, table in tables.items():
                if name not in leave_out:
                    lake.write(name, Partition.camera_hour(camera, HOUR_17), table)
        if "journeys" not in leave_out:
            lake.write("journeys", Partition.of_hour(HOUR_17), rows("journeys", *self.journeys.values()))
        return lake

    def detect(self, key: tuple, camera: str, at: datetime, box: tuple, label: str = "car", score: float = 0.9) -> str:
        """Add a detection. Returns its id."""
        number = sum(row["captured_at"] == at and row["camera_id"] == camera for row in self.detections.values()) + 1
        frame = frame_id(camera, at)
        detection_id = str(
            DetectionId(frame_id=frame, number=number, label=label, percent=score * 100, box=tuple(round(edge) for edge in box))
        )
        ids = {"detection_id": detection_id, "frame_id": frame, "camera_id": camera, "captured_at": at}
        self.detections[key] = ids | dict(zip(("x1", "y1", "x2", "y2"), box, strict=True)) | {"label": label, "score": score}
        self.frames.add(at)
        return detection_id


def frame_id(camera: str, at: datetime) -> str:
    return str(FrameId(camera, at))


def second(count: float) -> datetime:
    return HOUR_17 + timedelta(seconds=count)


def make_road(*drivers: Driver) -> MadeRoad:
    """The truth of these vehicles and perfect results, those that never count included in neither tracks nor counts."""
    road = MadeRoad()
    for driver in drivers:
        legs = []
        for camera, enters in driver.stops():
            _truth(road, driver, camera, enters)
            if min(driver.size) >= 8 and driver.visible >= 0.3:
                legs.append(_track(road, driver, camera))
        for leg, (camera, track) in enumerate(legs):
            legs_row = {"journey_id": f"j{driver.number}", "leg": leg, "track_id": track, "camera_id": camera}
            road.journeys[driver.id, camera] = legs_row
        if len(legs) == 2:
            match = {"query_track_id": legs[1][1], "gallery_track_id": legs[0][1], "gallery_camera_id": legs[0][0]}
            road.matches[driver.id, legs[1][0]] = match | {"gap_s": float(GAP_S), "probability": 1.0}
    return road


def measure(lake: Lake, road: MadeRoad) -> Evaluation:
    return evaluate(road.write(lake), CAMERAS, [HOUR_17], THRESHOLD)


def damaged(lake: Lake, road: MadeRoad, damage: Callable[[MadeRoad], None]) -> dict[tuple[str, str], tuple]:
    """The figures over all that a damage moves: (subject, metric) -> (before, after)."""
    before = measure(lake, road)
    damage(road)
    after = measure(lake, road)
    figures = {(row.subject, row.metric): row.value for row in before.rows if row.scope == "all"}
    now = {key: after.value(*key) for key in figures}
    return {key: (value, now[key]) for key, value in figures.items() if now[key] != value}


def _truth(road: MadeRoad, driver: Driver, camera: str, enters: int) -> None:
    for frame in range(FRAMES):
        at = second(enters + frame * STEP_S)
        x1, y1 = 10.0 + 40 * frame, 4.0 + 26 * (driver.number % 9)
        box = {"x1": x1, "y1": y1, "x2": x1 + driver.size[0], "y2": y1 + driver.size[1]}
        road.frames.add(at)
        road.truth[driver.id, camera, frame] = box | {
            "frame_id": frame_id(camera, at),
            "camera_id": camera,
            "captured_at": at,
            "vehicle_id": driver.id,
            "visible_fraction": driver.visible,
            "label": driver.label,
            "kind": driver.label,
            "carriageway": "S" if driver.south else "N",
        }
    road.passages[driver.id, camera] = {
        "vehicle_id": driver.id,
        "camera_id": camera,
        "entered_at": second(enters),
        "passed_at": second(enters + 1),
        "left_at": second(enters + (FRAMES - 1) * STEP_S),
        "speed_kmh": 60.0,
        "label": driver.label,
        "carriageway": "S" if driver.south else "N",
    }


def _track(road: MadeRoad, driver: Driver, camera: str) -> tuple[str, str]:
    ids = []
    for frame in range(FRAMES):
        true = road.truth[driver.id, camera, frame]
        box = tuple(true[name] for name in ("x1", "y1", "x2", "y2"))
        ids.append(road.detect((driver.id, camera, frame), camera, true["captured_at"], box, driver.label))
        road.looks[ids[-1]] = looks(driver.number)
    times = [road.truth[driver.id, camera, frame]["captured_at"] for frame in (0, FRAMES - 1)]
    road.tracks[driver.id, camera] = {
        "track_id": track_id(ids[0]),
        "camera_id": camera,
        "detection_ids": ids,
        "first_seen": times[0],
        "last_seen": times[1],
        "carriageway": "S" if driver.south else "N",
        "label": driver.label,
    }
    road.passed[driver.id, camera] = {
        "track_id": track_id(ids[0]),
        "track_ids": [track_id(ids[0])],
        "camera_id": camera,
        "passed_at": road.passages[driver.id, camera]["passed_at"],
        "carriageway": "S" if driver.south else "N",
        "label": driver.label,
        "speed_kmh": 60.0,
        "speed_kmh_error": 5.0,
    }
    return camera, track_id(ids[0])


def _of(table: dict[tuple, dict], camera: str) -> list[dict]:
    by_camera = defaultdict(list)
    for row in table.values():
        by_camera[row["camera_id"]].append(row)
    return by_camera[camera]
