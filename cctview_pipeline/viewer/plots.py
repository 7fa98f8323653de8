"""Small plots of the marts: one for every line of a table, a value a quarter of an hour, marked as in the daily report.

Bars are of what was expanded, with its 90 % interval; speeds and travel times reach from the 15th to the 85th percentile. A
quarter without a figure is hatched by its reason, since it is no zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.lines import runs
from cctview_pipeline.analytics.report.drawings import round_up
from cctview_pipeline.analytics.report.figures import LOST_LETTERS, STATUS_LETTERS, Axis
from cctview_pipeline.analytics.report.scale import Scale, gap_kind
from cctview_pipeline.analytics.svg import Drawing
from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.local_calendar import BIN, PERIODS

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 300, 150, 38, 16, 22, 24
MAX_PLOTS = 12
"""Plots of a page."""
_MOST_BINS = 100
"""Quarters of an hour of a local day on which clocks are put back."""
Lost = Mapping[tuple[str, datetime], str]
"""Camera, quarter of an hour -> what most of it was lost to, as coverage names it."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a mart is drawn. by: the columns that name a plot; low, middle, high: what its marks show, a bar where there is but
    the middle; interval: its ends; unit: in the title; one_scale: of all plots, so that they can be compared."""

    by: tuple[str, ...]
    middle: str
    unit: str
    low: str = ""
    high: str = ""
    interval: tuple[str, str] = ("", "")
    one_scale: bool = True

    @property
    def is_bar(self) -> bool:
        return not self.low

    @property
    def columns(self) -> list[str]:
        return [each for each in (self.low, self.middle, self.high, *self.interval) if each]


_SIDE, _WAY = ("camera_id", "carriageway"), ("from_camera_id", "to_camera_id", "carriageway")
KINDS = {
    "vehicle_counts": Kind(
        by=(*_SIDE, "label"), middle="expanded", unit="vehicles", interval=("lower", "upper"), one_scale=False
    ),
    "flows": Kind(by=_SIDE, middle="expanded", unit="vehicles", interval=("lower", "upper")),
    "turning_movements": Kind(
        by=("camera_id", "view", "approach", "exit", "label"),
        middle="estimated",
        unit="vehicles",
        interval=("lower", "upper"),
        one_scale=False,
    ),
    "speeds": Kind(by=_SIDE, low="p15_kmh", middle="space_mean_kmh", high="p85_kmh", unit="km/h"),
    "travel_times": Kind(
        by=_WAY,
        low="p15_s",
        middle="median_s",
        high="p85_s",
        interval=("median_lower_s", "median_upper_s"),
        unit="seconds",
        one_scale=False,
    ),
}
_EXPANDED = "Bars: vehicles expanded to the time that was not seen, with their 90 % interval."
SAYS = {
    "vehicle_counts": f"{_EXPANDED} Each plot has a scale of its own.",
    "flows": f"{_EXPANDED} All plots have one scale.",
    "turning_movements": "Bars: vehicles with those that were not followed, expanded; none where too few were seen from end to "
    "end. Each plot has a scale of its own.",
    "speeds": "From the 15th to the 85th percentile, and the space mean as a line. All plots have one scale.",
    "travel_times": "From the 15th to the 85th percentile, and the median as a line with its 90 % interval. Each way has a scale "
    "of its own.",
    "reliability": "From the median to the 95th percentile, the mean as a line, free flow as a broken one. Pale: a quarter of "
    "the bins is missing, and no index is told.",
}
"""What marks mean, besides the legend."""
_PERIODS = (*(name for name in PERIODS if name in ("am", "midday", "pm")), "weekend", "all")


def is_plotted(table: str) -> bool:
    """The others are read rather than seen."""
    return table in KINDS or table == "reliability"


def plotted(table: str, rows: pa.Table) -> list[dict]:
    """What is drawn of a mart's rows, which are sorted by their lines."""
    if not is_plotted(table) or not rows.num_rows:
        return []
    some = rows.slice(0, MAX_PLOTS * _MOST_BINS)
    if table in KINDS:
        kind = KINDS[table]
        every = dict.fromkeys((*kind.by, *kind.columns, "began_at", "vehicles", "coverage", "status", "quality_note"))
        some = some.select(list(every))
    return some.to_pylist()


def plots(table: str, rows: Sequence[Mapping], lost: Lost, clock: Clock) -> list[Drawing]:
    """Of the first MAX_PLOTS lines. rows: as :func:`plotted` gives them."""
    if not rows:
        return []
    if table == "reliability":
        return [_periods(name, group) for name, group in groups(table, rows).items()]
    kind = KINDS[table]
    found = groups(table, rows)
    most = lambda shown: max((row[name] for row in shown for name in kind.columns if row[name] is not None), default=1)  # noqa: E731
    tallest = most([row for group in found.values() for row in group])
    axis = Axis.of(sorted({row["began_at"] for row in rows}), BIN // timedelta(minutes=1))
    return [
        _line(kind, name, group, Scale(axis, clock, LEFT, WIDTH - RIGHT), tallest if kind.one_scale else most(group), lost)
        for name, group in found.items()
    ]


def groups(table: str, rows: Sequence[Mapping]) -> dict[str, list[Mapping]]:
    """Name of a plot -> its rows, in order of time, of the first MAX_PLOTS."""
    by = KINDS[table].by if table in KINDS else _WAY
    found: dict[str, list[Mapping]] = {}
    for row in sorted(rows, key=lambda row: [VEHICLES.index(row[each]) if each == "label" else row[each] for each in by]):
        cameras, others = [row[each] for each in by if "camera" in each], [row[each] for each in by if "camera" not in each]
        found.setdefault(" ".join([" to ".join(cameras), *others]), []).append(row)
    return {name: sorted(group, key=_began) for name, group in list(found.items())[:MAX_PLOTS]}


def cameras_of(table: str, rows: Sequence[Mapping]) -> list[str]:
    """Whose lost time plots tell of."""
    every = (row.get(name) for group in groups(table, rows).values() for row in group for name in _CAMERAS)
    return sorted({each for each in every if each})


_CAMERAS = ("camera_id", "from_camera_id", "to_camera_id")


def _began(row: Mapping) -> Any:
    return row.get("began_at") or _PERIODS.index(row["period"])


def _line(kind: Kind, name: str, rows: list[Mapping], scale: Scale, tallest: float, lost: Lost) -> Drawing:
    plot = _Plot(f"{name}: {kind.unit} by quarter of an hour", tallest)
    place = {at: number for number, at in enumerate(scale.axis.began)}
    cells = [(row["status"], _why(row, lost), row["quality_note"] or "") for row in rows]
    for first, end, (status, why, note) in runs(cells):
        if gap := gap_kind(STATUS_LETTERS[status], LOST_LETTERS.get(why, ".")):
            span = f"{scale.clock.minute(rows[first]['began_at'])} to {scale.clock.minute(rows[end - 1]['began_at'] + BIN)}"
            tip = ", ".join(filter(None, (name, span, status.replace("_", " "), why.replace("_", " "), note)))
            x = scale.at(place[rows[first]["began_at"]])
            plot.gap(x, scale.at(place[rows[end - 1]["began_at"]] + 1) - x, gap, tip)
    for row in rows:
        if row[kind.middle] is not None:
            number, tip = place[row["began_at"]], f"{name}, {scale.clock.minute(row['began_at'])}: {_told(kind, row)}"
            plot.mark(kind, row, scale.at(number), scale.at(number + 1), tip)
    plot.hours(scale)
    return plot.done(name)


def _why(row: Mapping, lost: Lost) -> str:
    return next((lost[row[name], row["began_at"]] for name in _CAMERAS if (row.get(name), row["began_at"]) in lost), "")


def _told(kind: Kind, row: Mapping) -> str:
    digits = 0 if kind.unit == "km/h" else 1
    said = f"{row[kind.middle]:.{digits}f} {kind.unit}"
    ends = (row[kind.interval[0]], row[kind.interval[1]]) if kind.interval[0] else (None, None)
    said += f" ({ends[0]:.{digits}f} to {ends[1]:.{digits}f})" if None not in ends else ""
    if kind.low and row[kind.low] is not None:
        said += f", 15 to 85 % {row[kind.low]:.{digits}f} to {row[kind.high]:.{digits}f}"
    counted = f"{round(row['vehicles'], 1)} {'counted' if kind.is_bar else 'vehicle' if row['vehicles'] == 1 else 'vehicles'}"
    return f"{said}, {counted}, {row['status'].replace('_', ' ')}, {row['coverage']:.0%} seen"


def _periods(name: str, rows: list[Mapping]) -> Drawing:
    """Travel times of FHWA's periods: from the median to the 95th percentile, the mean as a line, free flow as a broken one."""
    values = [row[each] for row in rows for each in ("p50_s", "p95_s", "mean_s", "free_flow_s") if row[each] is not None]
    plot = _Plot(f"{name}: travel time by period, seconds", max(values, default=1))
    wide = (WIDTH - LEFT - RIGHT) / len(_PERIODS)
    for row in rows:
        x = LEFT + wide * _PERIODS.index(row["period"])
        indices = ", ".join(f"{said} {row[each]:.2f}" for each, said in _INDICES.items() if row[each] is not None)
        tip = (
            f"{name}, {row['period']}: median {row['p50_s']:.1f} s, mean {row['mean_s']:.1f} s, 95 % {row['p95_s']:.1f} s, "
            f"free flow {row['free_flow_s']:.1f} s; {indices or 'no index'}; {row['bins']} of {row['bins_possible']} quarters"
        )
        plot.spread(x + wide * 0.2, wide * 0.6, row["p50_s"], row["mean_s"], row["p95_s"], tip)
        plot.level(x, wide, row["free_flow_s"], "free")
        if row["status"] != "observed":
            plot.gap(x, wide, "gap nobody little", tip)
        plot.under(x + wide / 2, row["period"])
    return plot.done(name)


_INDICES = {"tti": "TTI", "pti": "PTI", "buffer_index": "buffer index", "lottr": "LOTTR"}


class _Plot:
    """From 0 to ``tallest`` upwards."""

    def __init__(self, title: str, tallest: float) -> None:
        self._top = round_up(tallest)
        self._drawing = Drawing(WIDTH, HEIGHT, title, "plot")
        self._drawing.line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "base")
        for share in (0.5, 1.0):
            y = self._y(self._top * share)
            self._drawing.line(LEFT, y, WIDTH - RIGHT, y, "tick")
            self._drawing.text(LEFT - 4, y + 4, f"{self._top * share:g}", "axis", anchor="end")

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value, self._top) / self._top

    def gap(self, x: float, wide: float, kind: str, tip: str) -> None:
        self._drawing.rect(x, TOP, wide, HEIGHT - TOP - BOTTOM, kind, tip)

    def mark(self, kind: Kind, row: Mapping, x: float, to: float, tip: str) -> None:
        """One bin's."""
        inside = x + (to - x) * 0.1, (to - x) * 0.8
        if kind.is_bar:
            box = inside[0], self._y(row[kind.middle]), inside[1], HEIGHT - BOTTOM - self._y(row[kind.middle])
            self._drawing.rect(*box, "bar", tip)
            if row["status"] == "expanded":
                self._drawing.rect(*box, "few")
        else:
            self.spread(*inside, row[kind.low], row[kind.middle], row[kind.high], tip)
        low, high = (row[each] if each else None for each in kind.interval)
        if low is not None and high is not None:
            middle = (x + to) / 2
            self._drawing.line(middle, self._y(low), middle, self._y(high), "whisker")

    def spread(self, x: float, wide: float, low: float, middle: float, high: float, tip: str) -> None:
        self._drawing.rect(x, self._y(high), wide, max(1, self._y(low) - self._y(high)), "spread", tip)
        self.level(x, wide, middle, "median")

    def level(self, x: float, wide: float, value: float, kind: str) -> None:
        self._drawing.line(x, self._y(value), x + wide, self._y(value), kind)

    def hours(self, scale: Scale) -> None:
        scale.hours(self._drawing, TOP, HEIGHT - BOTTOM, 6)

    def under(self, x: float, said: str) -> None:
        self._drawing.text(x, HEIGHT - 8, said, "axis", anchor="middle")

    def done(self, name: str) -> Drawing:
        self._drawing.text(4, 14, name, "label")
        return self._drawing
