"""One camera-hour of tracking, from tables to a table."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import Camera
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images.size import same_shape
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.track.flow import RoadModel
from cctview_pipeline.track.sightings import CameraDetections
from cctview_pipeline.track.tables import continuations, track_id, tracks_table
from cctview_pipeline.track.tracker import TrackerSettings, Tracking, track
from cctview_pipeline.track.views import Tables, View, views


@dataclass(frozen=True)
class TrackedView:
    """A view, and the vehicles that were followed in it."""

    view: View
    tracking: Tracking


@dataclass(frozen=True)
class TrackedHour:
    """tracks: the table; views: by their first frame."""

    tracks: pa.Table
    views: tuple[TrackedView, ...]

    @property
    def main(self) -> TrackedView | None:
        """The view of most frames."""
        return max(self.views, key=lambda each: len(each.view.frame_times), default=None)

    @property
    def flow(self) -> RoadModel:
        """Of the main view, by which it was tracked."""
        return self.main.tracking.flow if self.main else RoadModel((None, None))

    @property
    def frame_gap_s(self) -> float | None:
        """The median time from a frame to the next of its view."""
        gaps = np.concatenate([np.zeros(0), *(np.diff(each.view.frame_times) for each in self.views)])
        return float(np.median(gaps)) if len(gaps) else None


def track_camera_hour(camera: Camera, now: Tables, before: Tables, settings: TrackerSettings = TrackerSettings()) -> TrackedHour:
    """raw_frames (ids, times, sizes), detections and features of an hour, and those and the tracks of the hour before -> tracks.

    Where the hour before has features but no tracks yet, it is tracked here: which run comes first makes no difference.
    Embeddings of two models cannot be compared, so nothing continues over a change of model; nor does it from a view of one
    shape to one of another. Raises CctviewError where nobody knows what the hour's pixels mean.
    """
    models = sorted({*pc.unique(now["features"]["model"]).to_pylist(), *pc.unique(now["detections"]["model"]).to_pylist()})
    tracked = tuple(TrackedView(view, track(view.seen, settings)) for view in views(now))
    earlier = _views_before(before) if pc.unique(before["features"]["model"]).equals(pc.unique(now["features"]["model"])) else []
    parts = [schema_of("tracks").empty_table()]
    for each in tracked:
        links: dict[str, str] = {}
        for old in earlier:
            if same_shape(old.size, each.view.size):
                found = _tracks_of(old.seen, before["tracks"], settings)
                links |= continuations(old.brought_to(each.view.size).seen, found, each.view.seen, each.tracking, settings)
        parts.append(tracks_table(camera, each.view.name, each.tracking, each.view.frame_times, links, " ".join(models)))
    rows = pa.concat_tables(parts).combine_chunks()
    if len(tracked) > 1:
        rows = rows.sort_by([("first_seen", "ascending"), ("track_id", "ascending")])
    return TrackedHour(rows, tracked)


def _views_before(before: Tables) -> list[View]:
    """None where nobody knows any more what its pixels mean: then nothing continues."""
    try:
        return views(before)
    except CctviewError:
        return []


def _tracks_of(seen: CameraDetections, tracks: pa.Table, settings: TrackerSettings) -> dict[str, list[int]]:
    """track_id -> rows of the sightings."""
    row = {detection_id: i for i, detection_id in enumerate(seen.ids)}
    if not tracks.num_rows:
        return {track_id(seen.ids[rows[0]]): rows for rows in track(seen, settings).tracks}
    stored = zip(tracks["track_id"].to_pylist(), tracks["detection_ids"].to_pylist(), strict=True)
    known = {name: [row[i] for i in ids if i in row] for name, ids in stored}
    return {name: rows for name, rows in known.items() if rows}
