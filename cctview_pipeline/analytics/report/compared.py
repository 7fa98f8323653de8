"""A comparison as a file and as tables."""

from collections.abc import Sequence

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.report.compare import Compared, Comparison, Side
from cctview_pipeline.analytics.report.document import environment, stylesheet
from cctview_pipeline.analytics.report.tables import NOTHING, Table, interval, short
from cctview_pipeline.analytics.report.windows import Window


def table_of(side: Side) -> Table:
    """One side of a comparison, row by row."""
    digits = 0 if side.measure.is_sum else 1
    several = len({row.days for row in side.rows}) > 1
    rows = []
    for row in side.rows:
        name = " ".join(row.of) if side.measure.mart != "travel_times" else f"{row.of[0]} to {row.of[1]}"
        share = NOTHING if row.relative is None else f"{100 * row.relative:+.0f} %"
        values = [str(row.matched), short(row.before, digits), short(row.after, digits), _change(row, digits), share]
        rows.append([name, *([row.days] if several else []), *values])
    head = ["of", *(["days"] if several else []), "quarters", "first", "second", "difference (90 % interval)", "change"]
    what = "sum over the matched quarters" if side.measure.is_sum else "mean of the matched quarters"
    return Table(f"{side.measure.name.capitalize()}, {side.measure.unit}: {what}", head, rows)


def _change(row: Compared, digits: int) -> str:
    if row.difference is None:
        return NOTHING
    if row.lower is None:
        return f"{row.difference:+,.{digits}f} (not known)"
    return f"{row.difference:+,.{digits}f} ({interval(row.lower, row.upper, digits)}){' *' if row.is_sure else ''}"


def page(comparison: Comparison, clock: Clock, name: str, attribution: Sequence[str] = ()) -> bytes:
    """One HTML file, as self-contained as a report. name: the campaign's; attribution: what must be shown with it."""

    def span(window: Window) -> str:
        return f"{clock.stamp(window.begin)} to {clock.stamp(window.end)}"

    title = f"{name}: {comparison.first.text} and {comparison.second.text}"
    sides = [(side, table_of(side)) for side in comparison.sides]
    template = environment().get_template("compare.html.j2")
    said = {"c": comparison, "sides": sides, "clock": clock, "span": span, "title": title, "attribution": attribution}
    return template.render(**said, css=stylesheet()).encode()
