"""One camera-hour of tracking, from tables to a table."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import Camera
from cctview_pipeline.track.flow import Flow
from cctview_pipeline.track.sightings import Sightings, sightings
from cctview_pipeline.track.tables import continuations, track_id, tracks_table
from cctview_pipeline.track.tracker import TrackerSettings, track

Tables = Mapping[str, pa.Table]


class TrackedHour(NamedTuple):
    """tracks: the table; flow: of the camera in that hour, by which it was tracked."""

    tracks: pa.Table
    flow: Flow


def track_camera_hour(camera: Camera, now: Tables, before: Tables, settings: TrackerSettings = TrackerSettings()) -> TrackedHour:
    """raw_frames (times and sizes), detections and features of an hour, and those and the tracks of the hour before -> tracks.

    Where the hour before has features but no tracks yet, it is tracked here: which run comes first makes no difference.
    Embeddings of two models cannot be compared, so nothing continues over a change of model.
    """
    seen = _sightings(now)
    tracking = track(seen, settings)
    links = {}
    if pc.unique(before["features"]["model"]).equals(pc.unique(now["features"]["model"])):
        earlier = _sightings(before)
        links = continuations(earlier, _tracks_of(earlier, before["tracks"], settings), seen, tracking, settings)
    models = sorted({*pc.unique(now["features"]["model"]).to_pylist(), *pc.unique(now["detections"]["model"]).to_pylist()})
    frame_times = np.sort(now["raw_frames"]["captured_at"].cast(pa.int64()).to_numpy() / 1e6)
    return TrackedHour(tracks_table(camera, tracking, frame_times, links, " ".join(models)), tracking.flow)


def _sightings(tables: Tables) -> Sightings:
    frames = tables["raw_frames"]
    size = (pc.max(frames["width"]).as_py(), pc.max(frames["height"]).as_py()) if frames.num_rows else (352, 240)
    return sightings(tables["detections"], tables["features"], size)


def _tracks_of(seen: Sightings, tracks: pa.Table, settings: TrackerSettings) -> dict[str, list[int]]:
    """track_id -> rows of the sightings."""
    row = {detection_id: i for i, detection_id in enumerate(seen.ids)}
    if not tracks.num_rows:
        return {track_id(seen.ids[rows[0]]): rows for rows in track(seen, settings).tracks}
    stored = zip(tracks["track_id"].to_pylist(), tracks["detection_ids"].to_pylist(), strict=True)
    known = {name: [row[i] for i in ids if i in row] for name, ids in stored}
    return {name: rows for name, rows in known.items() if rows}
