"""What must hold of a partition before it may be written: a check would rather keep a table out than let it mislead.

Each check takes the rows and the tables they were made from, and returns a sentence when something is wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake.layout import Partition
from cctview_pipeline.lake.marts import STATES
from cctview_pipeline.lake.tables import check_schema

Inputs = Mapping[str, pa.Table]
MAX_SPEED_KMH = 200.0
SCHEMA = "schema"


@dataclass(frozen=True)
class Check:
    """name: as Dagster shows it; description: the sentence a person reads; find: what is wrong, or None."""

    name: str
    description: str
    find: Callable[[pa.Table, Inputs, Partition], str | None]


def _unique(*columns: str) -> Check:
    def find(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
        counts = rows.group_by(list(columns)).aggregate([([], "count_all")])
        twice = counts.filter(pc.greater(counts["count_all"], 1))
        return f"{twice[columns[0]][0].as_py()} stands {twice['count_all'][0]} times." if twice.num_rows else None

    return Check("unique_ids", f"No two rows have the same {' and '.join(columns)}.", find)


def _inside_hour(column: str) -> Check:
    def find(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
        begin = pa.scalar(partition.begin, rows.schema.field(column).type)
        end = pa.scalar(partition.begin + timedelta(hours=1), rows.schema.field(column).type)
        outside = rows.filter(pc.or_(pc.less(rows[column], begin), pc.greater_equal(rows[column], end)))
        return f"{outside.num_rows} rows lie outside, the first at {outside[column][0]}." if outside.num_rows else None

    return Check("times_inside_partition", f"Every {column} lies in the partition's hour.", find)


def _exists(column: str, table: str, key: str, name: str, description: str) -> Check:
    def find(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
        values = rows[column].combine_chunks()
        values = values.flatten() if pa.types.is_list(values.type) else values
        unknown = values.filter(pc.invert(pc.is_in(values, inputs[table][key].combine_chunks())))
        return f"{len(unknown)} are unknown, such as {unknown[0]}." if len(unknown) else None

    return Check(name, description, find)


def _one_each(table: str) -> Check:
    def find(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
        expected, found = set(inputs[table]["detection_id"].to_pylist()), rows["detection_id"].to_pylist()
        if len(found) == len(expected) and set(found) == expected:
            return None
        return f"{len(expected)} were due, {len(found)} came, {len(expected - set(found))} are missing."

    what = "crop a vehicle detection" if table == "vehicles" else "embedding a crop"
    return Check(f"one_{what.split()[0]}_each", f"There is one {what}, and no other.", find)


def _boxes(key: str) -> Callable[[pa.Table, Inputs, Partition], str | None]:
    def find(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
        frames = inputs["raw_frames"]
        place = {frame_id: i for i, frame_id in enumerate(frames["frame_id"].to_pylist())}
        row = [place.get(frame_id, -1) for frame_id in rows["frame_id"].to_pylist()]
        width, height = (np.append(frames[name].to_numpy(), 0)[row] for name in ("width", "height"))
        x1, y1, x2, y2 = (rows[name].to_numpy() for name in ("x1", "y1", "x2", "y2"))
        wrong = ~((x1 >= 0) & (y1 >= 0) & (x2 > x1) & (y2 > y1) & (x2 <= width) & (y2 <= height))
        return f"{wrong.sum()} leave their frame, such as {rows[key][int(wrong.argmax())]}." if wrong.any() else None

    return find


def _finite(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    values = rows["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return f"{(~np.isfinite(values)).sum()} numbers are not finite." if not np.isfinite(values).all() else None


def _masked(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    unmasked = rows.filter(pc.equal(rows["masked_by"], ""))
    return f"{unmasked.num_rows} were not masked, such as {unmasked['frame_id'][0]}." if unmasked.num_rows else None


def _one_model(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    models = pc.unique(rows["model"]).to_pylist()
    return f"It mixes {', '.join(models)}." if len(models) > 1 else None


def _one_a_frame(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    for track_id, ids in zip(rows["track_id"].to_pylist(), rows["detection_ids"].to_pylist(), strict=True):
        frames = [detection_id.split("--detections--")[0] for detection_id in ids]
        if len(set(frames)) < len(frames):
            return f"{track_id} has two detections in one frame."
    return None


def _one_vehicle(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    counts = pc.value_counts(pc.list_flatten(rows["track_ids"].combine_chunks()))
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    return f"{twice[0]['values']} is a piece of {twice[0]['counts']}." if len(twice) else None


def _possible(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    wrong = rows.filter(pc.or_(pc.less(rows["vehicle_s"], 0), pc.fill_null(pc.less_equal(rows["dwell_s"], 0), False)))
    return f"{wrong['carriageway'][0]} at {wrong['began_at'][0]} has {wrong['vehicle_s'][0]} s." if wrong.num_rows else None


def _ways(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    points = [pc.list_value_length(rows[name]) for name in ("path_x", "path_y")]
    wrong = rows.filter(pc.or_(pc.not_equal(*points), pc.less(points[0], 2)))
    return f"That from {wrong['approach'][0]} to {wrong['exit'][0]} has none." if wrong.num_rows else None


def _not_fewer(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    wrong = rows.filter(pc.less(rows["shared"], pc.subtract(rows["followed"], 1e-3)))
    return (
        f"From {wrong['approach'][0]} to {wrong['exit'][0]} are {wrong['shared'][0]} of {wrong['followed'][0]}."
        if wrong.num_rows
        else None
    )


def _plausible(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    fast = pc.max(rows["implied_speed_kmh"]).as_py() if rows.num_rows else 0.0
    return f"One implies {fast:.0f} km/h." if fast > MAX_SPEED_KMH else None


def _one_place(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    legs = rows.sort_by([("journey_id", "ascending"), ("leg", "ascending"), ("entered_at", "ascending")])
    journey, leg = legs["journey_id"].to_numpy(zero_copy_only=False), legs["leg"].to_numpy()
    entered, left = (legs[name].cast(pa.int64()).to_numpy() for name in ("entered_at", "left_at"))
    at_once = (journey[1:] == journey[:-1]) & (leg[1:] > leg[:-1]) & (entered[1:] < left[:-1])
    return f"{journey[1:][at_once][0]} is at two cameras at once." if at_once.any() else None


def _labelled_once(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    said = rows.filter(pc.equal(rows["role"], "frame"))["frame_id"].to_pylist()
    if len(said) == len(set(said)) and set(said) == set(rows["frame_id"].to_pylist()):
        return None
    return f"{len(said)} rows say so of {len(set(rows['frame_id'].to_pylist()))} frames."


def _whole_hour(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    began, ended = (rows[name].to_pylist() for name in ("began_at", "ended_at"))
    hour = [partition.begin, partition.begin + timedelta(hours=1)]
    holes = [time for time in [*ended, hour[0]] if time != hour[1] and time not in began]
    if holes or not rows.num_rows or max(ended) != hour[1] or min(began) != hour[0]:
        return f"Nothing is told from {min(holes, default=hour[0]):%H:%M:%S} on."
    return None


def _some_time(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    none = rows.filter(pc.less_equal(rows["ended_at"], rows["began_at"]))
    return f"One at {none['began_at'][0]} takes no time." if none.num_rows else None


def _whole_quarters(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    sums = np.sum([rows[f"{state}_s"].to_numpy() for state in STATES], axis=0)
    wrong = np.flatnonzero(np.abs(sums - 900) > 0.5).tolist()
    return f"Those of {rows['began_at'][wrong[0]]} add up to {sums[wrong[0]]:.1f}." if wrong else None


def _zero_is_no_null(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
    unseen = pc.equal(rows["status"], "no_data")
    wrong = rows.filter(pc.not_equal(unseen, pc.is_null(rows["vehicles"])))
    return f"{wrong.num_rows} rows are wrong, such as that of {wrong['began_at'][0]}." if wrong.num_rows else None


_TOLD = Check("zero_is_no_null", "vehicles is null where nothing was seen, and a number everywhere else.", _zero_is_no_null)


def _schema(table: str) -> Check:
    def find(rows: pa.Table, inputs: Inputs, partition: Partition) -> str | None:
        try:
            check_schema(table, rows)
        except CctviewError as error:
            return str(error)
        return None

    return Check(SCHEMA, "Names, types and nulls are those of lake/schemas.py.", find)


_OWN: dict[str, tuple[Check, ...]] = {
    "raw_frames": (
        _unique("frame_id"),
        _inside_hour("captured_at"),
        Check("masked", "Every frame says by what people in it were painted over.", _masked),
    ),
    "rejected_frames": (),  # the same file may come, and be set aside, more than once
    "camera_status": (_unique("began_at"), Check("whole_hour", "Every moment of the hour has a state.", _whole_hour)),
    "gaps": (_unique("began_at"), Check("some_time", "Every gap ends after it began.", _some_time)),
    "detections": (
        _unique("detection_id"),
        _inside_hour("captured_at"),
        _exists("frame_id", "raw_frames", "frame_id", "frames_exist", "Every detection's frame is in raw_frames."),
        Check("boxes_inside_frame", "Every box has an area and lies inside its frame.", _boxes("detection_id")),
    ),
    "labels": (
        _inside_hour("captured_at"),
        _exists("frame_id", "raw_frames", "frame_id", "frames_exist", "Every labelled frame is in raw_frames."),
        Check("boxes_inside_frame", "Every box has an area and lies inside its frame.", _boxes("frame_id")),
        Check("one_frame_row_each", "Every labelled frame says once that it was labelled.", _labelled_once),
    ),
    "crops": (_unique("detection_id"), _one_each("vehicles")),
    "features": (
        _unique("detection_id"),
        _one_each("crops"),
        Check("finite_embeddings", "No embedding has a number that is infinite or none.", _finite),
        Check("one_model", "All embeddings of a partition come from one model.", _one_model),
    ),
    "tracks": (
        _unique("track_id"),
        _inside_hour("first_seen"),
        _exists("detection_ids", "features", "detection_id", "detections_exist", "Every track's detections have an embedding."),
        Check("one_detection_a_frame", "A track never has two detections in one frame.", _one_a_frame),
    ),
    "passages": (
        _unique("track_id"),
        _inside_hour("passed_at"),
        _exists("track_ids", "tracks", "track_id", "tracks_exist", "Every piece is a track of this camera and hour."),
        Check("one_vehicle_a_track", "No track is a piece of two vehicles.", _one_vehicle),
    ),
    "vehicles_in_view": (
        _unique("carriageway", "began_at"),
        Check("possible", "Nobody is in view for less than no time.", _possible),
    ),
    "camera_flows": (
        _unique("view", "approach", "exit"),
        Check("ways", "Every movement has a way in the picture of two points or more.", _ways),
    ),
    "movements_seen": (
        _unique("view", "approach", "exit", "label", "began_at"),
        Check("not_fewer", "Vehicles with those that were not followed are no fewer than those that were.", _not_fewer),
    ),
    "queues_seen": (_unique("view", "approach", "began_at"),),
    "matches": (
        _unique("query_track_id", "gallery_track_id"),
        _exists("query_track_id", "tracks", "track_id", "tracks_exist", "Every query is a track of this camera and hour."),
        Check("plausible_speed", f"No match implies more than {MAX_SPEED_KMH:.0f} km/h.", _plausible),
    ),
    "match_evidence": (_unique("query_track_id", "gallery_track_id"),),
    "verdicts": (_unique("query_track_id", "gallery_track_id", "said_by"),),
    "journeys": (
        _unique("track_id"),
        _exists("track_id", "tracks", "track_id", "tracks_exist", "Every leg is a track of this hour."),
        Check("one_place_at_a_time", "No journey reaches a camera before it left the one before.", _one_place),
    ),
    "coverage": (
        _unique("began_at"),
        _inside_hour("began_at"),
        Check("whole_quarters", "The seconds of every quarter of an hour add up to 900.", _whole_quarters),
    ),
    "bins": (_unique("began_at"),),
    "anomalies": (),  # two may lie over one another, and say the same
    "vehicle_counts": (_unique("camera_id", "carriageway", "label", "began_at"), _TOLD),
    "flows": (_unique("camera_id", "carriageway", "began_at"), _TOLD),
    "turning_movements": (_unique("camera_id", "view", "approach", "exit", "label", "began_at"), _TOLD),
    "approach_queues": (_unique("camera_id", "view", "approach", "began_at"),),
    "speeds": (_unique("camera_id", "carriageway", "began_at"), _TOLD),
    "corridor_speeds": (_unique("from_camera_id", "to_camera_id", "began_at"), _TOLD),
    "reliability": (_unique("from_camera_id", "to_camera_id", "carriageway", "period"),),
    "corridor_od": (_unique("corridor", "origin", "destination", "began_at"),),
    "segment_performance": (_unique("from_camera_id", "to_camera_id", "began_at"),),
    "data_quality": (_unique("camera_id"),),
    "throughput": (_unique("asset", "began_at"),),
    "truth_boxes": (
        _unique("frame_id", "vehicle_id"),
        _inside_hour("captured_at"),
        _exists("frame_id", "raw_frames", "frame_id", "frames_exist", "Every box's frame is in raw_frames."),
        Check("boxes_inside_frame", "Every box has an area and lies inside its frame.", _boxes("vehicle_id")),
    ),
    "truth_passages": (_unique("vehicle_id"), _inside_hour("passed_at")),
    "truth_movements": (_inside_hour("crossed_at"),),
    "evaluation": (_unique("subject", "metric", "scope"),),
    "travel_times": (_unique("from_camera_id", "to_camera_id", "began_at"), _TOLD),
}

CHECKS = {table: (_schema(table), *checks) for table, checks in _OWN.items()}
"""Table -> its checks. All of them block: a partition that fails one is not written."""


def failures(table: str, rows: pa.Table, inputs: Inputs, partition: Partition) -> dict[str, str]:
    """The names of the checks that fail, each with its sentence. Rows of another schema are not looked at further."""
    found: dict[str, str] = {}
    for check in CHECKS[table]:
        if SCHEMA not in found and (sentence := check.find(rows, inputs, partition)):
            found[check.name] = sentence
    return found
