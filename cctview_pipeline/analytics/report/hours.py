"""A day of many cameras by the hour, so that its report stays one file that a browser opens at once.

Flows are the sums of an hour's quarters, and so are the ends of their intervals: what makes a counter wrong in one quarter does
in the next. Speeds are the harmonic mean, weighted by vehicles; travel times and the ends of their intervals are means of the
quarters', weighted by how many certain matches they rest on. An hour of which a quarter cannot be used has no flow.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cctview_pipeline.analytics.lines import harmonic
from cctview_pipeline.analytics.report.figures import Axis, Figure, Figures, brief, known, usable

QUARTERS, FIVES = 4, 3
"""Bins that become one: four quarters an hour, three cells of five minutes a quarter."""
_ORDER = "oeinf"
"""Letters of statuses, from the best on."""


def hourly(figures: Figures) -> Figures:
    """Flows, speeds, travel times and coverage by the hour, corridor speeds by the quarter, reliability of all periods."""
    merge: dict[str, tuple[Callable[[Figure, slice], dict[str, Any]], Axis, int]] = {
        "flows": (_flow, figures.bins, QUARTERS),
        "speeds": (_speed, figures.bins, QUARTERS),
        "travel_times": (_time, figures.bins, QUARTERS),
        "coverage": (_seen, figures.bins, QUARTERS),
        "corridor_speeds": (_cell, figures.cells, FIVES),
    }
    tables = dict(figures.tables) | {"reliability": [each for each in figures.tables["reliability"] if each.of[4] == "all"]}
    for name, (one, axis, count) in merge.items():
        parts = [slice(first, first + count) for first in range(0, len(axis.began), count)]
        tables[name] = [_merged(figure, [one(figure, part) for part in parts]) for figure in figures.tables[name]]
    return replace(figures, bins=_longer(figures.bins, QUARTERS), cells=_longer(figures.cells, FIVES), tables=tables)


def _longer(axis: Axis, count: int) -> Axis:
    return Axis(axis.began[::count], axis.step * count, axis.end)


def _merged(figure: Figure, rows: list[dict[str, Any]]) -> Figure:
    """Column by column; what is no column of the bins stays."""
    if not rows:
        return figure
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    letters = {name: "".join(values) for name, values in columns.items() if name in ("status", "missing")}
    return Figure(figure.of, dict(figure.values) | {k: [brief(v) for v in values] for k, values in columns.items()} | letters)


def _flow(side: Figure, part: slice) -> dict[str, Any]:
    status = side.values["status"][part]
    counted = known(side.values["vehicles"][part])
    whole = all(usable(status))
    sums = {name: _sum(side.values[name][part]) if whole else None for name in ("expanded", "lower", "upper")}
    return {"vehicles": sum(counted) if counted else None} | sums | {"status": _worst(status)}


def _sum(values: list) -> float | None:
    """None where one of them is: an interval that is not known."""
    return None if None in values else float(sum(values))


def _speed(side: Figure, part: slice) -> dict[str, Any]:
    rows = [row for row in _rows(side, part, "space_mean_kmh", "vehicles", "error_kmh") if row[0] and row[1]]
    count = sum(n for _, n, _ in rows)
    mean = count / sum(n / kmh for kmh, n, _ in rows) if rows else None
    error = sum(n * wrong for _, n, wrong in rows) / count if rows and all(wrong is not None for _, _, wrong in rows) else None
    seen = known(side.values["vehicles"][part])
    status = _worst(side.values["status"][part])
    return {"vehicles": sum(seen) if seen else None, "space_mean_kmh": mean, "error_kmh": error, "status": status}


def _time(way: Figure, part: slice) -> dict[str, Any]:
    names = ("median_s", "median_lower_s", "median_upper_s")
    rows = [row for row in _rows(way, part, "effective", *names) if None not in row]
    certain = sum(row[0] for row in rows)
    means = {name: sum(row[0] * row[1 + place] for row in rows) / certain if rows else None for place, name in enumerate(names)}
    seen = known(way.values["vehicles"][part])
    status = _worst(way.values["status"][part])
    return {"vehicles": sum(seen) if seen else None, "effective": certain or None} | means | {"status": status}


def _seen(camera: Figure, part: slice) -> dict[str, Any]:
    shares, why = known(camera.values["coverage"][part]), camera.values["missing"][part]
    return {"coverage": sum(shares) / len(shares) if shares else None, "missing": _usual(why)}


def _cell(way: Figure, part: slice) -> dict[str, Any]:
    speeds = known(way.values["speed_kmh"][part])
    status, why = way.values["status"][part], way.values["missing"][part]
    return {"speed_kmh": harmonic(speeds) if speeds else None, "status": _worst(status), "missing": _usual(why)}


def _rows(figure: Figure, part: slice, *names: str) -> list[tuple]:
    return list(zip(*(figure.values[name][part] for name in names), strict=True))


def _worst(letters: str) -> str:
    return max(letters, key=_ORDER.index)


def _usual(letters: Sequence[str]) -> str:
    there = [letter for letter in letters if letter != "."]
    return max(sorted(set(there)), key=there.count) if there else "."
