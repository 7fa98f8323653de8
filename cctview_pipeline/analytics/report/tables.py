"""The tables of a report: the same numbers as its drawings, for eyes, screen readers and paper."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.lines import harmonic
from cctview_pipeline.analytics.report.figures import LOST_LETTERS, STATUS_LETTERS, Figure, Figures, usable
from cctview_pipeline.analytics.report.space_time import Road, by_hour, shown_speeds

NOTHING = "\N{EN DASH}"
STATUS_NAMES = {letter: status.replace("_", " ") for status, letter in STATUS_LETTERS.items()}
LOST_NAMES = {letter: state.replace("_", " ") for state, letter in LOST_LETTERS.items()}
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Table:
    """head: the columns' names; rows: the first cell names its row."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def short(value: float | None, digits: int = 0) -> str:
    """A number as a table shows it; a dash for none."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def percent(share: float | None) -> str:
    """A share, 0..1, in percent."""
    return NOTHING if share is None else f"{100 * share:.0f} %"


def interval(low: float | None, high: float | None, digits: int = 0) -> str:
    """Both ends of an interval; a dash without one."""
    return NOTHING if low is None or high is None else f"{low:,.{digits}f} to {high:,.{digits}f}"


def speeds_by_hour(road: Road, figures: Figures, clock: Clock) -> Table:
    """km/h, or in words why there is none."""
    hours = list(by_hour(figures, figures.cells.began, clock))
    rows = []
    for way in road.ways:
        kinds = road.kinds(way)
        cells = zip(shown_speeds(way, kinds), kinds, way.values["missing"], strict=True)
        told = [_hour_of_cells(group) for group in by_hour(figures, list(cells), clock).values()]
        rows.append([f"{way.of[1]} to {way.of[2]}", *told])
    return Table(f"{road.title}: mean speed by local hour, km/h", ["way", *hours], rows)


def _hour_of_cells(cells: list[tuple]) -> str:
    if there := [speed for speed, *_ in cells if speed]:
        return short(harmonic(there))
    if any(kind == "blank" for _, kind, _ in cells):
        return "nobody timed"
    if any(kind == "flagged" for _, kind, _ in cells):
        return "flagged"
    whys = [why for _, _, why in cells if why != "."]
    return LOST_NAMES[max(set(whys), key=whys.count)] if whys else "no data"


def flows_of_day(figures: Figures, clock: Clock) -> Table:
    """The ends of the quarters' intervals are added up: what makes a counter wrong in one of them does in the next."""
    rows = []
    for side in figures.tables["flows"]:
        good = usable(side.values["status"])
        used = ([value for value, use in zip(side.values[name], good, strict=True) if use] for name in _FLOW)
        sums = [None if None in values else sum(values) for values in used]
        peak = _peak(side, figures, clock)
        counted, others = _counted(side.values["vehicles"], good), _counted(side.values["vehicles"], [not use for use in good])
        there = f"{sum(good)} of {len(good)}"
        none = not any(good)
        expanded = [NOTHING, NOTHING] if none else [short(sums[0]), interval(sums[1], sums[2])]
        rows.append([side.name, short(counted), *expanded, there, short(others), *peak])
    head = [
        "camera and side",
        "counted",
        "expanded",
        "90 % interval",
        "usable",
        "in others",
        "busiest hour",
        "in it",
    ]
    return Table("Vehicles that passed each camera's line in the usable quarters of the day", head, rows)


_FLOW = ("expanded", "lower", "upper")


def _counted(values: list, good: list[bool]) -> float:
    return sum(value for value, use in zip(values, good, strict=True) if use and value is not None)


def _peak(side: Figure, figures: Figures, clock: Clock) -> list[str]:
    """The hour with most vehicles, all of it usable."""
    values, good, count = side.values["expanded"], usable(side.values["status"]), HOUR // figures.bins.step
    whole = [first for first in range(len(values) - count + 1) if all(good[first : first + count])]
    sums = [(sum(values[first : first + count]), -first) for first in whole]
    if not sums:
        return [NOTHING, NOTHING]
    most, first = max(sums)
    begin = figures.bins.began[-first]
    return [f"{clock.minute(begin)} to {clock.minute(begin + HOUR)}", short(most)]


def labels(figures: Figures) -> Table:
    """Vehicles by camera, side and label."""
    kinds = ("car", "bus", "truck", "motorcycle")
    found: dict[str, dict[str, str]] = {}
    for each in figures.tables["vehicle_counts"]:
        found.setdefault(" ".join(each.of[:2]), {})[each.of[2]] = short(each.values["vehicles"])
    rows = [[name, *(of.get(kind, NOTHING) for kind in kinds)] for name, of in found.items()]
    return Table("Counted by label, as the detector calls them; not corrected", ["camera and side", *kinds], rows)


def speeds(figures: Figures, clock: Clock) -> Table:
    """Weighted by vehicles. The calibration's error is common to all quarters, so the day's is no smaller than theirs."""
    rows = []
    for side in figures.tables["speeds"]:
        there = [
            (mean, count, error, at)
            for mean, count, error, at in zip(
                *(side.values[name] for name in ("space_mean_kmh", "vehicles", "error_kmh")), figures.bins.began, strict=True
            )
            if mean and count
        ]
        if not there:
            rows.append([side.name, *[NOTHING] * 5])
            continue
        count = sum(each[1] for each in there)
        mean = count / sum(n / kmh for kmh, n, *_ in there)
        wrong = [n * error for _, n, error, _ in there if error is not None]
        error = f"\N{PLUS-MINUS SIGN} {1.645 * sum(wrong) / count:.1f}" if len(wrong) == len(there) else NOTHING
        slow, fast = min(there), max(there)
        extremes = [f"{short(kmh)} at {clock.minute(at)}" for kmh, _, _, at in (slow, fast)]
        rows.append([side.name, short(count), short(mean, 1), error, *extremes])
    head = ["camera and side", "vehicles", "mean, km/h", "90 %", "slowest", "fastest"]
    return Table("Space mean speeds at each camera's line", head, rows)


def times_of_day(figures: Figures, clock: Clock) -> Table:
    """Travel times of a day, a row a way."""
    rows = []
    for way in figures.tables["travel_times"]:
        good = usable(way.values["status"])
        counts, certain = (_counted(way.values[name], good) for name in ("vehicles", "effective"))
        medians = [(median, at) for median, at in zip(way.values["median_s"], figures.bins.began, strict=True) if median]
        ends = [f"{short(s, 1)} at {clock.minute(at)}" for s, at in (min(medians), max(medians))] if medians else [NOTHING] * 2
        rows.append([way_name(way), short(counts), short(certain), *ends, f"{sum(good)} of {len(good)}"])
    head = ["way", "n", "effective n", "shortest median, s", "longest median, s", "usable"]
    return Table("Travel times between neighbouring cameras over the day", head, rows)


def way_name(way: Figure) -> str:
    """Where a way begins and ends."""
    return f"{way.of[0]} to {way.of[1]}"


def flows_by_time(figures: Figures, clock: Clock) -> list[Table]:
    """A table a side with a row a quarter of an hour; of many cameras one, with a row a side."""
    sides = figures.tables["flows"]
    if figures.bins.step >= HOUR:
        told = [[short(n, 0) + _ends(low, high) for n, low, high in _columns(side, *_FLOW)] for side in sides]
        rows = [[side.name, *cells] for side, cells in zip(sides, told, strict=True)]
        return [Table("Vehicles by hour, with their 90 % interval", ["camera and side", *_hours(figures, clock)], rows)]
    head = ["quarter", "counted", "expanded", "90 % interval", "status"]
    found = []
    for side in sides:
        rows = [
            [clock.minute(at), short(n), short(expanded), interval(low, high), STATUS_NAMES[status]]
            for at, (n, expanded, low, high, status) in zip(
                figures.bins.began, _columns(side, "vehicles", *_FLOW, "status"), strict=True
            )
        ]
        found.append(Table(f"{side.name}: vehicles by quarter of an hour", head, rows))
    return found


def times_by_time(figures: Figures, clock: Clock) -> list[Table]:
    """The same of travel times."""
    ways = figures.tables["travel_times"]
    if figures.bins.step >= HOUR:
        columns = (*_TIME, "vehicles", "effective")
        told = [
            [
                short(s, 1) + _ends(low, high) + ("" if s is None else f", {n} ({certain:.0f})")
                for s, low, high, n, certain in cells
            ]
            for cells in (_columns(way, *columns) for way in ways)
        ]
        rows = [[way_name(way), *cells] for way, cells in zip(ways, told, strict=True)]
        title = "Seconds by hour of arrival: mean of the quarters' medians and of their 90 % intervals, n (effective n)"
        return [Table(title, ["way", *_hours(figures, clock)], rows)]
    head = ["quarter", "n", "effective n", "median", "90 % interval", "status"]
    found = []
    for way in ways:
        rows = [
            [clock.minute(at), short(n), short(certain, 1), short(s, 1), interval(low, high, 1), STATUS_NAMES[status]]
            for at, (n, certain, s, low, high, status) in zip(
                figures.bins.began, _columns(way, "vehicles", "effective", *_TIME, "status"), strict=True
            )
        ]
        found.append(Table(f"{way_name(way)}: seconds by quarter of an hour of arrival", head, rows))
    return found


_TIME = ("median_s", "median_lower_s", "median_upper_s")


def _columns(figure: Figure, *names: str) -> list[tuple]:
    return list(zip(*(figure.values[name] for name in names), strict=True))


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({low:,.0f} to {high:,.0f})"


def _hours(figures: Figures, clock: Clock) -> list[str]:
    return [clock.minute(at) for at in figures.bins.began]


def reliability(figures: Figures) -> Table:
    """How far travel times can be relied on, a row a way and period."""
    rows = []
    for each in figures.tables["reliability"]:
        _, first, last, side, period = each.of
        values = each.values
        bins = f"{values['bins']} of {values['bins_possible']}"
        times = [short(values[name], 1) for name in ("free_flow_s", "mean_s", "p50_s", "p80_s", "p95_s")]
        indices = [short(values[name], 2) for name in ("tti", "pti", "buffer_index", "lottr")]
        rows.append([f"{first} to {last} {side}", period, str(values["days"]), bins, *times, *indices, values["status"]])
    told = ["free flow", "mean", "p50", "p80", "p95", "TTI", "PTI", "buffer index", "LOTTR"]
    head = ["way", "period", "days", "bins", *told, "status"]
    return Table("Reliability over the 28 days that end with this one; times in seconds", head, rows)


def quality(figures: Figures) -> Table:
    """What each camera's figures are worth."""
    rows = []
    for each in figures.tables["data_quality"]:
        v = each.values
        first, last = ([percent(v[name]) for name in names] for names in (_MEASURES[:3], _MEASURES[4:]))
        late = NOTHING if v["timeliness_s"] is None else f"{v['timeliness_s']:.1f} s"
        rows.append([each.of[0], v["verdict"].replace("_", " "), *first, late, *last])
    return Table("Quality of each camera's data, by FHWA's six measures", ["camera", "verdict", *_MEASURES], rows)


_MEASURES = ("accuracy", "completeness", "validity", "timeliness", "coverage", "accessibility")


def lost(figures: Figures) -> Table:
    """Minutes, and only the reasons that there were."""
    states = [each for each in LOST_LETTERS if any(row.values[f"{each}_s"] for row in figures.tables["coverage"])]
    rows = [
        [row.of[0], short(row.values["live_s"] / 60), *(short(row.values[f"{state}_s"] / 60) for state in states)]
        for row in figures.tables["coverage"]
    ]
    return Table("Minutes of the day that were seen, and what the others went to", ["camera", "seen", *_words_of(states)], rows)


def _words_of(states: Iterable[str]) -> list[str]:
    return [state.replace("_", " ") for state in states]


def anomalies(figures: Figures, clock: Clock) -> Table:
    """Times in which figures are not what they seem."""
    when: Callable[[str], str] = lambda text: clock.stamp(datetime.fromisoformat(text))  # noqa: E731
    rows = []
    for each in figures.tables["anomalies"]:
        camera, side, label, begin, end, kind = each.of
        what: dict[str, Any] = dict(each.values)
        where = " ".join(filter(None, (camera, side, label)))
        words = kind.replace("_", " "), what["problem"], what["investigation"], what["note"]
        rows.append([where, f"{when(begin)} to {when(end)}", *words])
    head = ["where", "when", "kind", "problem", "investigation", "what"]
    return Table("Times in which figures are not what they seem", head, rows)
