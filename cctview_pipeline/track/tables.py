"""Tracks of one camera-hour, as the lake's table."""

from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from cctview_pipeline.campaign import FACINGS, Camera
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.track.flow import Flow
from cctview_pipeline.track.sightings import Sightings
from cctview_pipeline.track.tracker import VERSION, TrackerSettings, Tracking, associate


def tracks_table(
    camera: Camera, seen: Sightings, tracking: Tracking, frame_times: np.ndarray, continues: dict[str, str], model: str
) -> pa.Table:
    """One row a track, in order of first sight.

    frame_times: (F,) s, sorted, of every frame of the hour; continues: track_id -> track_id of the hour before.
    """
    rows = [_row(camera, seen, rows, tracking.flow, frame_times) for rows in tracking.tracks]
    for row in rows:
        row["continues"], row["model"] = continues.get(row["track_id"]), f"{VERSION} {model}"
    rows.sort(key=lambda row: (row["first_seen"], row["track_id"]))
    return pa.Table.from_pylist(rows, schema_of("tracks"))


def track_id(first_detection_id: str) -> str:
    """A track is named after its first detection: ``<frame>--track--<number>``."""
    frame_id, rest = first_detection_id.split("--detections--")
    return f"{frame_id}--track--{rest.split('--')[0]}"


def continuations(
    before: Sightings, before_tracks: dict[str, list[int]], now: Sightings, tracking: Tracking, settings: TrackerSettings
) -> dict[str, str]:
    """Which tracks of this hour go on from which of the hour before.

    before_tracks: track_id -> rows of ``before``. Only ends and beginnings close to the hour's turn are compared.
    """
    if not len(before) or not len(now):
        return {}
    joined = _concatenate(before, now)
    offset, turn = len(before), now.times[0]
    old = {name: rows for name, rows in before_tracks.items() if turn - before.times[rows[-1]] <= settings.longest_gap_s}
    young = {rows[0] + offset: rows for rows in tracking.tracks if now.times[rows[0]] - turn <= settings.longest_gap_s}
    found: dict[str, str] = {}
    names = list(old)
    for frame in joined.frames():
        heads = np.array([row for row in frame if row in young], np.int64)
        free = [name for name in names if name not in found.values()]
        near = [
            name for name in free if len(heads) and joined.times[heads[0]] - joined.times[old[name][-1]] <= settings.longest_gap_s
        ]
        for place, row in associate(joined, [old[name] for name in near], heads, tracking.flow, settings):
            found[track_id(joined.ids[row])] = near[place]
    return found


def _concatenate(a: Sightings, b: Sightings) -> Sightings:
    arrays = {name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in ("times", "boxes", "scores", "embeddings")}
    return Sightings(ids=a.ids + b.ids, labels=a.labels + b.labels, **arrays)


def _row(camera: Camera, seen: Sightings, rows: list[int], flow: Flow, frame_times: np.ndarray) -> dict:
    first, last = seen.times[rows[0]], seen.times[rows[-1]]
    frames = np.searchsorted(frame_times, last, "right") - np.searchsorted(frame_times, first, "left")
    direction = _direction(seen, rows, flow)
    return {
        "track_id": track_id(seen.ids[rows[0]]),
        "camera_id": camera.id,
        "detection_ids": [seen.ids[row] for row in rows],
        "first_seen": _time(first),
        "last_seen": _time(last),
        "carriageway": carriageway(camera, direction),
        "direction": direction,
        "speed_px_s": _speed(seen, rows),
        "speed_kmh": None,
        "label": _label(seen, rows),
        "quality": float(seen.scores[rows].mean() * len(rows) / max(frames, len(rows))),
    }


def carriageway(camera: Camera, direction: str | None) -> str | None:
    """What moves away from a camera that faces north goes north; what comes towards it goes south."""
    if direction is None or not camera.faces:
        return None
    facing = FACINGS.index(camera.faces)
    return FACINGS[facing if direction == "away" else (facing + 2) % 4][0].upper()


def _direction(seen: Sightings, rows: list[int], flow: Flow) -> str | None:
    """By the track's own way; for a single sighting by what nine in ten of its neighbourhood do."""
    move = seen.points[rows[-1]] - seen.points[rows[0]]
    if np.linalg.norm(move) > 0.5 * seen.sizes[rows[0]]:
        return "away" if move[1] < 0 else "towards"
    if len(rows) > 1:
        return None  # it stood
    share = flow.share_away(seen.points[rows[:1]])[0]
    return "away" if share >= 0.9 else "towards" if share <= 0.1 else None


def _speed(seen: Sightings, rows: list[int]) -> float | None:
    if len(rows) < 2:
        return None
    moves = np.linalg.norm(np.diff(seen.points[rows], axis=0), axis=1)
    return float(np.median(moves / np.diff(seen.times[rows])))


def _label(seen: Sightings, rows: list[int]) -> str:
    votes: Counter[str] = Counter()
    for row in rows:
        votes[seen.labels[row]] += seen.scores[row]
    return max(sorted(votes), key=votes.__getitem__)


def _time(seconds: float) -> datetime:
    microseconds = round(seconds * 1e6)
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(microsecond=microseconds % 1_000_000)
