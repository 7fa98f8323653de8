"""A report held against the lake: every figure in it calculated anew from what the hours of its day have by now.

What rests on a partition that has gone since cannot be verified, which is no fault of the figure. A number may differ by one unit
of its last digit: sums of floats come out so.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.report.figures import DIGITS, FORMAT, Figure, Figures, figures_of, from_json
from cctview_pipeline.analytics.report.hours import hourly
from cctview_pipeline.analytics.report.sources import Sources, inputs_of, open_day, sources_of, tables_anew
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import HOUR, Campaign, floor_hour
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.layout import parse_hour
from cctview_pipeline.lake.marts import STATUSES

_JSON = re.compile(rb'<script type="application/json" id="figures">(.*?)</script>', re.DOTALL)
_SEEN, _TIMED = ("coverage", "passages"), ("coverage", "passages", "matches")
NEEDS: dict[str, tuple[str, ...]] = {
    "flows": _SEEN,
    "speeds": _SEEN,
    "vehicle_counts": _SEEN,
    "coverage": ("coverage",),
    "travel_times": _TIMED,
    "corridor_speeds": _TIMED,
    "reliability": (*_TIMED, "travel_times"),
    "data_quality": (*_SEEN, "vehicles_in_view"),
    "anomalies": (*_SEEN, "vehicles_in_view"),
}
"""Figures -> the tables of hours, or days, that they are made from."""
OF_ALL = ("reliability", "data_quality", "anomalies")
"""Figures that look at other cameras and hours than the one they are of."""


@dataclass(frozen=True)
class Difference:
    """A figure that comes out otherwise. where: its table, what it is of, its column, and its time."""

    where: str
    was: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.where}: was {_said(self.was)}, is {_said(self.now)}"


@dataclass(frozen=True, kw_only=True)
class Verification:
    """compared: figures that were held against the lake; differences: those of them that came out otherwise; unverifiable:
    figures that rest on what has gone; gone: table -> partitions that have; changed: sentences about what else is another."""

    day: str
    compared: int
    differences: list[Difference]
    unverifiable: int
    gone: Mapping[str, int]
    changed: list[str]

    def to_json(self) -> dict[str, Any]:
        told = [{"figure": each.where, "was": each.was, "is": each.now} for each in self.differences]
        return {**vars(self), "gone": dict(self.gone), "differences": told}


def verify(lake: Lake, campaign: Campaign, html: bytes, name: str = "The file") -> Verification:
    """name: of the report, for refusals. Raises CctviewError for a file that is no report, or one of another campaign's day."""
    said = read_json(html, name)
    was, then = from_json(said), Sources.from_json(said["made_from"])
    calendar = calendar_of(campaign)
    with open_day(lake, campaign, calendar, was.day) as day:
        now = figures_of(was.day, tables_anew(lake, day))
        inputs, today = inputs_of(lake, day), sources_of(lake, day)
    if was.bins.step >= HOUR:
        now = hourly(now)
    gone = {table: set(hashes) - set(inputs.get(table, {})) for table, hashes in then.inputs.items()}
    held = _Held.of(gone, Clock(calendar.zone))
    found = [(held.may_differ(*each), each) for each in _pairs(was, now)]
    differences = [Difference(held.name(*each), each[4], each[5]) for free, each in found if free and not _same(*each[4:])]
    return Verification(
        day=str(was.day),
        compared=sum(free for free, _ in found),
        differences=differences,
        unverifiable=sum(not free for free, _ in found),
        gone={table: len(places) for table, places in gone.items() if places},
        changed=list(_changed(then, today, inputs)),
    )


def read_json(html: bytes, name: str) -> dict[str, Any]:
    """What a report says of itself."""
    found = _JSON.search(html)
    try:
        said = json.loads(found[1]) if found else {}
        if said.get("format") == FORMAT:
            from_json(said), Sources.from_json(said["made_from"])
            return said
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise ConfigurationError(f"{name} is no report that this version can read: `cctview report --out FILE` writes one.")


_Pair = tuple[str, Figure, str, datetime | None, Any, Any]
"""Table, figure, column, time of its bin, what was and what is."""


def _pairs(was: Figures, now: Figures) -> Iterator[_Pair]:
    """Every single value of either."""
    for table in NEEDS:
        before, after = ({each.of: each for each in side.tables.get(table, [])} for side in (was, now))
        axes = [side.axis_of(table).began for side in (was, now)]
        for of in dict.fromkeys([*before, *after]):
            one, other = before.get(of), after.get(of)
            figure = one or other
            assert figure is not None  # it is in one of the two
            for column in dict.fromkeys([*(one.values if one else ()), *(other.values if other else ())]):
                values = [side.values.get(column) if side else None for side in (one, other)]
                if not any(_is_along(value, column) for value in values):
                    yield table, figure, column, None, *values
                    continue
                by_time = [dict(zip(axis, value or (), strict=False)) for axis, value in zip(axes, values, strict=True)]
                for at in dict.fromkeys([*by_time[0], *by_time[1]]):
                    yield table, figure, column, at, by_time[0].get(at), by_time[1].get(at)


def _is_along(value: Any, column: str) -> bool:
    """Whether it is a value a bin; a status is a letter a bin too, and of reliability a word."""
    letters = column == "missing" or (column == "status" and value not in STATUSES)
    return isinstance(value, list) or (isinstance(value, str) and letters)


@dataclass(frozen=True)
class _Held:
    """gone: table -> camera -> the hours that a report was made from, and that are not there any more."""

    gone: Mapping[str, Mapping[str, set[datetime]]]
    clock: Clock

    @classmethod
    def of(cls, gone: Mapping[str, set[str]], clock: Clock) -> "_Held":
        """gone: table -> partitions, as a report names them."""
        found: dict[str, dict[str, set[datetime]]] = {}
        for table, places in gone.items():
            for camera, _, time in (place.rpartition(" ") for place in places):
                hour = parse_hour(time) if "T" in time else datetime.min
                found.setdefault(table, {}).setdefault(camera, set()).add(hour)
        return cls(found, clock)

    def may_differ(self, table: str, figure: Figure, column: str, at: datetime | None, was: Any, now: Any) -> bool:
        """Whether a difference would be a fault: all that it rests on is there."""
        missing = [self.gone[need] for need in NEEDS[table] if need in self.gone]
        if table in OF_ALL:
            return not missing
        hours = [hours for of_table in missing for camera in figure.of if (hours := of_table.get(camera))]
        if at is None:
            return not hours
        return not any(floor_hour(at) in each or floor_hour(at) - HOUR in each for each in hours)

    def name(self, table: str, figure: Figure, column: str, at: datetime | None, was: Any, now: Any) -> str:
        return " ".join(filter(None, (table, figure.name, column, f"at {self.clock.stamp(at)}" if at else "")))


def _same(was: Any, now: Any) -> bool:
    numbers = [isinstance(each, int | float) and not isinstance(each, bool) for each in (was, now)]
    if not all(numbers) or (isinstance(was, int) and isinstance(now, int)):
        return was == now
    size = max(abs(was), abs(now))
    unit = max(10.0 ** (math.floor(math.log10(size)) - DIGITS + 1), 0.1 if size >= 10 else 0.0) if size else 0.0
    return abs(was - now) <= 1.001 * unit


def _changed(then: Sources, today: Sources, inputs: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """What is another than it was, which explains differences, and makes none by itself."""
    if then.code != today.code:
        yield f"Another version of the code calculates: {then.version} then, {today.version} now."
    if then.campaign != today.campaign:
        yield "campaign.toml was changed since."
    for table, hashes in then.inputs.items():
        there = inputs.get(table, {})
        other = sorted(place for place, digits in hashes.items() if place in there and there[place] != digits)
        new = sorted(set(there) - set(hashes))
        if other:
            yield f"{table}: {len(other)} partitions were written anew since, the first of them {other[0]}."
        if new:
            yield f"{table}: {len(new)} partitions have come since, the first of them {new[0]}."
    if changed := _others(then.marts.items(), today.marts):
        yield f"The lake's own {', '.join(changed)} of the day were made anew since."


def _others(hashes: Iterable[tuple[str, str]], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name, digits in hashes if now.get(name) != digits)


def _said(value: Any) -> str:
    return "not there" if value is None else str(value)
