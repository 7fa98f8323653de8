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

FORMAT = 1
"""Of the JSON that a report has inside."""
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
    "travel_times": (_WAY, ("vehicles", "effective", "median_s", "median_lower_s", "median_upper_s", "status")),
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
    """began: of its bins, UTC; step: their length; end: of the last, which may be cut short; None without any."""

    began: list[datetime]
    step: timedelta
    end: datetime | None

    @classmethod
    def of(cls, began: list[datetime], minutes: int) -> "Axis":
        step = timedelta(minutes=minutes)
        return cls(began, step, began[-1] + step if began else None)


@dataclass(frozen=True)
class Figures:
    """tables: by the name of their mart, and ``coverage``; bins: the axis of what is told by bin, quarters of an hour or hours;
    cells: that of corridor_speeds, five minutes or quarters."""

    day: date
    bins: Axis
    cells: Axis
    tables: Mapping[str, list[Figure]]

    def axis_of(self, table: str) -> Axis:
        return self.cells if table == "corridor_speeds" else self.bins


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
            Figure(tuple(_text(row.pop(each)) for each in by), {key: plain(value) for key, value in row.items()})
            for row in tables[name].to_pylist()
        ]
    found["vehicle_counts"] = _by_label(tables["vehicle_counts"])
    bins = Axis.of(axes["flows"], 15)
    found["coverage"] = _seen(tables["coverage"], bins)
    return Figures(day, bins, Axis.of(axes["corridor_speeds"], 5), found)


def _by_label(rows: pa.Table) -> list[Figure]:
    """Of each camera, carriageway and label: vehicles that were counted, and of the usable quarters those expanded."""
    sums: dict[tuple[str, ...], list[float]] = {}
    names = ("camera_id", "carriageway", "label", "vehicles", "expanded", "status")
    for camera, side, label, vehicles, expanded, status in zip(*(rows[name].to_pylist() for name in names), strict=True):
        both = sums.setdefault((camera, side, label), [0, 0.0])
        both[0] += vehicles or 0
        both[1] += expanded if status in USABLE and expanded is not None else 0.0
    return [Figure(of, {"vehicles": n, "expanded": plain(expanded)}) for of, (n, expanded) in sorted(sums.items())]


def _seen(rows: pa.Table, axis: Axis) -> list[Figure]:
    """Of each camera: seconds by state, and by quarter the share that was seen and what most of the rest went to."""
    found: dict[str, dict[datetime, dict]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["camera_id"], {})[row["began_at"]] = row
    figures = []
    for camera, cells in sorted(found.items()):
        inside = [cells.get(at) for at in axis.began]
        seconds = {f"{state}_s": plain(sum(row[f"{state}_s"] for row in inside if row)) for state in STATES}
        shares = [brief(row["coverage"]) if row else None for row in inside]
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
        return plain(next((value for value in values if value is not None), None))
    return [brief(value) for value in values]


def _letters(values: Iterable[str | None], letters: Mapping[str, str]) -> str:
    return "".join(letters[value] if value else "." for value in values)


def plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, float):
        short = float(f"{value:.{DIGITS}g}")
        return int(short) if short.is_integer() else short
    return value.isoformat() if isinstance(value, date | datetime) else value


def brief(value: Any) -> Any:
    """Of what is told bin by bin: no more than one digit behind the point, from 10 on."""
    return plain(round(value, 1) if isinstance(value, float) and abs(value) >= 10 else value)


def _text(value: Any) -> str:
    return "" if value is None else str(plain(value))


def to_json(figures: Figures) -> dict[str, Any]:
    """As it stands in a report. :func:`from_json` reads the same."""
    times = {name: _times(axis) for name, axis in (("bins", figures.bins), ("cells", figures.cells))}
    tables = {}
    for name, of_table in figures.tables.items():
        columns = list(of_table[0].values) if of_table else []
        tables[name] = {"columns": columns, "rows": [[list(each.of), *each.values.values()] for each in of_table]}
    return {"day": figures.day.isoformat(), "times": times, "tables": tables}


def from_json(said: Mapping[str, Any]) -> Figures:
    """Raises KeyError, TypeError or ValueError for what is none."""
    tables = {
        name: [Figure(tuple(of), dict(zip(table["columns"], values, strict=True))) for of, *values in table["rows"]]
        for name, table in said["tables"].items()
    }
    return Figures(date.fromisoformat(said["day"]), _axis(said["times"]["bins"]), _axis(said["times"]["cells"]), tables)


def _times(axis: Axis) -> dict[str, Any]:
    """Bins follow each other without a gap: the window of a campaign has none."""
    first, end = (f"{at:%Y-%m-%dT%H:%MZ}" if at else None for at in (axis.began[0] if axis.began else None, axis.end))
    return {"first": first, "end": end, "minutes": axis.step // timedelta(minutes=1)}


def _axis(said: Mapping[str, Any]) -> Axis:
    step = timedelta(minutes=said["minutes"])
    if not said["first"]:
        return Axis([], step, None)
    first, end = (datetime.fromisoformat(said[name]) for name in ("first", "end"))
    return Axis([first + number * step for number in range(-((first - end) // step))], step, end)


def usable(status: str) -> list[bool]:
    """Of a text of letters, bin by bin."""
    return [letter in "oe" for letter in status]


def known(values: Sequence[Any]) -> list[Any]:
    """Those that are not null."""
    return [value for value in values if value is not None]
