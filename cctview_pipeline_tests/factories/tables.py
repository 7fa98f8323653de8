"""Rows of every table that can be written as they stand, so that a test says only what it is about."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.marts import STATES, STATUSES
from cctview_pipeline.lake.schemas import TABLES, schema_of
from cctview_pipeline_tests.factories.archive import HOUR_17

NORTH = Camera(id="cam-1", name="First", latitude=40.75, longitude=-73.96, faces="north", corridor="road", order=1)
SOUTH = Camera(id="cam-2", name="Second", latitude=40.74, longitude=-73.97, faces="north", corridor="road", order=2)
"""Two cameras of one road, SOUTH 1.4 km south of NORTH; both look north."""

FRAME = "cam-1--2020-05-05--17.00.02.000Z"
DETECTION = f"{FRAME}--detections--1--car--90.0--40x30--100.80v140.110"
TRACK = f"{FRAME}--track--1"
EARLIER = "cam-2--2020-05-05--17.00.00.000Z--track--1"
SEEN = HOUR_17 + timedelta(seconds=2)

_QUARTER = {"began_at": HOUR_17, "local_at": "2020-05-05T13:00-04:00"}
_SEEN = {"coverage": 1.0, "status": "observed", "quality_note": None}
_COUNTED = {"vehicles": 3, "expanded": 3.0, "lower": 2.2, "upper": 3.8}
_WAY = {"from_camera_id": SOUTH.id, "to_camera_id": NORTH.id}

_MOVEMENT = {"camera_id": NORTH.id, "view": "352x240", "approach": "N", "exit": "S", "turn": "through"}

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
    "truth_movements": {
        "vehicle_id": "v20200505-00001",
        "camera_id": NORTH.id,
        "crossed_at": SEEN,
        "approach": "N",
        "exit": "W",
        "turn": "right",
        "lane": 2,
        "stops": 1,
        "stood_s": 12.5,
        "queue_m": 31.0,
        "label": "car",
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
        "label_probability": 0.9,
        "recovered_ids": [],
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
    "camera_flows": {
        "camera_id": NORTH.id,
        "view": "352x240",
        "hour_view": "352x240",
        "began_at": HOUR_17,
        "approach": "N",
        "exit": "S",
        "turn": "through",
        "tracks": 12.0,
        "unassigned": 0.1,
        "path_x": [150.0, 120.0],
        "path_y": [60.0, 200.0],
    },
    "movements_seen": {
        **_MOVEMENT,
        "label": "car",
        "began_at": HOUR_17,
        "followed": 3.0,
        "shared": 3.5,
        "whole": 2.0,
        "variance": 0.2,
    },
    "queues_seen": {
        "camera_id": NORTH.id,
        "view": "352x240",
        "approach": "N",
        "began_at": HOUR_17,
        "seen_s": 900.0,
        "stops": 2.0,
        "stood_s": 50.0,
        "longest_queue": 2.0,
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
    "coverage": {
        "camera_id": NORTH.id,
        "began_at": HOUR_17,
        "frames": 530,
        "live_s": 900.0,
        **dict.fromkeys((f"{state}_s" for state in (*STATES[2:], STATES[0])), 0.0),
        "coverage": 1.0,
        "longest_gap_s": 1.7,
        "frames_per_s": 0.6,
        "lag_p50_s": 1.0,
        "lag_p95_s": 2.0,
        "views": 1,
    },
    "bins": {
        **_QUARTER,
        "local_date": HOUR_17.date(),
        "local_time": "13:00",
        "utc_offset_min": -240,
        "weekday": 2,
        "holiday": None,
        "period": "midday",
    },
    "anomalies": {
        "camera_id": NORTH.id,
        "carriageway": None,
        "label": None,
        "began_at": HOUR_17,
        "ended_at": HOUR_17 + timedelta(minutes=15),
        "kind": "declared",
        "problem": "do-not-use",
        "investigation": "confirmed",
        "note": "Paint on the lens.",
    },
    "vehicle_counts": {"camera_id": NORTH.id, "carriageway": "N", "label": "car", **_QUARTER, **_COUNTED, **_SEEN},
    "flows": {
        "camera_id": NORTH.id,
        "carriageway": "N",
        **_QUARTER,
        **_COUNTED,
        "flow_per_h": 12.0,
        "in_view_count": 3.2,
        "disagreement": 0.07,
        "balance": 1.0,
        "heavy_share": 0.1,
        "heavy_lower": 0.0,
        "heavy_upper": 0.3,
        "directional_share": 0.6,
        "peak_hour_factor": 0.9,
        **_SEEN,
    },
    "speeds": {
        "camera_id": NORTH.id,
        "carriageway": "N",
        **_QUARTER,
        "vehicles": 3,
        "space_mean_kmh": 60.0,
        "p15_kmh": 52.0,
        "p50_kmh": 61.0,
        "p85_kmh": 70.0,
        "error_kmh": 2.5,
        **_SEEN,
    },
    "travel_times": {
        **_WAY,
        "carriageway": "N",
        **_QUARTER,
        "metres": 1396.0,
        "vehicles": 3,
        "effective": 2.4,
        "match_rate_down": 0.8,
        "match_rate_up": 0.7,
        "mean_s": 80.0,
        **dict(zip(("p5_s", "p15_s", "p25_s", "median_s", "p75_s", "p80_s", "p85_s", "p95_s"), range(66, 98, 4), strict=True)),
        "median_lower_s": 74.0,
        "median_upper_s": 82.0,
        "space_mean_kmh": 62.8,
        "mean_probability": 0.7,
        "filtered_share": 0.0,
        "filtered_median_s": 78.0,
        **_SEEN,
    },
    "corridor_speeds": {
        "corridor": "road",
        "carriageway": "N",
        **_WAY,
        "from_m": 1396.0,
        "to_m": 0.0,
        **_QUARTER,
        "vehicles": 1,
        "speed_kmh": 62.8,
        "coverage": 1.0,
        "status": "observed",
        "missing": None,
    },
    "reliability": {
        "corridor": "road",
        "carriageway": "N",
        **_WAY,
        "period": "midday",
        "first_day": HOUR_17.date(),
        "days": 1,
        "bins": 24,
        "bins_possible": 24,
        "free_flow_s": 70.0,
        "mean_s": 80.0,
        "p50_s": 78.0,
        "p80_s": 86.0,
        "p95_s": 94.0,
        "tti": 1.14,
        "pti": None,
        "buffer_index": None,
        "lottr": 1.1,
        "status": "observed",
    },
    "corridor_od": {
        "corridor": "road",
        "origin": SOUTH.id,
        "destination": NORTH.id,
        **_QUARTER,
        "journeys": 30,
        "expanded": 50.0,
        "match_rate": 0.6,
    },
    "turning_movements": {
        **_MOVEMENT,
        "label": "car",
        **_QUARTER,
        "vehicles": 3.0,
        "estimated": 3.5,
        "error": 0.4,
        "lower": None,
        "upper": None,
        "seen_whole": 0.8,
        **_SEEN,
    },
    "approach_queues": {
        "camera_id": NORTH.id,
        "view": "352x240",
        "approach": "N",
        **_QUARTER,
        "stops": 2.0,
        "stops_expanded": 2.0,
        "mean_stood_s": 25.0,
        "longest_queue": 2.0,
        **_SEEN,
    },
    "segment_performance": {
        **_WAY,
        "carriageway": "N",
        **_QUARTER,
        "vehicles": 100.0,
        "vehicle_km": 139.6,
        "vehicle_h": 2.2,
        "delay_h": 0.0,
        "speed_kmh": 62.8,
        "status": "observed",
    },
    "data_quality": {
        "camera_id": NORTH.id,
        "local_date": HOUR_17.date(),
        "verdict": "good",
        **dict.fromkeys((f"bins_{status}" for status in STATUSES), 0),
        "bins_observed": 8,
        "accuracy": 0.07,
        "completeness": 1.0,
        "validity": 1.0,
        "timeliness_s": 2.0,
        "coverage": 1.0,
        "accessibility": 1.0,
        "excluded": "",
        "models": "tracker",
    },
    "throughput": {
        "asset": "detections",
        "began_at": HOUR_17,
        "partitions": 2,
        "rows": 4000,
        "bytes": 250_000,
        "seconds": 12.5,
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
