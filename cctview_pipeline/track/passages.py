"""Who passed a camera's line in an hour: tracks put together and counted.

The line lies across a carriageway where more tracks lead over it than over any other place. A vehicle passed it where its pieces
lead over it, or come as near as it gets from one frame to the next at the pace of the moment: the frame between may have missed
it. Pieces that begin or end farther off are of vehicles that were lost, and that other pieces count; tracks that stand, and mere
sightings, do not pass. ``passed_at`` is of the middle of what the camera sees of the way, as in tracks, and ``beyond_m`` how far
that is from the camera's pole: from passing one camera to passing the next is as much longer or shorter than from pole to pole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from cctview_pipeline.campaign import HOUR, Camera
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.track.calibration import Ground, calibrate
from cctview_pipeline.track.flow import AWAY, TOWARDS
from cctview_pipeline.track.fragments import Pieces, join, pieces_of
from cctview_pipeline.track.label_votes import label_of
from cctview_pipeline.track.passage import passage_of
from cctview_pipeline.track.retraced import DIRECTIONS, RetracedView, side_of

FRAME_GAP_S = 2.0
"""Between two frames, where there are too few to know."""

NEAR_S = 0.3
"""How near to the middle of the way, along it, sightings tell where that is."""

MIN_WAY = 2.0
"""Own sizes that a vehicle must move to count where the flow is not known."""


@dataclass(frozen=True)
class Vehicle:
    """One vehicle that passed. tracks: places of its tracks in the view's table, in order of time; passed_at: s since 1970."""

    tracks: list[int]
    passed_at: float


def passages_table(
    camera: Camera, begin: datetime, views: list[RetracedView], frame_times: np.ndarray, before: pa.Table
) -> pa.Table:
    """One row a vehicle that passed the camera's line in an hour, in order of passing.

    begin: of the hour, UTC; views: of its tracks; frame_times: (F,) s since 1970, sorted, of its frames; before: the passages of
    the hour before. A vehicle that goes on over the hour's turn passes in the hour of its ``passed_at``, and in none if the hour
    before has counted it.
    """
    counted = {each for ids in before["track_ids"].to_pylist() for each in ids}
    gap = float(np.median(np.diff(frame_times))) if len(frame_times) > 2 else FRAME_GAP_S
    rows = [row for view in views for row in _rows(camera, begin, view, gap, counted)]
    rows.sort(key=lambda row: (row["passed_at"], row["track_id"]))
    return pa.Table.from_pylist(rows, schema_of("passages"))


def line_of(pieces: Pieces) -> float:
    """The progress, s, that most tracks lead over: the middle of where as many do."""
    places = np.unique(np.round(np.concatenate([pieces.first[:, 1], pieces.last[:, 1]]) * 4) / 4)
    over = np.array([((pieces.first[:, 1] <= place) & (pieces.last[:, 1] >= place)).sum() for place in places])
    return float(places[over == over.max()].mean())


def _rows(camera: Camera, begin: datetime, view: RetracedView, gap: float, counted: set[str]) -> Iterator[dict]:
    tracks, ground = view.tracks.to_pylist(), _ground(view)
    first, last = begin.timestamp(), (begin + HOUR).timestamp()
    for direction in (TOWARDS, AWAY):
        beyond = _beyond_m(view, direction, ground)
        for vehicle in _vehicles(view, direction, gap):
            parts = [tracks[place] for place in vehicle.tracks]
            went_on = next((part["continues"] for part in parts if part["continues"]), None)
            if vehicle.passed_at >= last or went_on in counted:
                continue
            if vehicle.passed_at < first:
                # Nobody has counted it before, though it came from there: it is counted now.
                vehicle = Vehicle(vehicle.tracks, first)
            yield _row(camera, view, vehicle, parts) | {"beyond_m": beyond}


def _vehicles(view: RetracedView, direction: int, gap: float) -> list[Vehicle]:
    name = DIRECTIONS[direction]
    mine = [place for place, way in enumerate(view.tracks["direction"].to_pylist()) if way == name]
    stood = view.tracks["parked"].to_pylist()
    mine = [place for place in mine if not stood[place]]
    if view.placed.flow.ways[direction] is None:
        return _by_way_of_their_own(view, mine)
    known = [place for place in mine if np.isfinite(view.placed.progress[direction, view.rows[place]]).any()]
    if not known:
        return []
    pieces = pieces_of(view.placed, direction, [view.rows[place] for place in known])
    continued = np.array([each is not None for each in view.tracks["continues"].to_pylist()], bool)[known]
    found = []
    for members in _that_passed(pieces, continued, gap):
        places = sorted((known[each] for each in members), key=lambda place: view.rows[place][0])
        rows = sorted({row for place in places for row in view.rows[place]})
        passage = passage_of(view.placed, rows, direction)
        assert passage is not None  # its way and its places on it are known
        found.append(Vehicle(places, passage.passed_at))
    return found


def _that_passed(pieces: Pieces, continued: np.ndarray, gap: float) -> Iterator[np.ndarray]:
    """Pieces of each vehicle that passed. continued: (P,) which go on from the hour before, where they were seen already."""
    vehicle, line = join(pieces), line_of(pieces)
    come, gone = np.where(continued, -np.inf, pieces.first[:, 1]), pieces.last[:, 1]
    for number in range(vehicle.max() + 1):
        members = np.flatnonzero(vehicle == number)
        reach = gap * min(pieces.usual[members, 0].max(), 1.2)
        if come[members].min() <= line + reach and gone[members].max() >= line - reach:
            yield members


def _ground(view: RetracedView) -> Ground | None:
    seen = view.placed.seen
    earlier, later = ([row for rows in view.rows for row in part(rows)] for part in (lambda r: r[:-1], lambda r: r[1:]))
    return calibrate(seen.boxes, seen.labels, earlier, later, seen.frame_size) if len(seen) else None


def _beyond_m(view: RetracedView, direction: int, ground: Ground | None) -> float | None:
    """Where vehicles of a direction pass: the median of the sightings there that the picture's edge does not cut."""
    seen, progress = view.placed.seen, view.placed.progress[direction]
    mine = view.tracks["direction"].to_pylist()
    rows = [row for rows, way in zip(view.rows, mine, strict=True) if way == DIRECTIONS[direction] for row in rows]
    near = [row for row in rows if abs(progress[row]) < NEAR_S and not seen.cut[row]]
    if ground is None or not near:
        return None
    ahead = float(np.nanmedian(ground.metres(seen.points[near])[:, 0]))
    return (ahead if direction == AWAY else -ahead) if np.isfinite(ahead) else None


def _by_way_of_their_own(view: RetracedView, mine: list[int]) -> list[Vehicle]:
    """Where too few pass for a flow to be known: who moved far enough, in the middle of its way."""
    seen, found = view.placed.seen, []
    for place in mine:
        first, last = view.rows[place][0], view.rows[place][-1]
        if np.linalg.norm(seen.points[last] - seen.points[first]) >= MIN_WAY * seen.sizes[first]:
            found.append(Vehicle([place], float(seen.times[first] + seen.times[last]) / 2))
    return found


def _row(camera: Camera, view: RetracedView, vehicle: Vehicle, parts: list[dict]) -> dict:
    seen = view.placed.seen
    rows = [row for place in vehicle.tracks for row in view.rows[place]]
    label, probability = label_of([seen.labels[row] for row in rows])
    kmh, error = _speed(parts)
    return {
        "track_id": parts[0]["track_id"],
        "track_ids": [part["track_id"] for part in parts],
        "camera_id": camera.id,
        "passed_at": _time(vehicle.passed_at),
        "carriageway": side_of(parts[0]),
        "label": label,
        "label_probability": probability,
        "speed_kmh": kmh,
        "speed_kmh_error": error,
        "first_seen": min(part["first_seen"] for part in parts),
        "last_seen": max(part["last_seen"] for part in parts),
        "model": parts[0]["model"],
    }


def _speed(parts: list[dict]) -> tuple[float | None, float | None]:
    """Of the pieces' speeds the mean, weighted by their errors. Its error is the smallest of theirs: most of it is the
    calibration's, which they share."""
    known = [(part["speed_kmh"], part["speed_kmh_error"]) for part in parts if part["speed_kmh"] is not None]
    if not known:
        return None, None
    speeds, errors = np.array(known).T
    return float(np.average(speeds, weights=1 / np.maximum(errors, 0.1) ** 2)), float(errors.min())


def _time(seconds: float) -> datetime:
    microseconds = round(seconds * 1e6)
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(microsecond=microseconds % 1_000_000)
