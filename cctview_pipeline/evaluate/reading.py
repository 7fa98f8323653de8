"""One camera's truth and results over the evaluated hours, as arrays."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import HOUR
from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.errors import CctviewError, NotFoundError
from cctview_pipeline.evaluate.truth import Assignment, GroundTruthBoxes, PredictedBoxes, assign, counts, vehicles_of_tracks
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.columns import embedding_matrix

TRUTH = ("truth_boxes", "truth_passages")
RESULTS = ("raw_frames", "detections", "features", "tracks", "matches")


@dataclass(frozen=True, kw_only=True)
class Tracks:
    """K tracks of one camera; what an hour's turn cut in two is one track here.

    ids: of the first parts; index: every part's id -> position; carriageway: K letters or None; began: (K,) False for a
    track that goes on from an hour that is not evaluated, and for a mere sighting, which is not counted; vehicle: K
    vehicle ids or None.
    """

    ids: list[str]
    index: dict[str, int]
    first_seen: np.ndarray
    carriageway: list[str | None]
    began: np.ndarray
    vehicle: list[str | None]


@dataclass(frozen=True, kw_only=True)
class CameraResults:
    """All that is known about one camera. times: (F,) us since 1970 of the frames it sent, sorted.

    embeddings: (E, D) float16 with the row of each detection id in ``embedding_row``; seen_before: vehicles that were
    counted in the hour before the evaluated ones.
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
    seen_before: frozenset[str]


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
    tracks, members = _tracks(read(lake, "tracks", camera_id, hours))
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
        seen_before=_seen_before(lake, camera_id, hours),
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


def _tracks(table: pa.Table) -> tuple[Tracks, dict[str, int]]:
    """The tracks, and detection id -> position of its track."""
    columns = ["track_id", "detection_ids", "first_seen", "carriageway", "continues", "quality"]
    index: dict[str, int] = {}
    members: dict[str, int] = {}
    ids: list[str] = []
    carriageway: list[str | None] = []
    began: list[bool] = []
    first: list[int] = []
    times = microseconds(table["first_seen"])
    rows = table.select(columns).drop_columns(["first_seen"]).to_pylist()
    for place in np.argsort(times, kind="stable"):
        row = rows[place]
        if row["continues"] in index:
            position = index[row["continues"]]
            carriageway[position] = carriageway[position] or row["carriageway"]
        else:
            position = len(ids)
            ids.append(row["track_id"])
            first.append(times[place])
            carriageway.append(row["carriageway"])
            began.append(row["continues"] is None and row["quality"] is not None)
        index[row["track_id"]] = position
        members |= dict.fromkeys(row["detection_ids"], position)
    return Tracks(
        ids=ids,
        index=index,
        first_seen=np.array(first, np.int64),
        carriageway=carriageway,
        began=np.array(began, bool),
        vehicle=[],
    ), members


def _seen_before(lake: Lake, camera_id: str, hours: list[datetime]) -> frozenset[str]:
    """Vehicles counted in an hour just before the evaluated ones: like the tracks that go on from it, they began then."""
    columns = ["vehicle_id", "label", "x1", "y1", "x2", "y2", "visible_fraction"]
    table = _of_vehicles(read(lake, "truth_boxes", camera_id, [h - HOUR for h in hours if h - HOUR not in hours], columns))
    counted = counts(_corners(table), table["visible_fraction"].to_numpy())
    return frozenset(pc.unique(table.filter(pa.array(counted))["vehicle_id"]).to_pylist())
