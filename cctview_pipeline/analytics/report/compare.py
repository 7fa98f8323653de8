"""Two times side by side, on matched coverage: the before and after that engineers are asked for.

A quarter of the day counts only where both times have one that can be used, of the same line and the same type of day: what was
not seen in the one is left out of the other, too, and how much that is, and why, is told. Of several days of a type a quarter's
value is their mean.

The interval of a difference (90 %) is made of what the quarters' own intervals leave open and, where a time has two days of a
type and more, of how much these differ, whichever is larger. Quarters are taken as independent. With one day of a type in each
time it says how sure the two days' figures are, and not whether days differ so much anyway.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.analytics.lines import USABLE
from cctview_pipeline.analytics.report.windows import Window, type_of
from cctview_pipeline.errors import ConfigurationError, NotFoundError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.local_calendar import LocalCalendar

Z = 1.645
"""Standard deviations to either side that hold 90 %."""
_NOT_THERE = "no such quarter in it"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """mart: where it stands; by: the columns that name a line; value: its column; spread: the ends of its 90 % interval, or its
    standard error; is_sum: whether quarters are added up, or their mean is taken; nothing: why a usable quarter has no value."""

    name: str
    unit: str
    mart: str
    by: tuple[str, ...]
    value: str
    spread: tuple[str, ...]
    is_sum: bool
    nothing: str = "no value"


_CAMERA, _WAY = ("camera_id", "carriageway"), ("from_camera_id", "to_camera_id", "carriageway")
MEASURES = (
    Measure(
        name="flows",
        unit="vehicles",
        mart="flows",
        by=_CAMERA,
        value="expanded",
        spread=("lower", "upper"),
        is_sum=True,
    ),
    Measure(
        name="counts by label",
        unit="vehicles",
        mart="vehicle_counts",
        by=(*_CAMERA, "label"),
        value="expanded",
        spread=("lower", "upper"),
        is_sum=True,
    ),
    Measure(
        name="speeds",
        unit="km/h",
        mart="speeds",
        by=_CAMERA,
        value="space_mean_kmh",
        spread=("error_kmh",),
        is_sum=False,
        nothing="no speed known",
    ),
    Measure(
        name="travel times",
        unit="s",
        mart="travel_times",
        by=_WAY,
        value="median_s",
        spread=("median_lower_s", "median_upper_s"),
        is_sum=False,
        nothing="nobody timed",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One line and type of day. matched: quarters of the day that were compared; before, after: sums or means over them;
    difference: after less before, with its 90 % interval; None where nothing could be compared."""

    of: tuple[str, ...]
    days: str
    matched: int
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    lower: float | None = None
    upper: float | None = None

    @property
    def relative(self) -> float | None:
        """The difference as a share of what was before."""
        return self.difference / self.before if self.before and self.difference is not None else None

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves out that nothing has changed."""
        return self.lower is not None and self.upper is not None and (self.lower > 0 or self.upper < 0)


@dataclass(frozen=True)
class Side:
    """One measure's lines. dropped: quarters that were left out, by which time could not be used and why."""

    measure: Measure
    rows: list[Compared]
    matched: int
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class Comparison:
    """notes: what else one has to know, such as days without figures."""

    first: Window
    second: Window
    sides: list[Side]
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        return {
            "first": {"written": self.first.text, "begin": self.first.begin, "end": self.first.end},
            "second": {"written": self.second.text, "begin": self.second.begin, "end": self.second.end},
            "notes": self.notes,
            "measures": [
                {
                    "measure": side.measure.name,
                    "unit": side.measure.unit,
                    "matched_quarters": side.matched,
                    "dropped_quarters": dict(side.dropped),
                    "rows": [asdict(row) | {"relative": row.relative} for row in side.rows],
                }
                for side in self.sides
            ],
        }


def compare(lake: Lake, calendar: LocalCalendar, first: Window, second: Window) -> Comparison:
    """Raises NotFoundError where no day of one of the times has marts."""
    notes, single = [], False
    for window in (first, second):
        days = window.days(calendar)
        without = [day for day in days if not lake.has("flows", Partition.of_day(day))]
        if len(without) == len(days):
            raise NotFoundError(f"No day of {window.text} has marts in the lake {lake.uri}: `cctview backfill` makes them.")
        if without:
            notes.append(f"{len(without)} of the {len(days)} days of {window.text} have no marts: {_some(without)}.")
        types = Counter(type_of(day, calendar) for day in days if day not in without)
        notes.append(f"Days of {window.text} with figures: {', '.join(f'{count} ({name})' for name, count in types.items())}.")
        single = single or min(types.values()) == 1
    if single:
        notes.append("Where a time has one day of a type alone, how much such days differ anyway is not in the intervals.")
    cells = [[_cells(lake, calendar, window, measure) for window in (first, second)] for measure in MEASURES]
    if not any(set(one) & set(other) for one, other in cells):
        raise ConfigurationError(
            f"{first.text} and {second.text} have no quarter of the day of one type in common (weekdays; weekends and holidays): "
            "compare the same hours of different days."
        )
    return Comparison(first, second, [_side(m, *both) for m, both in zip(MEASURES, cells, strict=True)], notes)


@dataclass
class _Cell:
    """A quarter of the day of one line and type of day. values: of the days that can be used, each with its variance."""

    values: list[tuple[float, float | None]]
    statuses: Counter[str]

    def told(self) -> tuple[float, float | None]:
        """Mean and its variance; None where neither the days' own intervals are known nor how they differ."""
        n = len(self.values)
        mean = sum(value for value, _ in self.values) / n
        within = [variance for _, variance in self.values if variance is not None]
        found = [sum(within) / n**2] if len(within) == n else []
        if n > 1:
            found.append(sum((value - mean) ** 2 for value, _ in self.values) / (n - 1) / n)
        return mean, max(found, default=None)


_Key = tuple[tuple[str, ...], str, str]
"""Line, type of day, local time."""


def _cells(lake: Lake, calendar: LocalCalendar, window: Window, measure: Measure) -> dict[_Key, _Cell]:
    found: dict[_Key, _Cell] = {}
    names = [*measure.by, "local_at", "status", measure.value, *measure.spread]
    for day in window.days(calendar):
        rows = lake.read(measure.mart, Partition.of_day(day), ["began_at", *names])
        for of, local, status, value, spread in _rows(_inside(rows, window).select(names), len(measure.by)):
            cell = found.setdefault((of, type_of(day, calendar), local[11:16]), _Cell([], Counter()))
            if status in USABLE and value is not None:
                cell.values.append((value, _variance(spread)))
            else:
                cell.statuses[measure.nothing if status in USABLE else status.replace("_", " ")] += 1
    return found


def _inside(rows: pa.Table, window: Window) -> pa.Table:
    begin, end = (pa.scalar(at, rows.schema.field("began_at").type) for at in (window.begin, window.end))
    return rows.filter(pc.and_(pc.greater_equal(rows["began_at"], begin), pc.less(rows["began_at"], end)))


def _rows(rows: pa.Table, names: int) -> Iterator[tuple[tuple[str, ...], str, str, float | None, tuple]]:
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        of, (local, status, value, *spread) = row[:names], row[names:]
        yield of, local, status, value, tuple(spread)


def _variance(spread: tuple[float | None, ...]) -> float | None:
    """From the ends of a 90 % interval, or from a standard error; None where it is not known."""
    known = [each for each in spread if each is not None]
    if len(known) < len(spread):
        return None
    return known[0] ** 2 if len(known) == 1 else ((known[1] - known[0]) / (2 * Z)) ** 2


def _side(measure: Measure, first: dict[_Key, _Cell], second: dict[_Key, _Cell]) -> Side:
    lines: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for of, kind, time in sorted({*first, *second}):
        lines.setdefault((of, kind), []).append(time)
    dropped: Counter[str] = Counter()
    rows = []
    for (of, kind), times in lines.items():
        pairs = []
        for time in times:
            cells = first.get((of, kind, time)), second.get((of, kind, time))
            if all(cell and cell.values for cell in cells):
                pairs.append([cell.told() for cell in cells if cell])
            else:
                dropped[_why(*cells)] += 1
        rows.append(_compared(measure, of, kind, pairs))
    return Side(measure, rows, sum(row.matched for row in rows), dict(dropped.most_common()))


def _compared(measure: Measure, of: tuple[str, ...], kind: str, pairs: list[list[tuple[float, float | None]]]) -> Compared:
    """pairs: mean and variance, of the first time and of the second."""
    if not pairs:
        return Compared(of=of, days=kind, matched=0)
    share = 1.0 if measure.is_sum else 1 / len(pairs)
    before, after = (share * sum(pair[number][0] for pair in pairs) for number in (0, 1))
    variances = [variance for pair in pairs for _, variance in pair if variance is not None]
    half = Z * share * math.sqrt(sum(variances)) if len(variances) == 2 * len(pairs) else None
    difference = after - before
    return Compared(
        of=of,
        days=kind,
        matched=len(pairs),
        before=before,
        after=after,
        difference=difference,
        lower=None if half is None else difference - half,
        upper=None if half is None else difference + half,
    )


def _why(first: _Cell | None, second: _Cell | None) -> str:
    parts = []
    for name, cell in (("first", first), ("second", second)):
        if cell is None:
            parts.append(f"{name}: {_NOT_THERE}")
        elif not cell.values:
            parts.append(f"{name}: {cell.statuses.most_common(1)[0][0]}")
    return ", ".join(parts)


def _some(days: list[date], most: int = 5) -> str:
    return ", ".join(map(str, days[:most])) + (" and others" if len(days) > most else "")
