"""The tables: one pyarrow schema each, with every column's meaning and unit. Those of figures stand in lake/marts.py."""

import pyarrow as pa

from cctview_pipeline.lake.marts import BY_CAMERA_HOUR, BY_DAY
from cctview_pipeline.lake.spec import (
    CAMERA_ID,
    CAPTURED_AT,
    DETECTION_ID,
    FETCHED_AT,
    FRAME_ID,
    MODEL,
    TIME,
    TRACK_ID,
    VEHICLE_ID,
    TableSpec,
    column,
)

REJECTED_REASONS = (
    "truncated, undecodable, unreadable, empty, no_picture, placeholder, too_small, too_large, not_masked, wrong_name, "
    "capture_time, clock, zones or duplicate"
)
STATES = "live, stale, frozen, placeholder, offline, moved, or unknown before its first frame"


def embeddings(dimension: int) -> pa.DataType:
    """The type of a column of vectors of so many float16."""
    return pa.list_(pa.field("element", pa.float16(), nullable=False), dimension)


_SPECS = [
    TableSpec(
        "raw_frames",
        "Frames, their metadata segments stripped and people in them painted over.",
        "camera_hour",
        pa.schema(
            [
                FRAME_ID,
                CAMERA_ID,
                CAPTURED_AT,
                FETCHED_AT,
                column("jpeg", pa.binary(), "the picture as it was masked, with one comment that says so"),
                column("width", pa.int16(), "px"),
                column("height", pa.int16(), "px"),
                column("sha256", pa.string(), "of the stored JPEG, hexadecimal"),
                column("network", pa.string(), "the camera network it came from"),
                column(
                    "masked_by", pa.string(), "what painted people over, and how; 'nobody' and a purpose where they are visible"
                ),
                column("filled", pa.int16(), "places that were painted over"),
            ]
        ),
        plain=("jpeg",),
        group_rows=32,
    ),
    TableSpec(
        "rejected_frames",
        "Frames that were set aside, each with its reason.",
        "camera_hour",
        pa.schema(
            [
                column("name", pa.string(), "the file's name in its source"),
                column("reason", pa.string(), REJECTED_REASONS),
                column("detail", pa.string(), "one sentence"),
                column("sha256", pa.string(), "of the bytes as they came, hexadecimal; empty when they could not be had"),
                column("fetched_at", TIME, "when the picture was fetched, UTC; null when its name does not tell", True),
            ]
        ),
    ),
    TableSpec(
        "camera_status",
        "What state a live camera was in, over the whole hour.",
        "camera_hour",
        pa.schema(
            [
                CAMERA_ID,
                column("state", pa.string(), f"{STATES}, or why it was not collected: not_collected, not_masked, spool_full"),
                column("began_at", TIME, "UTC"),
                column("ended_at", TIME, "UTC"),
                column("detail", pa.string(), "one sentence, or nothing"),
            ]
        ),
    ),
    TableSpec(
        "gaps",
        "When a live camera has no frames, and why.",
        "camera_hour",
        pa.schema(
            [
                CAMERA_ID,
                column(
                    "reason",
                    pa.string(),
                    "missed, set_aside, not_collected, not_masked, spool_full, stale, placeholder or offline",
                ),
                column("began_at", TIME, "of the last frame before, or where the reason changes, UTC"),
                column("ended_at", TIME, "of the next frame, or where the reason changes, UTC"),
                column("detail", pa.string(), "one sentence, or nothing"),
            ]
        ),
    ),
    TableSpec(
        "detections",
        "Boxes around vehicles from a score of 0.005 up, and around people from 0.05.",
        "camera_hour",
        pa.schema(
            [
                DETECTION_ID,
                FRAME_ID,
                CAMERA_ID,
                CAPTURED_AT,
                column("x1", pa.float32(), "left edge, px of the stored frame"),
                column("y1", pa.float32(), "upper edge, px"),
                column("x2", pa.float32(), "right edge, px"),
                column("y2", pa.float32(), "lower edge, px"),
                column("score", pa.float32(), "0..1"),
                column("label", pa.string(), "car, bus, truck, motorcycle, person or bicycle"),
                MODEL,
                column("frame_width", pa.int16(), "of its frame, px; null in partitions of before it was kept", True),
                column("frame_height", pa.int16(), "px", True),
            ]
        ),
        later=("frame_width", "frame_height"),
    ),
    TableSpec(
        "labels",
        "What teachers agree on in frames, for a detector to learn from.",
        "camera_hour",
        pa.schema(
            [
                FRAME_ID,
                CAMERA_ID,
                CAPTURED_AT,
                column(
                    "role",
                    pa.string(),
                    "frame (it was labelled, once each), object, ignored or still (training/detector/labels.py)",
                ),
                column("label", pa.string(), "of an object; else empty"),
                column("x1", pa.float32(), "left edge, px of the stored frame"),
                column("y1", pa.float32(), "upper edge, px"),
                column("x2", pa.float32(), "right edge, px"),
                column("y2", pa.float32(), "lower edge, px"),
                column("model", pa.string(), "the teachers' names and versions"),
            ]
        ),
    ),
    TableSpec(
        "crops",
        "One picture a vehicle detection at or above the detector's threshold. People have none.",
        "camera_hour",
        pa.schema(
            [
                DETECTION_ID,
                column("image", pa.binary(), "PNG of the box cut out of the frame"),
                column("width", pa.int16(), "px"),
                column("height", pa.int16(), "px"),
                column("label", pa.string(), "car, bus, truck or motorcycle"),
            ]
        ),
        plain=("image",),
        group_rows=256,
    ),
    TableSpec(
        "features",
        "One embedding a crop; its length follows from the model.",
        "camera_hour",
        pa.schema(
            [
                DETECTION_ID,
                column("embedding", embeddings(256), "half-precision vector, length 1"),
                MODEL,
            ]
        ),
        plain=("embedding",),
        former=("period",),  # such embeddings were turned by a key of their day
    ),
    TableSpec(
        "tracks",
        "One vehicle's detections in one camera and hour.",
        "camera_hour",
        pa.schema(
            [
                TRACK_ID,
                CAMERA_ID,
                column("detection_ids", pa.list_(pa.field("element", pa.string(), False)), "in order of time"),
                column("sizes", pa.list_(pa.field("element", pa.float32(), False)), "square roots of the boxes' areas, px"),
                column("first_seen", TIME, "UTC"),
                column("last_seen", TIME, "UTC"),
                column("passed_at", TIME, "when it passed the middle of what the camera sees of its way; null if unknown", True),
                column("carriageway", pa.string(), "the side of the road: N, S, E or W; null when it did not move", True),
                column("direction", pa.string(), "towards or away from the camera; null when it did not move", True),
                column("parked", pa.bool_(), "stood in one place for over a minute"),
                column("entry_x", pa.float32(), "where its first box touches the road, px of its view"),
                column("entry_y", pa.float32(), "px"),
                column("exit_x", pa.float32(), "where its last box touches the road, px of its view"),
                column("exit_y", pa.float32(), "px"),
                column("speed_px_s", pa.float32(), "median speed in the image, px/s; null for a single detection", True),
                column("speed_kmh", pa.float32(), "km/h; null where the camera is not calibrated", True),
                column("speed_kmh_error", pa.float32(), "its standard error, km/h", True),
                column("pace", pa.float32(), "its speed over the usual one here; null where too little was seen to know", True),
                column("pace_error", pa.float32(), "its relative standard error", True),
                column("lane", pa.float32(), "place across its carriageway, growing to the right; standard deviations", True),
                column("relative_size", pa.float32(), "logarithm of its size over the usual one here", True),
                column("label", pa.string(), "car, bus, truck or motorcycle: the vote of all its detections"),
                column(
                    "quality",
                    pa.float32(),
                    "mean score times the share of frames it was seen in, 0..1; null where frames come too seldom to follow "
                    "vehicles: then the row is a mere sighting, and does not count",
                    True,
                ),
                column("best_detection_id", pa.string(), "its largest, surest and whole crop"),
                column("continues", pa.string(), "track_id of the hour before that this track goes on from", True),
                column("model", pa.string(), "name and version of the tracker, and of the models it rests on"),
                column("view", pa.string(), "the view that its pixels are of: 352x240, the hour's second 352x240/2", True),
                column(
                    "label_probability",
                    pa.float32(),
                    "that the label is right, 0..1, as the city's confusion has it; null in partitions of before it was kept",
                    True,
                ),
                column(
                    "recovered_ids",
                    pa.list_(pa.field("element", pa.string(), False)),
                    "in order of time, boxes below the detector's threshold that lie where it was between others; null in "
                    "partitions of before they were looked for",
                    True,
                ),
            ]
        ),
        later=("view", "label_probability", "recovered_ids"),
    ),
    TableSpec(
        "matches",
        "Candidates among the neighbouring cameras' earlier tracks, ranked, for every track.",
        "camera_hour",
        pa.schema(
            [
                column("query_track_id", pa.string(), "the later track, of this camera"),
                column("gallery_track_id", pa.string(), "the earlier track, of a neighbour"),
                column("gallery_camera_id", pa.string(), "the neighbour"),
                column("rank", pa.int32(), "1 is the likeliest"),
                column("distance", pa.float32(), "between the looks of the two tracks"),
                column("metric", pa.string(), "which distance"),
                column("gap_s", pa.float32(), "from the gallery track's end to the query track's beginning, s"),
                column(
                    "implied_speed_kmh", pa.float32(), "distance between the cameras over the time from passing one to the other"
                ),
                column("probability", pa.float32(), "that both are one vehicle, 0..1"),
                column("assigned", pa.bool_(), "chosen: at most once a query track and once a gallery track"),
                column("margin", pa.float32(), "probability minus that of the query's best other candidate"),
            ]
        ),
    ),
    TableSpec(
        "match_evidence",
        "What each candidate's probability rests on, as logarithms of how much likelier it is for one vehicle than for none.",
        "camera_hour",
        pa.schema(
            [
                column("query_track_id", pa.string(), "the later track, of this camera"),
                column("gallery_track_id", pa.string(), "the earlier track, of a neighbour"),
                column("looks", pa.float32(), "how alike they look"),
                column("size", pa.float32(), "their sizes, each over the usual one of its camera"),
                column("pace", pa.float32(), "their paces, each over the usual one of its camera"),
                column("label", pa.float32(), "car, bus, truck or motorcycle"),
                column("travel_time", pa.float32(), "the way's time, and how many others it could be"),
            ]
        ),
    ),
    TableSpec(
        "verdicts",
        "What people said of candidates: labels for training and evaluation. They change no match.",
        "camera_hour",
        pa.schema(
            [
                column("query_track_id", pa.string(), "the later track, of this camera"),
                column("gallery_track_id", pa.string(), "the candidate; null where none is the same vehicle", True),
                column("verdict", pa.string(), "same, different or none"),
                column("said_by", pa.string(), "who said it, as in the audit log"),
                column("said_at", TIME, "UTC"),
                column("why", pa.string(), "in their words, or nothing"),
            ]
        ),
    ),
    TableSpec(
        "journeys",
        "Chains of assigned matches: which cameras a vehicle passed, and when.",
        "hour",
        pa.schema(
            [
                column("journey_id", pa.string(), "kept over the hour's end"),
                column("leg", pa.int32(), "0 at the first camera"),
                TRACK_ID,
                CAMERA_ID,
                column("entered_at", TIME, "UTC"),
                column("left_at", TIME, "UTC"),
                column("speed_kmh", pa.float32(), "average on the way from the camera before; null for the first leg", True),
                column("probability", pa.float32(), "of this leg's match; 1 for the first"),
            ]
        ),
    ),
    TableSpec(
        "truth_boxes",
        "Every vehicle in every frame as it was drawn; only the synthetic city knows it.",
        "camera_hour",
        pa.schema(
            [
                FRAME_ID,
                CAMERA_ID,
                CAPTURED_AT,
                VEHICLE_ID,
                column("x1", pa.float32(), "left edge of what is visible, px of the stored frame"),
                column("y1", pa.float32(), "upper edge, px"),
                column("x2", pa.float32(), "right edge, px"),
                column("y2", pa.float32(), "lower edge, px"),
                column("visible_fraction", pa.float32(), "visible part of the silhouette, 0..1; the frame's edge hides too"),
                column("label", pa.string(), "car, bus, truck or motorcycle; person, or bicycle with its rider"),
                column("kind", pa.string(), "car, suv, van, bus, truck or motorcycle; person or bicycle"),
                column("carriageway", pa.string(), "the side of the road: N or S"),
            ]
        ),
    ),
    TableSpec(
        "truth_passages",
        "When every vehicle passed every camera; only the synthetic city knows it.",
        "camera_hour",
        pa.schema(
            [
                VEHICLE_ID,
                CAMERA_ID,
                column("entered_at", TIME, "when it came into the camera's sight, UTC"),
                column("passed_at", TIME, "when it passed the camera's pole, UTC: decides the hour"),
                column("left_at", TIME, "when it left the camera's sight, UTC"),
                column("speed_kmh", pa.float32(), "mean speed in sight, km/h"),
                column("label", pa.string(), "car, bus, truck or motorcycle"),
                column("carriageway", pa.string(), "the side of the road: N or S"),
            ]
        ),
    ),
    TableSpec(
        "truth_movements",
        "Who went over a camera's crossing by which way, in the synthetic city's streets.",
        "camera_hour",
        pa.schema(
            [
                VEHICLE_ID,
                CAMERA_ID,
                column("crossed_at", TIME, "when its front crossed the stop line, UTC: decides the hour"),
                column("approach", pa.string(), "the arm by which it came: N, E, S or W of the crossing"),
                column("exit", pa.string(), "the arm by which it left"),
                column("turn", pa.string(), "left, through or right"),
                column("lane", pa.int16(), "of the approach, from the left, from 0"),
                column("stops", pa.int32(), "how often it stood since the last crossing"),
                column("stood_s", pa.float32(), "how long, s"),
                column(
                    "queue_m",
                    pa.float32(),
                    "from the stop line to its rear, where it stood farthest from it, m; null if it never did",
                    True,
                ),
                column("label", pa.string(), "car, bus, truck or motorcycle"),
            ]
        ),
    ),
    TableSpec(
        "evaluation",
        "The pipeline's results against the truth of the synthetic city.",
        "day",
        pa.schema(
            [
                column(
                    "subject",
                    pa.string(),
                    "detection, tracking, reidentification, journeys, calibration, counts, in_view, labels, speeds, "
                    "travel_times, movements",
                ),
                column("metric", pa.string(), "AP50, HOTA, IDF1, rank-1, mAP, median_error_s, ..."),
                column("scope", pa.string(), "what it was measured on: all, a camera, a pair of cameras, a size or a label"),
                column("value", pa.float64(), "in the metric's unit; null where nothing could be measured", True),
                column("support", pa.int64(), "how many true things it rests on"),
            ]
        ),
    ),
]

TABLES: dict[str, TableSpec] = {spec.name: spec for spec in (*_SPECS, *BY_CAMERA_HOUR, *BY_DAY)}


def schema_of(name: str, dimension: int | None = None) -> pa.Schema:
    """A table's schema; for ``features`` with the length of the embeddings that the model makes."""
    schema = TABLES[name].schema
    if dimension is None:
        return schema
    position = schema.get_field_index("embedding")
    return schema.set(position, schema.field(position).with_type(embeddings(dimension)))
