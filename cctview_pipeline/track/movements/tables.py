"""A camera-hour's movements as the lake's tables: what was found, what was counted, and who stood."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import HOUR, Camera
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.track.in_view import LONGEST_FRAME_S, QUARTER, QUARTER_S
from cctview_pipeline.track.label_votes import label_of
from cctview_pipeline.track.movements.counting import Crossings, crossings
from cctview_pipeline.track.movements.found import FoundView, find
from cctview_pipeline.track.movements.known import stable_movements, stable_names
from cctview_pipeline.track.movements.naming import Movement
from cctview_pipeline.track.movements.paths import paths_of
from cctview_pipeline.track.movements.standing import longest_queues, stands
from cctview_pipeline.track.retraced import SeenView

QUARTERS = HOUR // QUARTER
USUAL_GAP_S = 2.0
"""Between two frames, where there are too few to know."""


@dataclass(frozen=True)
class HourOfMovements:
    """flows, seen, queues: camera_flows, movements_seen and queues_seen; unassigned: share of the vehicles that moved of whose
    movement nothing is known, by view."""

    flows: pa.Table
    seen: pa.Table
    queues: pa.Table
    unassigned: dict[str, float]


def movements_of_hour(
    camera: Camera, begin: datetime, views: list[SeenView], frame_times: Callable[[str], np.ndarray], before: pa.Table
) -> HourOfMovements:
    """begin: of the hour, UTC; views: of its tracks; frame_times: a view's name -> (F,) s since 1970, sorted, of the frames that
    show it; before: camera_flows of the hour before. How a camera faces is said of one view: where it has several, nobody knows
    which, and arms are named by the picture's sides."""
    faces = "" if len({each.name for each in views} | set(before["view"].to_pylist())) > 1 else camera.faces
    found = {each.name: find(paths_of(each.name, each.tracks, each.rows, each.seen), faces) for each in views}
    found = {name: view for name, view in found.items() if view.movements}
    names = stable_names(found, before)
    flows, seen, queues = ([], [], [])
    for name, view in found.items():
        times, known = frame_times(name), before.filter(pc.equal(before["view"], names[name]))
        who = {"camera_id": camera.id, "view": names[name]}
        movements = stable_movements(view, known)
        flows += [who | {"hour_view": name, "began_at": begin} | row for row in _flows(view, movements)]
        gap = float(np.median(np.diff(times))) if len(times) > 2 else USUAL_GAP_S
        seen += [who | row for row in _seen(view, movements, crossings(view, gap), begin)]
        queues += [who | row for row in _queues(view, movements, times, begin)]
    return HourOfMovements(
        flows=_table("camera_flows", flows, ("view", "approach", "exit", "turn")),
        seen=_table("movements_seen", seen, ("view", "approach", "exit", "label", "began_at")),
        queues=_table("queues_seen", queues, ("view", "approach", "began_at")),
        unassigned={names[name]: round(view.unassigned, 3) for name, view in found.items()},
    )


def _flows(view: FoundView, movements: list[Movement]) -> list[dict]:
    mass = view.weights.sum(axis=0)
    rows = []
    for place, movement in enumerate(movements):
        path = view.view.plane.pixels(view.lines[place])
        rows.append(
            _named(movement)
            | {"tracks": float(mass[place]), "unassigned": view.unassigned}
            | {"path_x": path[:, 0].tolist(), "path_y": path[:, 1].tolist()}
        )
    return rows


def _seen(view: FoundView, movements: list[Movement], found: Crossings, begin: datetime) -> list[dict]:
    """By movement, label and quarter: sums over who crossed."""
    sums: dict[tuple[int, str, int], np.ndarray] = {}
    whole = ((view.entries.of_path >= 0) & (view.exits.of_path >= 0)).tolist()
    labels = [label_of([view.view.seen.labels[row] for row in path.rows])[0] for path in view.paths]
    quarters = np.clip((found.seconds - begin.timestamp()) // QUARTER_S, 0, QUARTERS - 1).astype(int)
    columns = (found.vehicle, found.movement, found.known, found.shared, quarters)
    for vehicle, movement, known, shared, quarter in zip(*(each.tolist() for each in columns), strict=True):
        key = movement, labels[vehicle], quarter
        sums[key] = sums.get(key, np.zeros(4)) + np.array([known, shared, known * whole[vehicle], shared * (1 - shared)])
    return [
        _named(movements[movement])
        | {"label": label, "began_at": _quarter(begin, quarter)}
        | dict(zip(("followed", "shared", "whole", "variance"), each.tolist(), strict=True))
        for (movement, label, quarter), each in sums.items()
    ]


def _queues(view: FoundView, movements: list[Movement], times: np.ndarray, begin: datetime) -> list[dict]:
    """By approach and quarter, with those in which nobody stood."""
    found = stands(view)
    names = {old.approach: new.approach for old, new in zip(view.movements, movements, strict=True)}
    at_once = longest_queues(found, times)
    lasts = np.minimum(np.diff(times, append=times[-1:]), LONGEST_FRAME_S)
    frames, since = ((each - begin.timestamp()) // QUARTER_S for each in (times, found.since))
    rows = []
    for number, arm in enumerate(found.approaches):
        for quarter in range(QUARTERS):
            shown, stood = frames == quarter, since == quarter
            weights = found.weights[stood, number]
            rows.append(
                {
                    "approach": names[arm],
                    "began_at": _quarter(begin, quarter),
                    "seen_s": float(lasts[shown].sum()),
                    "stops": float(weights.sum()),
                    "stood_s": float((weights * (found.until - found.since)[stood]).sum()),
                    "longest_queue": float(at_once[shown, number].max(initial=0.0)),
                }
            )
    return rows


def _named(movement: Movement) -> dict[str, str]:
    return {"approach": movement.approach, "exit": movement.exit, "turn": movement.turn}


def _quarter(begin: datetime, number: int) -> datetime:
    return (begin + timedelta(seconds=number * QUARTER_S)).astimezone(UTC)


def _table(name: str, rows: list[dict], keys: tuple[str, ...]) -> pa.Table:
    ordered = sorted(rows, key=lambda row: tuple(str(row[key]) for key in keys))
    return pa.Table.from_pylist(ordered, schema_of(name))
