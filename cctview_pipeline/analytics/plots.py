"""Plots of the marts, in UTC."""

from collections.abc import Callable

import pandas as pd
import pyarrow as pa
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure


def plot_vehicle_counts(counts: pa.Table) -> Figure:
    """Vehicles per 15 minutes, one line a camera and carriageway."""
    frame = counts.to_pandas()
    frame = frame[frame["carriageway"] != "unknown"]
    lines = frame.groupby(["camera_id", "carriageway", "began_at"])["vehicles"].sum().unstack(["camera_id", "carriageway"])
    return _lines(lines, "vehicles per 15 min")


def plot_travel_times(times: pa.Table) -> Figure:
    """Median travel time, one line a pair of cameras."""
    frame = times.to_pandas()
    return _lines(frame.pivot_table("median_s", "began_at", ["from_camera_id", "to_camera_id"]), "median travel time, s")


PLOTS: dict[str, Callable[[pa.Table], Figure]] = {"vehicle_counts": plot_vehicle_counts, "travel_times": plot_travel_times}
"""Mart -> its plot."""


def _lines(lines: pd.DataFrame, label: str) -> Figure:
    figure = Figure(figsize=(7, 3.2))
    axes = figure.subplots()
    for name, values in lines.items():
        axes.plot(lines.index, values, marker="o", label=" ".join(name))
    axes.set_ylabel(label)
    axes.set_xlabel("UTC")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))
    if len(lines.columns):
        axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
