"""Small plots of the marts: one for every camera or way, all to one scale, so that they can be compared."""

from collections import defaultdict
from datetime import datetime, timedelta

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.svg import Drawing
from cctview_pipeline.campaign import HOUR

BIN = timedelta(minutes=15)
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 300, 150, 38, 22, 24
MAX_PLOTS = 60
"""Plots of a page."""


def plots(table: str, rows: list[dict], clock: Clock) -> list[Drawing]:
    """None for tables that are read rather than seen."""
    if table == "vehicle_counts":
        return _counts(rows, clock)
    if table == "travel_times":
        return _times(rows, clock)
    return []


def _counts(rows: list[dict], clock: Clock) -> list[Drawing]:
    """Vehicles a quarter of an hour, by camera and carriageway. Quarters with too few frames are hatched; one in which nothing
    could be counted has no bar, since that is not 0."""
    groups: dict[str, dict[datetime, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for row in rows:
        if row["vehicles"] is not None:
            cell = groups[f"{row['camera_id']} {row['carriageway']}"][row["began_at"]]
            cell[0] += row["vehicles"]
            cell[1] = max(cell[1], row["observed_s"])
    tallest = max((cell[0] for group in groups.values() for cell in group.values()), default=1)
    found = []
    for name, group in sorted(groups.items())[:MAX_PLOTS]:
        plot = _Plot(f"{name}: vehicles in a quarter of an hour", rows, tallest, clock)
        for began, (vehicles, observed) in sorted(group.items()):
            whole = observed >= 0.95 * BIN.total_seconds()
            tip = f"{name}, {clock.minute(began)}: {vehicles:.0f} vehicles{'' if whole else f', in {observed:.0f} s with frames'}"
            plot.bar(began, vehicles, "bar" if whole else "bar few", tip)
        found.append(plot.done(name))
    return found


def _times(rows: list[dict], clock: Clock) -> list[Drawing]:
    """Median and 15th to 85th percentile of a way's travel times, with how many vehicles they rest on."""
    groups: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        groups[f"{row['from_camera_id']} to {row['to_camera_id']}"].append(row)
    tallest = max((row["p85_s"] for row in rows), default=1)
    found = []
    for name, group in sorted(groups.items())[:MAX_PLOTS]:
        plot = _Plot(f"{name}: travel time in seconds", rows, tallest, clock)
        for row in sorted(group, key=lambda row: row["began_at"]):
            few = row["vehicles"] < 10
            tip = (
                f"{name}, {clock.minute(row['began_at'])}: median {row['median_s']:.1f} s, 15 to 85 % {row['p15_s']:.1f} to "
                f"{row['p85_s']:.1f} s, {row['vehicles']} vehicles, mean probability {row['mean_probability']:.2f}"
            )
            plot.spread(row["began_at"], row["p15_s"], row["median_s"], row["p85_s"], "few" if few else "", tip)
        found.append(plot.done(name))
    return found


class _Plot:
    """Quarters of an hour to the right, an hour at least; from 0 to ``tallest`` upwards."""

    def __init__(self, title: str, rows: list[dict], tallest: float, clock: Clock) -> None:
        began = [row["began_at"] for row in rows]
        self._first, self._tallest, self._clock = min(began), max(tallest, 1), clock
        self._last = max(max(began) + BIN, self._first + HOUR)
        self._drawing = Drawing(WIDTH, HEIGHT, title, "plot")
        self._drawing.line(LEFT, HEIGHT - BOTTOM, WIDTH - 4, HEIGHT - BOTTOM, "base")
        for share in (0.5, 1.0):
            y = self._y(self._tallest * share)
            self._drawing.line(LEFT, y, WIDTH - 4, y, "tick")
            self._drawing.text(LEFT - 4, y + 4, f"{self._tallest * share:.0f}", "axis", anchor="end")

    def _x(self, at: datetime) -> float:
        return LEFT + (WIDTH - LEFT - 4) * ((at - self._first) / (self._last - self._first))

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value, self._tallest) / self._tallest

    def bar(self, began: datetime, value: float, kind: str, tip: str) -> None:
        x, y = self._x(began), self._y(value)
        self._drawing.rect(x + 0.5, y, max(1.0, self._x(began + BIN) - x - 1), HEIGHT - BOTTOM - y, kind, tip)

    def spread(self, began: datetime, low: float, middle: float, high: float, kind: str, tip: str) -> None:
        x, wide = self._x(began), self._x(began + BIN) - self._x(began)
        self._drawing.rect(x + wide * 0.2, self._y(high), wide * 0.6, self._y(low) - self._y(high), f"spread {kind}", tip)
        self._drawing.line(x + wide * 0.1, self._y(middle), x + wide * 0.9, self._y(middle), "median")

    def done(self, name: str) -> Drawing:
        self._drawing.text(4, 14, name, "label")
        for at in self._clock.ticks(self._first, self._last, 6):
            anchor = "end" if at == self._last else "start" if at == self._first else "middle"
            self._drawing.text(self._x(at), HEIGHT - 8, self._clock.minute(at), "axis", anchor=anchor)
        return self._drawing
