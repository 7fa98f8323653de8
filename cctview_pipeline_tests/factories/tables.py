"""Rows of every table that can be written as they stand, so that a test says only what it is about."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.schemas import TABLES, schema_of
from cctview_pipeline_tests.factories.archive import HOUR_17

NORTH = Camera("cam-1", "First", 40.75, -73.96, "north", "road", 1)
SOUTH = Camera("cam-2", "Second", 40.74, -73.97, "north", "road", 2)
"""Two cameras of one road, SOUTH 1.4 km south of NORTH; both look north."""

FRAME = "cam-1--2020-05-05--17.00.02.000Z"
DETECTION = f"{FRAME}--detections--1--car--90.0--40x30--100.80v140.110"
TRACK = f"{FRAME}--track--1"
EARLIER = "cam-2--2020-05-05--17.00.00.000Z--track--1"
SEEN = HOUR_17 + timedelta(seconds=2)

EXAMPLES: dict[str, dict[str, Any]] = {
    "raw_frames": {
        "frame_id": FRAME,
        "camera_id": NORTH.id,
        "captured_at": SEEN,
        "fetched_at": SEEN,
        "jpeg": b"\xff\xd8\xff\xd9",
        "width": 352,
        "height": 240,
        "sha256": "00" * 32,
        "network": "archive",
        "masked_by": "people-finder@0123456789ab side 640",
        "filled": 0,
    },
    "camera_status": {
        "camera_id": NORTH.id,
        "state": "live",
        "began_at": HOUR_17,
        "ended_at": HOUR_17 + timedelta(hours=1),
        "detail": "",
    },
    "gaps": {
        "camera_id": NORTH.id,
        "reason": "missed",
        "began_at": SEEN,
        "ended_at": SEEN + timedelta(seconds=3),
        "detail": "",
    },
    "truth_boxes": {
        "frame_id": FRAME,
        "camera_id": NORTH.id,
        "captured_at": SEEN,
        "vehicle_id": "v20200505-00001",
        "x1": 10.0,
        "y1": 20.0,
        "x2": 40.0,
        "y2": 45.0,
        "visible_fraction": 1.0,
        "label": "car",
        "kind": "suv",
        "carriageway": "N",
    },
    "truth_passages": {
        "vehicle_id": "v20200505-00001",
        "camera_id": NORTH.id,
        "entered_at": SEEN,
        "passed_at": SEEN,
        "left_at": SEEN,
        "speed_kmh": 61.0,
        "label": "car",
        "carriageway": "N",
    },
    "evaluation": {"subject": "detection", "metric": "AP50", "scope": "all", "value": 0.9, "support": 100},
    "rejected_frames": {
        "name": f"{FRAME}--original.jpeg",
        "reason": "truncated",
        "detail": "It ends early.",
        "sha256": "11" * 32,
        "fetched_at": SEEN,
    },
    "detections": {
        "detection_id": DETECTION,
        "frame_id": FRAME,
        "camera_id": NORTH.id,
        "captured_at": SEEN,
        "x1": 100.0,
        "y1": 80.0,
        "x2": 140.0,
        "y2": 110.0,
        "score": 0.9,
        "label": "car",
        "model": "detector@1",
        "frame_width": 352,
        "frame_height": 240,
    },
    "labels": {
        "frame_id": FRAME,
        "camera_id": NORTH.id,
        "captured_at": HOUR_17 + timedelta(seconds=2),
        "role": "frame",
        "label": "",
        "x1": 0.0,
        "y1": 0.0,
        "x2": 352.0,
        "y2": 240.0,
        "model": "teacher@1",
    },
    "crops": {"detection_id": DETECTION, "image": b"png", "width": 40, "height": 30, "label": "car"},
    "features": {"detection_id": DETECTION, "embedding": [1.0, 0.0, 0.0, 0.0], "model": "extractor@1"},
    "tracks": {
        "track_id": TRACK,
        "camera_id": NORTH.id,
        "detection_ids": [DETECTION],
        "sizes": [34.6],
        "first_seen": SEEN,
        "last_seen": SEEN + timedelta(seconds=6),
        "passed_at": None,
        "carriageway": "N",
        "direction": "away",
        "parked": False,
        "entry_x": 120.0,
        "entry_y": 200.0,
        "exit_x": 150.0,
        "exit_y": 80.0,
        "speed_px_s": 20.0,
        "speed_kmh": None,
        "speed_kmh_error": None,
        "pace": None,
        "pace_error": None,
        "lane": None,
        "relative_size": None,
        "label": "car",
        "quality": 0.8,
        "best_detection_id": DETECTION,
        "continues": None,
        "model": "tracker",
        "view": "352x240",
    },
    "passages": {
        "track_id": TRACK,
        "track_ids": [TRACK],
        "camera_id": NORTH.id,
        "passed_at": SEEN,
        "beyond_m": None,
        "carriageway": "N",
        "label": "car",
        "label_probability": 0.9,
        "speed_kmh": None,
        "speed_kmh_error": None,
        "first_seen": SEEN,
        "last_seen": SEEN,
        "model": "tracker",
    },
    "vehicles_in_view": {
        "camera_id": NORTH.id,
        "carriageway": "N",
        "began_at": HOUR_17,
        "vehicle_s": 1000.0,
        "dwell_s": 4.0,
    },
    "matches": {
        "query_track_id": TRACK,
        "gallery_track_id": EARLIER,
        "gallery_camera_id": SOUTH.id,
        "rank": 1,
        "distance": 0.5,
        "metric": "med-mean50",
        "gap_s": 80.0,
        "implied_speed_kmh": 63.0,
        "probability": 0.7,
        "assigned": True,
        "margin": 0.6,
    },
    "match_evidence": {
        "query_track_id": TRACK,
        "gallery_track_id": EARLIER,
        "looks": 0.5,
        "size": 0.25,
        "pace": -0.5,
        "label": 0.125,
        "travel_time": 1.5,
    },
    "verdicts": {
        "query_track_id": TRACK,
        "gallery_track_id": EARLIER,
        "verdict": "same",
        "said_by": "anna",
        "said_at": SEEN,
        "why": "the same dent",
    },
    "journeys": {
        "journey_id": TRACK.replace("track", "journey"),
        "leg": 0,
        "track_id": TRACK,
        "camera_id": NORTH.id,
        "entered_at": SEEN,
        "left_at": SEEN + timedelta(seconds=6),
        "speed_kmh": None,
        "probability": 1.0,
    },
    "vehicle_counts": {
        "camera_id": NORTH.id,
        "carriageway": "N",
        "began_at": HOUR_17,
        "label": "car",
        "vehicles": 3,
        "observed_s": 900.0,
    },
    "travel_times": {
        "from_camera_id": SOUTH.id,
        "to_camera_id": NORTH.id,
        "began_at": HOUR_17,
        "vehicles": 3,
        "median_s": 80.0,
        "p15_s": 70.0,
        "p85_s": 90.0,
        "median_kmh": 63.0,
        "mean_probability": 0.7,
    },
}


def rows(table: str, *changes: dict[str, Any], dimension: int = 4) -> pa.Table:
    """A table with one row for each dict of what is unlike the example: ``rows("crops", {}, {"label": "bus"})``."""
    schema = schema_of(table, dimension if table == "features" else None)
    return _from_rows([EXAMPLES[table] | change for change in changes], schema)


def partition_of(table: str, camera: str = NORTH.id, hour: datetime = HOUR_17) -> Partition:
    """A partition of the kind that the table has."""
    kinds = {
        "camera_hour": Partition.camera_hour(camera, hour),
        "hour": Partition.of_hour(hour),
        "day": Partition.of_day(hour.date()),
    }
    return kinds[TABLES[table].partition]


def campaign(**changes: Any) -> Campaign:
    """Two cameras and two hours of the fifth of May 2020."""
    end = HOUR_17 + timedelta(hours=2)
    values = {"name": "made", "network": "archive", "start": HOUR_17, "end": end, "cameras": (NORTH, SOUTH), "path": "/made"}
    return Campaign(**(values | changes))


def utc(text: str) -> datetime:
    """``2020-05-05T17:00:00`` -> that time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


DAY: date = HOUR_17.date()


def _from_rows(given: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    if "embedding" not in schema.names:
        return pa.Table.from_pylist(given, schema)
    kind = schema.field("embedding").type
    values = np.array([row["embedding"] for row in given], np.float16).ravel()
    plain = {name: [row[name] for row in given] for name in schema.names if name != "embedding"}
    columns = plain | {"embedding": pa.FixedSizeListArray.from_arrays(pa.array(values, pa.float16()), type=kind)}
    return pa.table({name: columns[name] for name in schema.names}, schema)
