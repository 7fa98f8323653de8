"""An hour's tracks laid along the road again, from the tables alone: what counting needs when embeddings are gone.

The flow is learned anew from successive detections of the tracks, which are more and surer than the pairs that it was first
learned from.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.images.size import Size
from cctview_pipeline.track.flow import AWAY, LEVEL, MAX_STEP_S, TOWARDS, RoadModel, learn_way
from cctview_pipeline.track.motion import RoadCoordinates, place
from cctview_pipeline.track.sightings import CameraDetections

DIRECTIONS = {TOWARDS: "towards", AWAY: "away"}


@dataclass(frozen=True)
class RetracedView:
    """tracks: the rows of one view; rows: for each of them, rows of the sightings, in order of time; placed: the sightings in
    the coordinates of the flow that they show, without looks."""

    tracks: pa.Table
    rows: list[list[int]]
    placed: RoadCoordinates


@dataclass(frozen=True)
class SeenView:
    """tracks: the rows of the view of this name; rows: for each of them, rows of the sightings, in order of time; seen: the
    sightings, without looks."""

    name: str
    tracks: pa.Table
    rows: list[list[int]]
    seen: CameraDetections


def retrace(tracks: pa.Table, detections: pa.Table) -> list[RetracedView]:
    """tracks, detections of a camera-hour -> its views, as ``seen_again`` has them, along their roads."""
    return [
        RetracedView(each.tracks, each.rows, place(each.seen, _learn(each.seen, each.tracks, each.rows)))
        for each in seen_again(tracks, detections)
    ]


def seen_again(tracks: pa.Table, detections: pa.Table) -> list[SeenView]:
    """tracks, detections of a camera-hour -> its views, by their first track. Mere sightings have no part in it, nor have tracks
    of which a detection is gone."""
    known = pc.is_in(pc.list_flatten(tracks["detection_ids"].combine_chunks()), detections["detection_id"].combine_chunks())
    owners = pc.list_parent_indices(tracks["detection_ids"].combine_chunks()).to_numpy()
    whole = np.ones(tracks.num_rows, bool)
    whole[owners[~known.to_numpy(zero_copy_only=False)]] = False
    tracks = tracks.filter(pc.and_(pa.array(whole), pc.is_valid(tracks["quality"])))
    return [
        _view(tracks.filter(pc.equal(pc.fill_null(tracks["view"], ""), name)), detections, name)
        for name in dict.fromkeys(pc.fill_null(tracks["view"], "").to_pylist())
    ]


def side_of(track: Mapping[str, Any]) -> str | None:
    """The carriageway that a row of tracks is on: its direction where nobody knows how the camera faces."""
    return track["carriageway"] or track["direction"]


def _view(tracks: pa.Table, detections: pa.Table, name: str) -> SeenView:
    members = tracks["detection_ids"].to_pylist()
    mine = detections.filter(
        pc.is_in(detections["detection_id"], pa.array([each for ids in members for each in ids], pa.string()))
    )
    mine = mine.sort_by([("captured_at", "ascending"), ("detection_id", "ascending")])
    seen = _sightings(mine, _size(name, mine))
    row = {detection_id: i for i, detection_id in enumerate(seen.ids)}
    rows = [[row[each] for each in ids] for ids in members]
    return SeenView(name, tracks, rows, seen)


def _size(view: str, detections: pa.Table) -> Size:
    """Of a view's pixels, by its name; of most of its frames where it has none."""
    if view:
        width, height = view.split("/")[0].split("x")
        return int(width), int(height)
    sizes = Counter(zip(detections["frame_width"].to_pylist(), detections["frame_height"].to_pylist(), strict=True))
    (width, height), _ = sizes.most_common(1)[0]
    return width or 0, height or 0


def _sightings(detections: pa.Table, size: Size) -> CameraDetections:
    """In pixels of the view, and looking like nothing."""
    corners = np.stack([detections[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1).astype(np.float64)
    for side, name in enumerate(("frame_width", "frame_height")):
        own = np.array(pc.fill_null(detections[name], size[side]).to_pylist(), np.float64)
        corners[:, side::2] *= (size[side] / np.maximum(own, 1))[:, None] if size[side] else 1
    return CameraDetections(
        ids=detections["detection_id"].to_pylist(),
        times=detections["captured_at"].cast(pa.int64()).to_numpy().astype(np.float64) / 1e6,
        boxes=corners,
        scores=detections["score"].to_numpy().astype(np.float64),
        labels=detections["label"].to_pylist(),
        embeddings=np.ones((detections.num_rows, 1), np.float32),
        frame_size=size,
    )


def _learn(seen: CameraDetections, tracks: pa.Table, rows: list[list[int]]) -> RoadModel:
    """Of each direction, from the steps of its tracks: of boxes that the picture's edge does not cut, which moved."""
    headed, parked = tracks["direction"].to_pylist(), tracks["parked"].to_pylist()
    ways = []
    for direction in (TOWARDS, AWAY):
        chosen = [
            each for each, way, stood in zip(rows, headed, parked, strict=True) if way == DIRECTIONS[direction] and not stood
        ]
        earlier = np.array([row for each in chosen for row in each[:-1]], np.int64)
        later = np.array([row for each in chosen for row in each[1:]], np.int64)
        moved = np.linalg.norm(seen.points[later] - seen.points[earlier], axis=1) > 0.5 * seen.sizes[earlier]
        near = seen.times[later] - seen.times[earlier] <= MAX_STEP_S
        good = moved & near & ~seen.cut[earlier] & ~seen.cut[later]
        ways.append(learn_way(seen, earlier[good], later[good], LEVEL))
    return RoadModel((ways[TOWARDS], ways[AWAY]))
