"""How many vehicles a camera had in view, and for how long each: a count that follows none.

By Little's law (Operations Research 9, 1961) as many vehicles pass in a time as there are in view on average, over how long one
is in view, times the time. Tracks that break, or are joined wrongly, change neither: only the mean dwell is learned from
vehicles that were followed, from where vehicles come into view to where they leave it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from cctview_pipeline.campaign import HOUR, Camera
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.track.retraced import DIRECTIONS, RetracedView, side_of

QUARTER = timedelta(minutes=15)
QUARTER_S = QUARTER.total_seconds()

LONGEST_FRAME_S = 10.0
"""A frame stands for the time until the next, but for no longer."""

MIN_WHOLE = 10
"""Vehicles, followed from end to end, that tell a quarter's mean dwell."""


def in_view_table(camera: Camera, begin: datetime, views: list[RetracedView], frame_times: np.ndarray) -> pa.Table:
    """One row a quarter of an hour and carriageway that had vehicles in the hour.

    begin: of the hour, UTC; views: of its tracks; frame_times: (F,) s since 1970, sorted, of its frames.
    """
    seconds: dict[tuple[str, int], float] = {}
    dwells: dict[tuple[str, int], list[float]] = {}
    for view in views:
        for side, times, whole in _followed(view):
            stood = _stands_for(times, frame_times)
            quarters = ((times - begin.timestamp()) // QUARTER_S).astype(int)
            for quarter in np.unique(quarters):
                key = side, int(quarter)
                seconds[key] = seconds.get(key, 0.0) + float(stood[quarters == quarter].sum())
            if whole:
                dwells.setdefault((side, int(np.median(quarters))), []).append(float(stood.sum()))
    rows = []
    for side, quarter in sorted(key for key in seconds if 0 <= key[1] < HOUR // QUARTER):
        found = dwells.get((side, quarter), [])
        rows.append(
            {
                "camera_id": camera.id,
                "carriageway": side,
                "began_at": (begin + quarter * QUARTER).astimezone(UTC),
                "vehicle_s": seconds[side, quarter],
                "dwell_s": float(np.mean(found)) if len(found) >= MIN_WHOLE else None,
            }
        )
    return pa.Table.from_pylist(rows, schema_of("vehicles_in_view"))


def _followed(view: RetracedView) -> Iterator[tuple[str, np.ndarray, bool]]:
    """Of every track that moved: its carriageway, the times of its sightings, and whether it was followed from end to end.

    The ends are where half of those that pass the middle are first and last seen."""
    tracks, times = view.tracks.to_pylist(), view.placed.seen.times
    for direction, name in DIRECTIONS.items():
        mine = [i for i, track in enumerate(tracks) if track["direction"] == name and not track["parked"]]
        ends = np.array([_ends(view.placed.progress[direction, view.rows[i]]) for i in mine]).reshape(-1, 2)
        over = ends[(ends[:, 0] < 0) & (ends[:, 1] > 0)]
        enters, leaves = np.median(over, axis=0) if len(over) else (np.nan, np.nan)
        for i, (first, last) in zip(mine, ends, strict=True):
            side = side_of(tracks[i])
            assert side is not None  # it has a direction
            yield side, times[view.rows[i]], bool(first <= 0 < last and first <= enters + REACH_S and last >= leaves - REACH_S)


REACH_S = 2.0
"""How far from the ends, along the way, a vehicle may be first and last seen: a frame's time."""


def _ends(progress: np.ndarray) -> tuple[float, float]:
    known = progress[np.isfinite(progress)]
    return (float(known[0]), float(known[-1])) if len(known) else (np.nan, np.nan)


def _stands_for(times: np.ndarray, frame_times: np.ndarray) -> np.ndarray:
    """(N,) s that the frames of some sightings stand for."""
    lasts = np.minimum(np.diff(frame_times, append=frame_times[-1:]), LONGEST_FRAME_S)
    return lasts[np.searchsorted(frame_times, times - 1e-4)]
