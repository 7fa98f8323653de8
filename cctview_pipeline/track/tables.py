"""Tracks of one camera-hour, as the lake's table."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from cctview_pipeline.campaign import Camera
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.links import AWAY, TOWARDS, side_of
from cctview_pipeline.track import flow
from cctview_pipeline.track.calibration import Ground, calibrate, speed_kmh
from cctview_pipeline.track.label_votes import label_of
from cctview_pipeline.track.motion import RoadCoordinates, place
from cctview_pipeline.track.passage import direction_of, parked, passage_of
from cctview_pipeline.track.sightings import CameraDetections
from cctview_pipeline.track.tracker import VERSION, OpenTrack, TrackerSettings, Tracking, associate

MERE_SIGHTING = dict.fromkeys(
    (
        "passed_at",
        "carriageway",
        "direction",
        "speed_px_s",
        "speed_kmh",
        "speed_kmh_error",
        "pace",
        "pace_error",
        "lane",
        "relative_size",
        "quality",
        "continues",
    )
)
"""What nobody knows of a vehicle where frames come too seldom to follow any: not even whether it was counted before."""


def tracks_table(
    camera: Camera, view: str, tracking: Tracking, frame_times: np.ndarray, continues: dict[str, str], model: str
) -> pa.Table:
    """One row a track of one view, in order of first sight.

    view: its name; frame_times: (F,) s, sorted, of every frame that shows it in the hour; continues: track_id -> track_id of the
    hour before.
    """
    seen = tracking.placed.seen
    sure = [[row for row in rows if seen.sure[row]] for rows in tracking.tracks]
    earlier = [row for rows in sure for row in rows[:-1]]
    later = [row for rows in sure for row in rows[1:]]
    ground = calibrate(seen.boxes, seen.labels, earlier, later, seen.frame_size) if len(seen) else None
    near = set(frame_times[in_sequence(frame_times)].tolist())
    rows = []
    for members in tracking.tracks:
        row = _row(camera, tracking.placed, ground, members, frame_times)
        row |= {"continues": continues.get(row["track_id"]), "model": f"{VERSION} {model}", "view": view}
        rows.append(row if near.intersection(seen.times[members].tolist()) else row | MERE_SIGHTING)
    rows.sort(key=lambda row: (row["first_seen"], row["track_id"]))
    return pa.Table.from_pylist(rows, schema_of("tracks"))


def in_sequence(frame_times: np.ndarray) -> np.ndarray:
    """(F,) s, sorted -> (F,) bool: frames that are near enough to the one before or after for vehicles to be followed.

    Farther apart than the flow can be learned from, MAX_STEP_S, most vehicles are gone in the next frame: half of them cross
    a view of the synthetic city in 7 s or less. Measured there, five minutes at six cameras: with a frame every 1.7 s tracks are
    14 to 26 % more than vehicles, every 3.5 s 23 to 33 %; every 5 s anything from 31 % fewer to 81 % more; every 30 s 63 % fewer.
    """
    near = np.diff(frame_times, prepend=-np.inf, append=np.inf) <= flow.MAX_STEP_S
    return (near[1:] | near[:-1])[: len(frame_times)]


def track_id(first_detection_id: str) -> str:
    """A track is named after its first detection: ``<frame>--track--<number>``."""
    frame_id, rest = first_detection_id.split("--detections--")
    return f"{frame_id}--track--{rest.split('--')[0]}"


def continuations(
    before: CameraDetections,
    before_tracks: dict[str, list[int]],
    now: CameraDetections,
    tracking: Tracking,
    settings: TrackerSettings,
) -> dict[str, str]:
    """Which tracks of this hour go on from which of the hour before.

    before_tracks: track_id -> rows of ``before``. Only ends and beginnings close to the hour's turn are compared.
    """
    if not len(before) or not len(now):
        return {}
    joined = place(_concatenate(before, now), tracking.flow)
    seen, offset, turn = joined.seen, len(before), now.times[0]
    old = {name: rows for name, rows in before_tracks.items() if turn - before.times[rows[-1]] <= settings.longest_gap_s}
    ends = {name: OpenTrack.of(joined, rows) for name, rows in old.items()}
    young = {rows[0] + offset for rows in tracking.tracks if now.times[rows[0]] - turn <= settings.longest_gap_s}
    found: dict[str, str] = {}
    for frame in seen.frames():
        heads = np.array([row for row in frame if row in young], np.int64)
        if not len(heads):
            continue
        at = seen.times[heads[0]]
        near = [name for name in ends if name not in found.values() and at - seen.times[old[name][-1]] <= settings.longest_gap_s]
        for position, row in associate(joined, [ends[name] for name in near], heads, settings):
            found[track_id(seen.ids[row])] = near[position]
    return found


def _concatenate(a: CameraDetections, b: CameraDetections) -> CameraDetections:
    arrays = {name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in ("times", "boxes", "scores", "embeddings")}
    return CameraDetections(ids=a.ids + b.ids, labels=a.labels + b.labels, frame_size=b.frame_size, **arrays)


def _row(camera: Camera, placed: RoadCoordinates, ground: Ground | None, rows: list[int], frame_times: np.ndarray) -> dict:
    seen, first, last = placed.seen, rows[0], rows[-1]
    sure = [row for row in rows if seen.sure[row]]
    frames = np.searchsorted(frame_times, seen.times[last], "right") - np.searchsorted(frame_times, seen.times[first], "left")
    way = direction_of(placed, rows)
    direction = None if way is None else AWAY if way == flow.AWAY else TOWARDS
    passage = passage_of(placed, rows, way)
    kmh, kmh_error = _kmh(ground, seen, sure) if direction else (None, None)
    label, probability = label_of([seen.labels[row] for row in sure])
    return {
        "track_id": track_id(seen.ids[first]),
        "camera_id": camera.id,
        "detection_ids": [seen.ids[row] for row in sure],
        "recovered_ids": [seen.ids[row] for row in rows if not seen.sure[row]],
        "sizes": seen.sizes[sure],
        "first_seen": _time(seen.times[first]),
        "last_seen": _time(seen.times[last]),
        "passed_at": _time(passage.passed_at) if passage else None,
        "carriageway": direction and side_of(camera.faces, direction),
        "direction": direction,
        "parked": parked(placed, rows),
        "entry_x": seen.points[first, 0],
        "entry_y": seen.points[first, 1],
        "exit_x": seen.points[last, 0],
        "exit_y": seen.points[last, 1],
        "speed_px_s": _speed(seen, rows),
        "speed_kmh": kmh,
        "speed_kmh_error": kmh_error,
        "pace": passage.pace if passage else None,
        "pace_error": passage.pace_error if passage else None,
        "lane": passage.lane if passage else None,
        "relative_size": passage.relative_size if passage else None,
        "label": label,
        "label_probability": probability,
        "quality": float(seen.scores[rows].mean() * len(rows) / max(frames, len(rows))),
        "best_detection_id": seen.ids[_best(seen, sure)],
    }


def _speed(seen: CameraDetections, rows: list[int]) -> float | None:
    if len(rows) < 2:
        return None
    moves = np.linalg.norm(np.diff(seen.points[rows], axis=0), axis=1)
    return float(np.median(moves / np.diff(seen.times[rows])))


def _kmh(ground: Ground | None, seen: CameraDetections, rows: list[int]) -> tuple[float | None, float | None]:
    """Of boxes that the picture's edge does not cut: those end where the vehicle touches the road."""
    whole = [row for row in rows if not seen.cut[row]]
    if ground is None or len(whole) < 2:
        return None, None
    speed, error = speed_kmh(ground, seen.points[whole], seen.times[whole])
    return (speed, error) if np.isfinite(speed) else (None, None)


def _best(seen: CameraDetections, rows: list[int]) -> int:
    """The sighting to show: large, sure, and whole."""
    return max(rows, key=lambda row: seen.sizes[row] * seen.scores[row] * (0.5 if seen.cut[row] else 1.0))


def _time(seconds: float) -> datetime:
    microseconds = round(seconds * 1e6)
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(microsecond=microseconds % 1_000_000)
