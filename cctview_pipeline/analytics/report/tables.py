"""The tables of a report: the same numbers as its drawings, for eyes, screen readers and paper."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.lines import harmonic
from cctview_pipeline.analytics.report.figures import LOST_LETTERS, STATUS_LETTERS, Figure, Figures, known, usable
from cctview_pipeline.analytics.report.space_time import Road, by_hour

NOTHING = "–"
QUARTER_ROWS = 2_500
"""Rows by quarter of an hour that a report has at most; a day of more cameras has them by hour."""
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
    return NOTHING if value is None else f"{value:,.{digits}f}"


def percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.0f} %"


def interval(low: float | None, high: float | None, digits: int = 0) -> str:
    return NOTHING if low is None or high is None else f"{low:,.{digits}f} to {high:,.{digits}f}"


def speeds_by_hour(road: Road, figures: Figures, clock: Clock) -> Table:
    """km/h, or in words why there is none."""
    hours = list(by_hour(figures, figures.fives.began, clock))
    rows = []
    for way in road.ways:
        cells = zip(way.values["speed_kmh"], way.values["status"], way.values["missing"], strict=True)
        told = [_hour_of_cells(group) for group in by_hour(figures, list(cells), clock).values()]
        rows.append([f"{way.of[1]} to {way.of[2]}", *told])
    return Table(f"{road.title}: mean speed by local hour, km/h", ["way", *hours], rows)


def _hour_of_cells(cells: list[tuple]) -> str:
    if there := [speed for speed, *_ in cells if speed]:
        return short(harmonic(there))
    if any(status in "oe" for _, status, _ in cells):
        return "nobody timed"
    whys = [why for _, _, why in cells if why != "."]
    return LOST_NAMES[max(set(whys), key=whys.count)] if whys else "no data"


def flows_of_day(figures: Figures, clock: Clock) -> Table:
    """The ends of the quarters' intervals are added up: what makes a counter wrong in one of them does in the next."""
    rows = []
    for side in figures.tables["flows"]:
        good = usable(side.values["status"])
        sums = [sum(value for value, use in zip(side.values[name], good, strict=True) if use) for name in _FLOW]
        peak = _peak(side, figures, clock)
        counted = sum(known(side.values["vehicles"]))
        there = f"{sum(good)} of {len(good)}"
        none = not any(good)
        expanded = [NOTHING, NOTHING] if none else [short(sums[0]), interval(*sums[1:])]
        rows.append([side.name, short(counted), *expanded, there, *peak])
    head = ["camera and side", "counted", "expanded", "90 % interval", "quarters usable", "busiest hour", "vehicles in it"]
    return Table("Vehicles that passed each camera's line in the usable quarters of the day", head, rows)


_FLOW = ("expanded", "lower", "upper")


def _peak(side: Figure, figures: Figures, clock: Clock) -> list[str]:
    """The four quarters that follow each other with most vehicles, all of them usable."""
    values, good = side.values["expanded"], usable(side.values["status"])
    sums = [
        (sum(values[first : first + 4]), -first) for first in range(len(values) - 3) if all(good[first : first + 4])
    ]
    if not sums:
        return [NOTHING, NOTHING]
    most, first = max(sums)
    begin = figures.quarters.began[-first]
    return [f"{clock.minute(begin)} to {clock.minute(begin + HOUR)}", short(most)]


def labels(figures: Figures) -> Table:
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
                *(side.values[name] for name in ("space_mean_kmh", "vehicles", "error_kmh")), figures.quarters.began, strict=True
            )
            if mean and count
        ]
        if not there:
            rows.append([side.name, *[NOTHING] * 5])
            continue
        count = sum(each[1] for each in there)
        mean = count / sum(n / kmh for kmh, n, *_ in there)
        error = sum(n * (wrong or 0) for _, n, wrong, _ in there) / count
        slow, fast = min(there), max(there)
        extremes = [f"{short(kmh)} at {clock.minute(at)}" for kmh, _, _, at in (slow, fast)]
        rows.append([side.name, short(count), short(mean, 1), f"± {1.645 * error:.1f}", *extremes])
    head = ["camera and side", "vehicles", "mean, km/h", "90 %", "slowest quarter", "fastest quarter"]
    return Table("Space mean speeds at each camera's line", head, rows)


def times_of_day(figures: Figures, clock: Clock) -> Table:
    rows = []
    for way in figures.tables["travel_times"]:
        counts, certain = (sum(known(way.values[name])) for name in ("vehicles", "effective"))
        medians = [(median, at) for median, at in zip(way.values["median_s"], figures.quarters.began, strict=True) if median]
        good = usable(way.values["status"])
        ends = [f"{short(s, 1)} at {clock.minute(at)}" for s, at in (min(medians), max(medians))] if medians else [NOTHING] * 2
        rows.append([way_name(way), short(counts), short(certain), *ends, f"{sum(good)} of {len(good)}"])
    head = ["way", "n", "effective n", "shortest median, s", "longest median, s", "quarters usable"]
    return Table("Travel times between neighbouring cameras over the day", head, rows)


def way_name(way: Figure) -> str:
    return f"{way.of[0]} to {way.of[1]}"


def by_time(figures: Figures, clock: Clock) -> tuple[list[Table], list[Table]]:
    """Flows by camera and travel times by way: a row a quarter of an hour, or an hour where there are too many."""
    flows, ways = figures.tables["flows"], figures.tables["travel_times"]
    fine = (len(flows) + len(ways)) * len(figures.quarters.began) <= QUARTER_ROWS
    step = 1 if fine else 4
    cut = _cuts(figures.quarters.began, clock, step)
    name = "quarter" if fine else "hour"
    of_flows = [
        Table(
            f"{side.name}: vehicles by {name}",
            [name, "counted", "expanded", "90 % interval", "status"],
            [[clock.minute(at), *_flow(side, part)] for at, part in cut],
        )
        for side in flows
    ]
    of_times = [
        Table(
            f"{way_name(way)}: seconds by {name} of arrival",
            [name, "n", "effective n", "median" if fine else "mean", "90 % interval" if fine else "quarters' medians", "status"],
            [[clock.minute(at), *(_time if fine else _time_of_hour)(way, part)] for at, part in cut],
        )
        for way in ways
    ]
    return of_flows, of_times


def _cuts(began: list[datetime], clock: Clock, step: int) -> list[tuple[datetime, slice]]:
    """Each quarter, or those of each local hour."""
    if step == 1:
        return [(at, slice(number, number + 1)) for number, at in enumerate(began)]
    starts = [number for number, at in enumerate(began) if number == 0 or clock.local(at).minute == 0]
    return [(began[first], slice(first, end)) for first, end in zip(starts, [*starts[1:], len(began)], strict=True)]


def _flow(side: Figure, part: slice) -> list[str]:
    status = side.values["status"][part]
    counted = known(side.values["vehicles"][part])
    whole = all(usable(status))
    ends = [sum(side.values[name][part]) if whole else None for name in _FLOW]
    return [short(sum(counted) if counted else None), short(ends[0]), interval(*ends[1:]), _words(status)]


def _time(way: Figure, part: slice) -> list[str]:
    n, certain, median, low, high = (way.values[name][part][0] for name in _TIME)
    return [short(n), short(certain, 1), short(median, 1), interval(low, high, 1), _words(way.values["status"][part])]


_TIME = ("vehicles", "effective", "median_s", "median_lower_s", "median_upper_s")


def _time_of_hour(way: Figure, part: slice) -> list[str]:
    n, certain, means, medians = (way.values[name][part] for name in ("vehicles", "effective", "mean_s", "median_s"))
    timed = [(mean, count) for mean, count in zip(means, n, strict=True) if mean and count]
    mean = sum(s * count for s, count in timed) / sum(count for _, count in timed) if timed else None
    there = known(medians)
    ends = interval(min(there), max(there), 1) if there else NOTHING
    sums = [short(sum(known(each)) if known(each) else None) for each in (n, certain)]
    return [*sums, short(mean, 1), ends, _words(way.values["status"][part])]


def _words(status: str) -> str:
    """Each status once, by how bad it is."""
    return ", ".join(STATUS_NAMES[letter] for letter in "oeinf" if letter in status)


def reliability(figures: Figures) -> Table:
    rows = []
    for each in figures.tables["reliability"]:
        corridor, first, last, side, period = each.of
        values = each.values
        bins = f"{values['bins']} of {values['bins_possible']}"
        times = [short(values[name], 1) for name in ("free_flow_s", "mean_s", "p50_s", "p80_s", "p95_s")]
        indices = [short(values[name], 2) for name in ("tti", "pti", "buffer_index", "lottr")]
        rows.append([f"{first} to {last} {side}", period, str(values["days"]), bins, *times, *indices, values["status"]])
    head = "way, period, days, bins, free flow, mean, p50, p80, p95, TTI, PTI, buffer index, LOTTR, status".split(", ")
    return Table("Reliability over the 28 days that end with this one; times in seconds", head, rows)


def quality(figures: Figures) -> Table:
    rows = []
    for each in figures.tables["data_quality"]:
        v = each.values
        measures = [percent(v["accuracy"]), percent(v["completeness"]), percent(v["validity"])]
        late = NOTHING if v["timeliness_s"] is None else f"{v['timeliness_s']:.1f} s"
        rows.append([each.of[0], v["verdict"].replace("_", " "), *measures, late, percent(v["coverage"]), percent(v["accessibility"])])
    head = ["camera", "verdict", "accuracy", "completeness", "validity", "timeliness", "coverage", "accessibility"]
    return Table("Quality of each camera's data, by FHWA's six measures", head, rows)


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
