"""A comparison as a file and as tables."""

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.report.compare import Comparison, Side
from cctview_pipeline.analytics.report.document import environment, stylesheet
from cctview_pipeline.analytics.report.tables import NOTHING, Table, interval, short
from cctview_pipeline.analytics.report.windows import Window


def table_of(side: Side) -> Table:
    digits = 0 if side.measure.is_sum else 1
    rows = []
    for row in side.rows:
        change = NOTHING if row.difference is None else f"{row.difference:+,.{digits}f}{' *' if row.is_sure else ''}"
        share = NOTHING if row.relative is None else f"{100 * row.relative:+.0f} %"
        name = " ".join(row.of) if len(side.measure.by) < 3 or side.measure.is_sum else f"{row.of[0]} to {row.of[1]}"
        values = [short(row.before, digits), short(row.after, digits), change, interval(row.lower, row.upper, digits), share]
        rows.append([name, row.days, str(row.matched), *values])
    head = ["of", "type of day", "quarters", "first", "second", "difference", "90 % interval", "relative"]
    what = "sum over the matched quarters" if side.measure.is_sum else "mean of the matched quarters"
    return Table(f"{side.measure.name.capitalize()}, {side.measure.unit}: {what}", head, rows)


def page(comparison: Comparison, clock: Clock, name: str) -> bytes:
    """One HTML file, as self-contained as a report. name: the campaign's."""

    def span(window: Window) -> str:
        return f"{clock.stamp(window.begin)} to {clock.stamp(window.end)}"

    title = f"{name}: {comparison.first.text} and {comparison.second.text}"
    sides = [(side, table_of(side)) for side in comparison.sides]
    template = environment().get_template("compare.html.j2")
    return template.render(c=comparison, sides=sides, clock=clock, span=span, title=title, css=stylesheet()).encode()
