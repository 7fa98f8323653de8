"""How many vehicles a camera had in view, and for how long each: a count that follows none.

By Little's law (Operations Research 9, 1961) as many vehicles pass a stretch of road in a time as there are on it on average,
over how long one is, times the time. Tracks that break or are joined wrongly change neither: how long a vehicle is on the stretch
follows from how long it is, in seconds at the usual pace, and from the paces. The stretch is where most vehicles are seen:
farther off they hide one another. What the detector misses there is missing from the count.
"""

from collections.abc import Iterator
from dataclasses import dataclass
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

MIN_PACES, LEAST_PACE = 10, 0.05
"""Vehicles, followed over the middle of the stretch, that tell a quarter's mean dwell; who is slower than this stands."""

SEEN_BEST, MIN_STRETCH_S = 0.95, 1.5
"""The stretch is where at least so many tracks lead, as a share of those where most do; and so long at least, along the way."""


def in_view_table(camera: Camera, begin: datetime, views: list[RetracedView], frame_times: np.ndarray) -> pa.Table:
    """One row a quarter of an hour and carriageway that had vehicles in the hour.

    begin: of the hour, UTC; views: of its tracks; frame_times: (F,) s since 1970, sorted, of its frames.
    """
    seconds: dict[tuple[str, int], float] = {}
    dwells: dict[tuple[str, int], list[float]] = {}
    for view in views:
        for seen in _on_the_stretch(view):
            stood = _stands_for(seen.times, frame_times)
            quarters = ((seen.times - begin.timestamp()) // QUARTER_S).astype(int)
            for quarter in np.unique(quarters):
                key = seen.carriageway, int(quarter)
                seconds[key] = seconds.get(key, 0.0) + float(stood[quarters == quarter].sum())
            if seen.dwell_s is not None:
                passed = int((seen.middle - begin.timestamp()) // QUARTER_S)
                dwells.setdefault((seen.carriageway, passed), []).append(seen.dwell_s)
    rows = []
    for side, quarter in sorted(key for key in seconds if 0 <= key[1] < HOUR // QUARTER):
        found = dwells.get((side, quarter), [])
        rows.append(
            {
                "camera_id": camera.id,
                "carriageway": side,
                "began_at": (begin + quarter * QUARTER).astimezone(UTC),
                "vehicle_s": seconds[side, quarter],
                "dwell_s": float(np.mean(found)) if len(found) >= MIN_PACES else None,
            }
        )
    return pa.Table.from_pylist(rows, schema_of("vehicles_in_view"))


@dataclass(frozen=True)
class _Seen:
    """A track's sightings on the stretch.

    times (N,), middle: of the whole track, s since 1970; dwell_s: how long it takes for the stretch at its pace, None where it
    was not followed over the stretch's middle.
    """

    carriageway: str
    times: np.ndarray
    middle: float
    dwell_s: float | None


def _on_the_stretch(view: RetracedView) -> Iterator[_Seen]:
    """Of every track that moved, where its way is known."""
    tracks, times = view.tracks.to_pylist(), view.placed.seen.times
    for direction, name in DIRECTIONS.items():
        progress = view.placed.progress[direction]
        mine = [i for i, track in enumerate(tracks) if track["direction"] == name and not track["parked"]]
        ways = {i: rows for i in mine if len(rows := np.array([row for row in view.rows[i] if np.isfinite(progress[row])], int))}
        if not ways:
            continue
        low, high = stretch(np.array([progress[rows[[0, -1]]] for rows in ways.values()]))
        for i, rows in ways.items():
            side = side_of(tracks[i])
            assert side is not None  # it has a direction
            on_it = rows[(progress[rows] >= low) & (progress[rows] < high)]
            yield _Seen(side, times[on_it], float(times[rows[[0, -1]]].mean()), _dwell_s(times[rows], progress[rows], low, high))


def _dwell_s(times: np.ndarray, progress: np.ndarray, low: float, high: float) -> float | None:
    """By the sightings on either side of the middle of the stretch, where it is crossed."""
    beyond = progress >= (low + high) / 2
    after = int(beyond.argmax())
    if not beyond.any() or not after:
        return None
    before, after = max(after - 2, 0), min(after + 1, len(times) - 1)
    pace = (progress[after] - progress[before]) / (times[after] - times[before])
    return (high - low) / max(float(pace), LEAST_PACE)


def stretch(ends: np.ndarray) -> tuple[float, float]:
    """(P, 2) progress, s, at which tracks begin and end -> from where to where most tracks lead."""
    places = np.unique(np.round(ends * 4) / 4)
    over = np.array([((ends[:, 0] <= place) & (ends[:, 1] >= place)).sum() for place in places])
    most = places[over >= SEEN_BEST * over.max()]
    low, high = float(most[0]), float(most[-1])
    more = max(MIN_STRETCH_S - (high - low), 0.0) / 2
    return low - more, high + more


def _stands_for(times: np.ndarray, frame_times: np.ndarray) -> np.ndarray:
    """(N,) s that the frames of some sightings stand for."""
    lasts = np.minimum(np.diff(frame_times, append=frame_times[-1:]), LONGEST_FRAME_S)
    return lasts[np.searchsorted(frame_times, times - 1e-4)]
