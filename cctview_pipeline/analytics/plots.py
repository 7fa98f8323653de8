"""Plots of the marts for Dagster's pages: by the clock of the cameras, and with gaps where nothing can be told."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cctview_pipeline.analytics.lines import SPEEDS, USABLE, Line, Lines, lines_of

MOST_LINES = 12
"""Of one plot: more cannot be told apart."""
MOST_ROWS = 40
COLOURS = ("#7b1d14", "#b8572b", "#d9a441", "#5f9e8f", "#2c6e91")
"""Of speeds, from the slowest on; the report's own."""
_CAMERA, _WAY = ("camera_id", "carriageway"), ("from_camera_id", "to_camera_id", "carriageway")


def plot_vehicle_counts(rows: pa.Table) -> Figure:
    """Vehicles of all labels by 15 minutes, a line a camera and carriageway. They are added up only where all of them count."""
    by_label = lines_of(rows, (*_CAMERA, "label"), ("expanded", "status"))
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in by_label.lines:
        groups.setdefault(line.of[:2], []).append(line)
    sums = [Line(of, {"expanded": [*map(_sum, zip(*map(_usable, group), strict=True))]}) for of, group in groups.items()]
    return _curves(Lines(by_label.began, by_label.local, sums), "expanded", "vehicles per 15 min")


def plot_flows(rows: pa.Table) -> Figure:
    """Of all labels, with their 90 % intervals."""
    names = ("lower", "expanded", "upper")
    return _curves(lines_of(rows, _CAMERA, names), "expanded", "vehicles per 15 min, 90 % interval", ("lower", "upper"))


def plot_speeds(rows: pa.Table) -> Figure:
    """Space mean speeds of a day, a curve a camera."""
    return _curves(lines_of(rows, _CAMERA, ("space_mean_kmh",)), "space_mean_kmh", "space mean speed, km/h")


def plot_travel_times(rows: pa.Table) -> Figure:
    """Medians with their 90 % intervals, a line a way."""
    names = ("median_s", "median_lower_s", "median_upper_s")
    return _curves(lines_of(rows, _WAY, names), "median_s", "median travel time, s", names[1:])


def plot_corridor_speeds(rows: pa.Table) -> Figure:
    """A row a way and a cell five minutes, colours as in the report; what cannot be told is hatched."""
    found = lines_of(rows, _WAY, ("speed_kmh",))
    lines = sorted(found.lines, key=lambda line: (line.of[2], line.of[:2]))[:MOST_ROWS]
    figure = Figure(figsize=(8, 1.2 + 0.28 * len(lines)))
    axes = figure.subplots()
    axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, hatch="///", edgecolor="#84898d", linewidth=0))
    speeds = np.array([_numbers(line.columns["speed_kmh"]) for line in lines]).reshape(len(lines), len(found.began))
    norm = BoundaryNorm([0, *SPEEDS, max(SPEEDS) + 20], len(COLOURS))
    mesh = axes.pcolormesh(np.ma.masked_invalid(speeds), cmap=ListedColormap(COLOURS), norm=norm)
    figure.colorbar(mesh, ax=axes, label="km/h")
    axes.set_yticks(np.arange(len(lines)) + 0.5, [line.name for line in lines], fontsize="x-small")
    axes.invert_yaxis()
    _clock(axes, found.local)
    return figure


def plot_reliability(rows: pa.Table) -> Figure:
    """Of every way, all periods together: from its 50th to its 95th percentile, its mean, and free flow."""
    found = [row for row in rows.to_pylist() if row["period"] == "all"][:MOST_ROWS]
    figure = Figure(figsize=(8, 1.2 + 0.28 * len(found)))
    axes = figure.subplots()
    for place, row in enumerate(found):
        faint = 0.35 if row["status"] == "insufficient" else 1.0
        axes.plot([row["p50_s"], row["p95_s"]], [place, place], color=COLOURS[4], linewidth=6, alpha=0.4 * faint)
        axes.plot(row["mean_s"], place, "|", color=COLOURS[4], markersize=12, alpha=faint)
        axes.plot(row["free_flow_s"], place, "o", color=COLOURS[3], markersize=4, alpha=faint)
    names = [f"{row['from_camera_id']} to {row['to_camera_id']} {row['carriageway']}" for row in found]
    axes.set_yticks(range(len(found)), names, fontsize="x-small")
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("s: free flow (dot), mean (tick), 50th to 95th percentile (bar); faint: insufficient")
    return figure


PLOTS: dict[str, Callable[[pa.Table], Figure]] = {
    "vehicle_counts": plot_vehicle_counts,
    "flows": plot_flows,
    "speeds": plot_speeds,
    "travel_times": plot_travel_times,
    "corridor_speeds": plot_corridor_speeds,
    "reliability": plot_reliability,
}
"""Mart -> its plot."""


def _curves(found: Lines, column: str, label: str, ends: Sequence[str] = ()) -> Figure:
    figure = Figure(figsize=(8, 3.2))
    axes = figure.subplots()
    places = np.arange(len(found.began)) + 0.5
    for line in found.lines[:MOST_LINES]:
        (curve,) = axes.plot(places, _numbers(line.columns[column]), marker=".", label=line.name)
        if ends:
            low, high = (_numbers(line.columns[name]) for name in ends)
            axes.fill_between(places, low, high, color=curve.get_color(), alpha=0.15, linewidth=0)
    axes.set_ylabel(label)
    axes.margins(y=0.15)
    axes.set_ylim(bottom=0)
    _clock(axes, found.local)
    if len(found.lines) > MOST_LINES:
        axes.set_title(f"The first {MOST_LINES} of {len(found.lines)}", fontsize="small")
    if found.lines:
        axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _clock(axes: Axes, local: list[str]) -> None:
    """Bins of one after the other, named by the local time at which some of them begin: so a day on which clocks change has its
    hours, too. local: 2020-05-05T13:00-04:00."""
    full = [place for place, text in enumerate(local) if text[14:16] == "00"]
    marks = full[:: max(1, -(-len(full) // 9))]
    axes.set_xticks(marks, [local[place][11:16] for place in marks])
    axes.set_xlim(0, max(len(local), 1))
    axes.set_xlabel(f"local time, UTC{' and '.join(dict.fromkeys(text[16:] for text in local))}" if local else "no bins")


def _usable(line: Line) -> list[float | None]:
    pairs = zip(line.columns["expanded"], line.columns["status"], strict=True)
    return [value if status in USABLE else None for value, status in pairs]


def _sum(values: tuple[float | None, ...]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) if len(there) == len(values) else None


def _numbers(values: list[float | None]) -> np.ndarray:
    """(N,) NaN where there is none."""
    return np.array([np.nan if value is None else value for value in values], float)
