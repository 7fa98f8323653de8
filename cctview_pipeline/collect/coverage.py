"""What was seen of a camera's time, and why not the rest: what every figure stands on.

The hour is a strip of tenths of a second, painted in layers. A frame stands for the time until the next, where that comes in
time; what is longer is a gap, from the one frame to the other. Live cameras' collectors say why (gaps, camera_status); of an
archive the files that were set aside do: the same file again is a frozen picture. So is a picture encoded anew, whoever sent it,
whose pixels are those of the one before, for longer than an empty road is still.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.collect.pictures import is_same, thumbnail
from cctview_pipeline.collect.views import EVERY_S, with_views
from cctview_pipeline.lake.marts import STATES
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.local_calendar import BIN
from cctview_pipeline.track.views import VIEW

LATE = 3.0
"""Periods of the camera within which the next frame has to come: two missing ones lose no vehicle that is in sight for seven
seconds."""
MAX_STEP_S = 300.0
"""That a frame can stand for at most: no network renews its pictures more seldom."""
FROZEN_S = 30.0
"""How long the picture must be the same for the camera to be frozen."""
_SAID = {"set_aside": "missed", "spool_full": "not_collected", "unknown": "no_frames"}
_OF_FILE = {"duplicate": "frozen", "placeholder": "placeholder", "not_masked": "not_masked"}
TICKS_S = 10
_HOUR = timedelta(hours=1)


def coverage(camera_id: str, hour: datetime, frames: pa.Table, shown: "Shown", told: Mapping[str, pa.Table]) -> pa.Table:
    """Four rows, one a quarter of an hour.

    Args:
        camera_id: its id.
        hour: when it begins, UTC.
        frames: raw_frames of the hour (captured_at, fetched_at), by time.
        shown: what these frames show.
        told: camera_status, gaps and rejected_frames of the hour; tables without rows where there are none.
    """
    taken, fetched = (frames[name].cast(pa.int64()).to_numpy() / 1e6 for name in ("captured_at", "fetched_at"))
    states = strip(hour, taken, shown.same, told)
    rows = []
    for number, tenths in enumerate(np.split(states, _HOUR // BIN)):
        began = hour + number * BIN
        inside = (taken >= began.timestamp()) & (taken < (began + BIN).timestamp())
        seconds = {state: float((tenths == code).sum() / TICKS_S) for code, state in enumerate(STATES)}
        lag = np.quantile((fetched - taken)[inside], [0.5, 0.95]).tolist() if inside.any() else [None, None]
        rows.append(
            {
                "camera_id": camera_id,
                "began_at": began,
                "frames": int(inside.sum()),
                **{f"{state}_s": value for state, value in seconds.items()},
                "coverage": seconds["live"] / BIN.total_seconds(),
                "longest_gap_s": _longest(tenths != STATES.index("live")) / TICKS_S,
                "frames_per_s": float(inside.sum() / seconds["live"]) if seconds["live"] else None,
                "lag_p50_s": lag[0],
                "lag_p95_s": lag[1],
                "views": len(set(shown.views[inside].tolist())),
            }
        )
    return pa.Table.from_pylist(rows, schema_of("coverage"))


@dataclass(frozen=True)
class Shown:
    """What F frames show. views: (F,) numbers; same: (F,) whether the picture is the one before it, pixel by pixel."""

    views: np.ndarray
    same: np.ndarray


def look_at(frames: pa.Table) -> Shown:
    """raw_frames of an hour by time, with their pictures. One frame in five seconds is looked at."""
    times, jpegs = frames["captured_at"].cast(pa.int64()).to_numpy() / 1e6, frames["jpeg"]
    same = np.zeros(len(times), bool)
    chosen = np.flatnonzero(np.diff(np.floor((times - times[:1]) / EVERY_S), prepend=-1)) if len(times) else np.zeros(0, np.int64)
    before: np.ndarray | None = None
    for place, following in zip(chosen, [*chosen, len(times)][1:], strict=True):
        small = thumbnail(jpegs[int(place)].as_py())
        same[place:following] = small is not None and before is not None and is_same(small, before)
        before = small
    return Shown(with_views(frames)[VIEW].to_numpy(), same)


def strip(hour: datetime, taken: np.ndarray, same: np.ndarray, told: Mapping[str, pa.Table]) -> np.ndarray:
    """(36,000,) places in STATES: one a tenth of a second of the hour. taken: (F,) s, sorted; same: (F,) bool."""
    states = np.zeros(_HOUR // timedelta(seconds=1) * TICKS_S, np.int8)
    begin = hour.timestamp()

    def paint(from_s: float, to_s: float, state: str, where: Callable[[np.ndarray], np.ndarray] | None = None) -> None:
        first, last = (round(min(max(at - begin, 0), _HOUR.total_seconds()) * TICKS_S) for at in (from_s, to_s))
        part = states[first:last]
        part[where(part) if where else slice(None)] = STATES.index(state)

    files = told["rejected_frames"].filter(pc.is_valid(told["rejected_frames"]["fetched_at"])).sort_by("fetched_at")
    came = files["fetched_at"].cast(pa.int64()).to_numpy() / 1e6
    late = _late(np.sort(np.concatenate([taken, came])))
    everything = np.sort(np.concatenate([taken, came]))
    for at, reason in zip(came, files["reason"].to_pylist(), strict=True):
        paint(at, _until(at, everything, late), _OF_FILE.get(reason, "missed"))
    for table, column in (("camera_status", "state"), ("gaps", "reason")):  # what is said of a gap is nearer than the state
        for said, from_s, to_s in _stretches(told[table], column):
            paint(from_s, to_s, _SAID.get(said, said) if said != "live" else "missed")
    seen = [(at, _until(at, taken, late)) for at in taken]
    if len(taken) and taken[0] - begin <= late:
        seen.append((begin, taken[0]))  # for which the last frame of the hour before stands
    for from_s, to_s in seen:
        paint(from_s, to_s, "live")
    live = lambda part: part == STATES.index("live")  # noqa: E731
    for said, from_s, to_s in _stretches(told["camera_status"], "state"):
        if said in ("moved", "frozen"):
            paint(from_s, to_s, said, live)
    for first, last in _frozen(taken, same):
        paint(taken[first], taken[last], "frozen", live)
    return states


def _late(times: np.ndarray) -> float:
    """After how many seconds the next frame is late. times: (N,) s, sorted, of all that came."""
    steps = np.diff(times)
    return min(LATE * float(np.median(steps)), MAX_STEP_S) if len(steps) else MAX_STEP_S


def _until(at: float, times: np.ndarray, late: float) -> float:
    """Until when what came at a time stands: the next, where it comes in time."""
    following = np.searchsorted(times, at, "right")
    step = times[following] - at if following < len(times) else late / LATE
    return at + step if step <= late else at


def _frozen(taken: np.ndarray, same: np.ndarray) -> Iterable[tuple[int, int]]:
    """First and last frame of every stretch of one picture that lasts for FROZEN_S."""
    turns = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    for begin, end in turns.reshape(-1, 2):
        first, last = max(int(begin) - 1, 0), int(end) - 1
        if taken[last] - taken[first] >= FROZEN_S:
            yield first, last


def _stretches(table: pa.Table, column: str) -> list[tuple[str, float, float]]:
    """What was said, from when to when, s since 1970."""
    times = (table[name].cast(pa.int64()).to_numpy() / 1e6 for name in ("began_at", "ended_at"))
    return list(zip(table[column].to_pylist(), *times, strict=True))


def _longest(flags: np.ndarray) -> int:
    """Of the runs of True."""
    turns = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return int((turns[1::2] - turns[::2]).max(initial=0))
