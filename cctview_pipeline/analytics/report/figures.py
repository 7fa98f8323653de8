"""All figures of a daily report, as plain data: what its pages show, what its JSON holds, and what is verified later.

They follow from the tables of a day alone, so that the tables of the lake and the same tables made anew can be compared. Floats
have four digits: what a reader can use, and the same bytes each time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from cctview_pipeline.analytics.lines import USABLE, lines_of
from cctview_pipeline.lake.marts import STATES

DIGITS = 4
STATUS_LETTERS = {"observed": "o", "expanded": "e", "insufficient": "i", "no_data": "n", "flagged": "f"}
LOST_LETTERS = {
    "offline": "O",
    "stale": "S",
    "frozen": "F",
    "placeholder": "P",
    "moved": "M",
    "not_masked": "K",
    "not_collected": "C",
    "missed": "L",
    "no_frames": "N",
}
"""Why time was not seen, as coverage names it -> its letter in diagrams and in the JSON."""
LOST_STATES = tuple(state for state in STATES if state != "live")

_CAMERA, _WAY = ("camera_id", "carriageway"), ("from_camera_id", "to_camera_id", "carriageway")
ALONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "flows": (_CAMERA, ("vehicles", "expanded", "lower", "upper", "status")),
    "speeds": (_CAMERA, ("vehicles", "space_mean_kmh", "error_kmh", "status")),
    "travel_times": (_WAY, ("vehicles", "effective", "mean_s", "median_s", "median_lower_s", "median_upper_s", "status")),
    "corridor_speeds": (
        ("corridor", "from_camera_id", "to_camera_id", "carriageway"),
        ("speed_kmh", "status", "missing", "from_m", "to_m"),
    ),
}
"""Mart -> the columns that name a line of it, and those that a report has, one value a bin."""
ROWS: dict[str, tuple[str, ...]] = {
    "reliability": ("corridor", "from_camera_id", "to_camera_id", "carriageway", "period"),
    "data_quality": ("camera_id",),
    "anomalies": ("camera_id", "carriageway", "label", "began_at", "ended_at", "kind"),
}
"""Mart -> the columns that name a row of it; a report has all others."""
MARTS = (*ALONG, *ROWS, "vehicle_counts")
"""The marts that a report is made from."""


@dataclass(frozen=True)
class Figure:
    """of: names, as the table's columns have them; values: a number, a text, or one a bin of the table's axis; texts of one
    letter a bin are codes (STATUS_LETTERS, LOST_LETTERS)."""

    of: tuple[str, ...]
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        return " ".join(filter(None, self.of))


@dataclass(frozen=True)
class Axis:
    """began: of its bins, UTC; step: their length."""

    began: list[datetime]
    step: timedelta

    @property
    def end(self) -> datetime | None:
        return self.began[-1] + self.step if self.began else None


@dataclass(frozen=True)
class Figures:
    """tables: by the name of their mart, and ``coverage``; quarters, fives: the axes of what is told by bin, the second of
    corridor_speeds."""

    day: date
    quarters: Axis
    fives: Axis
    tables: Mapping[str, list[Figure]]

    def axis_of(self, table: str) -> Axis:
        return self.fives if table == "corridor_speeds" else self.quarters


def figures_of(day: date, tables: Mapping[str, pa.Table]) -> Figures:
    """tables: MARTS of the day, and coverage of its hours."""
    found: dict[str, list[Figure]] = {}
    axes: dict[str, list[datetime]] = {}
    for name, (by, columns) in ALONG.items():
        lines = lines_of(tables[name], by, columns)
        axes[name] = lines.began
        found[name] = [Figure(line.of, {each: _written(each, line.columns[each]) for each in columns}) for line in lines.lines]
    for name, by in ROWS.items():
        found[name] = [
            Figure(tuple(_text(row.pop(each)) for each in by), {key: _plain(value) for key, value in row.items()})
            for row in tables[name].to_pylist()
        ]
    found["vehicle_counts"] = _by_label(tables["vehicle_counts"])
    quarters = Axis(axes["flows"], timedelta(minutes=15))
    found["coverage"] = _seen(tables["coverage"], quarters)
    return Figures(day, quarters, Axis(axes["corridor_speeds"], timedelta(minutes=5)), found)


def _by_label(rows: pa.Table) -> list[Figure]:
    """Of each camera, carriageway and label: vehicles that were counted, and of the usable quarters those expanded."""
    sums: dict[tuple[str, ...], list[float]] = {}
    names = ("camera_id", "carriageway", "label", "vehicles", "expanded", "status")
    for camera, side, label, vehicles, expanded, status in zip(*(rows[name].to_pylist() for name in names), strict=True):
        both = sums.setdefault((camera, side, label), [0, 0.0])
        both[0] += vehicles or 0
        both[1] += expanded if status in USABLE and expanded is not None else 0.0
    return [Figure(of, {"vehicles": n, "expanded": _plain(expanded)}) for of, (n, expanded) in sorted(sums.items())]


def _seen(rows: pa.Table, axis: Axis) -> list[Figure]:
    """Of each camera: seconds by state, and by quarter the share that was seen and what most of the rest went to."""
    found: dict[str, dict[datetime, dict]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["camera_id"], {})[row["began_at"]] = row
    figures = []
    for camera, cells in sorted(found.items()):
        inside = [cells.get(at) for at in axis.began]
        seconds = {f"{state}_s": _plain(sum(row[f"{state}_s"] for row in inside if row)) for state in STATES}
        shares = [_plain(row["coverage"]) if row else None for row in inside]
        lost = [max(LOST_STATES, key=lambda state: row[f"{state}_s"]) if row and row["coverage"] < 1 else None for row in inside]
        figures.append(Figure((camera,), seconds | {"coverage": shares, "missing": _letters(lost, LOST_LETTERS)}))
    return figures


def _written(column: str, values: list) -> Any:
    """A column of a line, as a report has it; what is the same all along, once."""
    if column == "status":
        return _letters(values, STATUS_LETTERS)
    if column == "missing":
        return _letters(values, LOST_LETTERS)
    if column in ("from_m", "to_m"):
        return _plain(next((value for value in values if value is not None), None))
    return [_plain(value) for value in values]


def _letters(values: Iterable[str | None], letters: Mapping[str, str]) -> str:
    return "".join(letters[value] if value else "." for value in values)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, float):
        short = float(f"{value:.{DIGITS}g}")
        return int(short) if short.is_integer() else short
    return value.isoformat() if isinstance(value, date | datetime) else value


def _text(value: Any) -> str:
    return "" if value is None else str(_plain(value))


def to_json(figures: Figures) -> dict[str, Any]:
    """As it stands in a report. :func:`from_json` reads the same."""
    times = {name: _times(axis) for name, axis in (("quarters", figures.quarters), ("fives", figures.fives))}
    tables = {
        name: [{"of": list(each.of)} | dict(each.values) for each in of_table] for name, of_table in figures.tables.items()
    }
    return {"day": figures.day.isoformat(), "bins": times, "tables": tables}


def from_json(said: Mapping[str, Any]) -> Figures:
    """Raises KeyError, TypeError or ValueError for what is none."""
    axes = {name: _axis(said["bins"][name], step) for name, step in (("quarters", 15), ("fives", 5))}
    tables = {
        name: [Figure(tuple(row["of"]), {key: value for key, value in row.items() if key != "of"}) for row in rows]
        for name, rows in said["tables"].items()
    }
    return Figures(date.fromisoformat(said["day"]), axes["quarters"], axes["fives"], tables)


def _times(axis: Axis) -> dict[str, Any]:
    """They follow each other without a gap: the window of a campaign has none."""
    return {"first": f"{axis.began[0]:%Y-%m-%dT%H:%MZ}" if axis.began else None, "count": len(axis.began)}


def _axis(said: Mapping[str, Any], minutes: int) -> Axis:
    step = timedelta(minutes=minutes)
    first = datetime.fromisoformat(said["first"]) if said["first"] else None
    return Axis([first + number * step for number in range(said["count"])] if first else [], step)


def usable(status: str) -> list[bool]:
    """Of a text of letters, bin by bin."""
    return [letter in "oe" for letter in status]


def known(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value is not None]
