"""One camera's truth and results over the evaluated hours, as arrays."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.errors import CctviewError, NotFoundError
from cctview_pipeline.evaluate.truth import Assignment, GroundTruthBoxes, PredictedBoxes, assign, counts, vehicles_of_tracks
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.columns import embedding_matrix

TRUTH = ("truth_boxes", "truth_passages")
RESULTS = ("raw_frames", "detections", "features", "tracks", "passages", "matches")


@dataclass(frozen=True, kw_only=True)
class Tracks:
    """K tracks of one camera; what an hour's turn cut in two is one track here.

    ids: of the first parts; index: every part's id -> position; passed: (K,) us since 1970, when each passed the camera, by its
    passage where it has one, or was in the middle of its time in view where that is unknown; beyond_m: (K,) how far beyond the
    camera's pole that was, NaN where unknown; vehicle: K vehicle ids or None.
    """

    ids: list[str]
    index: dict[str, int]
    passed: np.ndarray
    beyond_m: np.ndarray
    vehicle: list[str | None]


@dataclass(frozen=True, kw_only=True)
class CameraResults:
    """All that is known about one camera. times: (F,) us since 1970 of the frames it sent, sorted.

    embeddings: (E, D) float16 with the row of each detection id in ``embedding_row``.
    """

    camera_id: str
    times: np.ndarray
    truth: GroundTruthBoxes
    found: PredictedBoxes
    tracks: Tracks
    assignment: Assignment
    embeddings: np.ndarray
    embedding_row: dict[str, int]
    model: tuple[str, ...]


def check_present(lake: Lake, cameras: list[str], hours: list[datetime]) -> None:
    """Raises CctviewError, naming the first partition, when truth or results are missing."""
    for hour in hours:
        for camera in cameras:
            partition = Partition.camera_hour(camera, hour)
            for table in TRUTH:
                if not lake.has(table, partition):
                    raise NotFoundError(
                        f"There is no truth to evaluate against: the lake has no {table} of {partition}. "
                        "Only the synthetic city knows it: evaluate a lake that was backfilled from the city."
                    )
            for table in RESULTS:
                _require(lake, table, partition)
        _require(lake, "journeys", Partition.of_hour(hour))


def _require(lake: Lake, table: str, partition: Partition) -> None:
    if not lake.has(table, partition):
        raise CctviewError(f"The lake has no {table} of {partition}: backfill that hour first, then evaluate.")


def read_camera(lake: Lake, camera_id: str, hours: list[datetime], features: pa.Table | None = None) -> CameraResults:
    """Read one camera's hours and assign its detections to vehicles. features: of these hours, in one period; the lake's, which
    are of one period within a day, when left out."""
    frames = read(lake, "raw_frames", camera_id, hours, ["frame_id", "captured_at"]).sort_by(
        [("captured_at", "ascending"), ("frame_id", "ascending")]
    )
    order = frames["frame_id"].combine_chunks()
    truth = _truth(read(lake, "truth_boxes", camera_id, hours), order)
    tracks, members = _tracks(read(lake, "tracks", camera_id, hours), read(lake, "passages", camera_id, hours))
    found = _found(read(lake, "detections", camera_id, hours), order, members)
    features = read(lake, "features", camera_id, hours) if features is None else features
    assignment = assign(truth, found, len(order))
    tracks.vehicle.extend(vehicles_of_tracks(truth, found, assignment, len(tracks.ids)))
    return CameraResults(
        camera_id=camera_id,
        times=microseconds(frames["captured_at"]),
        truth=truth,
        found=found,
        tracks=tracks,
        assignment=assignment,
        embeddings=embedding_matrix(features).astype(np.float16),
        embedding_row={detection_id: row for row, detection_id in enumerate(features["detection_id"].to_pylist())},
        model=tuple(pc.unique(features["model"]).to_pylist()),
    )


def read(lake: Lake, table: str, camera_id: str, hours: list[datetime], columns: list[str] | None = None) -> pa.Table:
    """A camera's hours of one table, one after the other. Raises CctviewError when their embeddings differ in length."""
    parts = [lake.read(table, Partition.camera_hour(camera_id, hour), columns) for hour in hours]
    filled = [part for part in parts if part.num_rows] or parts[:1]
    try:
        return pa.concat_tables(filled)
    except pa.ArrowInvalid as error:
        raise CctviewError(f"The {table} of {camera_id} are of two models: backfill all evaluated hours with one.") from error


def microseconds(times: pa.ChunkedArray) -> np.ndarray:
    """(N,) us since 1970, UTC."""
    return times.cast(pa.int64()).to_numpy()


def strings(column: pa.ChunkedArray) -> np.ndarray:
    """(N,) numpy strings; a null is the empty one."""
    return np.array(pc.fill_null(column, "").to_pylist(), str)


def _corners(table: pa.Table) -> np.ndarray:
    return np.stack([table[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)


def _of_vehicles(table: pa.Table) -> pa.Table:
    """People are in the truth and among the detections too, but nothing here follows them."""
    return table.filter(pc.is_in(table["label"], pa.array(VEHICLES)))


def _in_frames(table: pa.Table, order: pa.Array) -> tuple[pa.Table, np.ndarray]:
    """The rows of frames that the camera sent, sorted by frame, and the position of each one's frame."""
    place = pc.index_in(table["frame_id"], order)
    table, place = table.filter(pc.is_valid(place)), pc.drop_null(place).to_numpy()
    by_frame = np.argsort(place, kind="stable")
    return table.take(pa.array(by_frame)), place[by_frame].astype(np.int64)


def _truth(table: pa.Table, order: pa.Array) -> GroundTruthBoxes:
    """Of the vehicles: people, where the city has any, are masked and not followed."""
    table, frame = _in_frames(_of_vehicles(table), order)
    boxes = _corners(table)
    counted = counts(boxes, table["visible_fraction"].to_numpy())
    vehicle, label, carriageway = (strings(table[name]) for name in ("vehicle_id", "label", "carriageway"))
    return GroundTruthBoxes(frame=frame, vehicle=vehicle, boxes=boxes, counted=counted, label=label, carriageway=carriageway)


def _found(table: pa.Table, order: pa.Array, members: dict[str, int]) -> PredictedBoxes:
    table, frame = _in_frames(_of_vehicles(table), order)
    ids = table["detection_id"].to_pylist()
    track = np.array([members.get(detection_id, -1) for detection_id in ids], np.int64)
    return PredictedBoxes(
        ids=np.array(ids, str),
        frame=frame,
        boxes=_corners(table),
        score=table["score"].to_numpy(),
        label=strings(table["label"]),
        track=track,
    )


def _tracks(table: pa.Table, passages: pa.Table) -> tuple[Tracks, dict[str, int]]:
    """The tracks, and detection id -> position of its track."""
    index: dict[str, int] = {}
    members: dict[str, int] = {}
    ids: list[str] = []
    passed: list[float] = []
    first, last = (microseconds(table[name]) for name in ("first_seen", "last_seen"))
    middle = np.where(table["passed_at"].is_valid(), microseconds(pc.fill_null(table["passed_at"], 0)), (first + last) // 2)
    rows = table.select(["track_id", "detection_ids", "recovered_ids", "continues"]).to_pylist()
    for place in np.argsort(first, kind="stable"):
        row = rows[place]
        if row["continues"] in index:
            position = index[row["continues"]]
        else:
            position = len(ids)
            ids.append(row["track_id"])
            passed.append(middle[place])
        index[row["track_id"]] = position
        members |= dict.fromkeys([*row["detection_ids"], *(row["recovered_ids"] or [])], position)
    found = Tracks(ids=ids, index=index, passed=np.array(passed, np.int64), beyond_m=np.full(len(ids), np.nan), vehicle=[])
    columns = (passages["track_ids"].to_pylist(), microseconds(passages["passed_at"]), passages["beyond_m"].to_pylist())
    for pieces, moment, metres in zip(*columns, strict=True):
        for position in {index[each] for each in pieces if each in index}:
            found.passed[position], found.beyond_m[position] = moment, np.nan if metres is None else metres
    return found, members
