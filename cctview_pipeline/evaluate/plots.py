"""One figure of an evaluation: from the smallest vehicles to travel times."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cctview_pipeline.evaluate.detection import SIZES
from cctview_pipeline.evaluate.report import ALL, Evaluation


def plot_evaluation(evaluation: Evaluation) -> Figure:
    """AP50 by size, HOTA and IDF1 by camera, counts; below, rank-1 and rank-5 by pair, travel times, and calibration.

    What was not measured has no bar.
    """
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    places = figure.subplot_mosaic("AABBDD;CCEEFF")
    cameras = [scope for scope in evaluation.scopes("tracking") if scope != ALL]
    pairs = [scope for scope in evaluation.scopes("reidentification") if scope != ALL]
    ways = [scope for scope in evaluation.scopes("travel_times") if scope != ALL]
    _bars(places["A"], evaluation, "detection", {"AP50": "AP50"}, [*SIZES, ALL], "AP50 by shorter side")
    _bars(places["B"], evaluation, "tracking", {"HOTA": "HOTA", "IDF1": "IDF1"}, cameras, "tracking by camera")
    ranks = {"rank-1": "rank-1", "rank-5": "rank-5"}
    _bars(places["C"], evaluation, "reidentification", ranks, pairs, "re-identification, query against gallery")
    counts = {"true_vehicles": "true", "counted_vehicles": "counted"}
    _bars(places["D"], evaluation, "counts", counts, cameras, "vehicles by camera", share=False)
    times = {"median_true_s": "true", "median_measured_s": "measured"}
    _bars(places["E"], evaluation, "travel_times", times, ways, "median travel time, s", share=False)
    _calibration(places["F"], evaluation)
    return figure


def _calibration(axes: Axes, evaluation: Evaluation) -> None:
    """Share of right matches over what the pipeline says of them; a dot's area is how many there are."""
    bins = [scope for scope in evaluation.scopes("calibration") if scope != ALL]
    rows = {row.scope: row for row in evaluation.rows if row.subject == "calibration" and row.metric == "share_right"}
    said = np.array([evaluation.value("calibration", "mean_probability", scope) for scope in bins], float)
    right = np.array([evaluation.value("calibration", "share_right", scope) for scope in bins], float)
    support = np.array([rows[scope].support for scope in bins], float)
    axes.plot([0, 1], [0, 1], color="0.8", zorder=0)
    axes.scatter(said, right, 10 + 150 * support / max(support.max(initial=1), 1))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_title("matches: share right over probability", fontsize="medium")


def _bars(
    axes: Axes, evaluation: Evaluation, subject: str, metrics: dict[str, str], scopes: list[str], title: str, share: bool = True
) -> None:
    """A group of bars a scope, one bar a metric. metrics: name -> as the legend says it; share: 0..1."""
    width = 0.8 / len(metrics)
    for number, (metric, name) in enumerate(metrics.items()):
        values = [evaluation.value(subject, metric, scope) for scope in scopes]
        known = np.array([np.nan if value is None else value for value in values])
        axes.bar(np.arange(len(scopes)) + (number - (len(metrics) - 1) / 2) * width, known, width, label=name)
    axes.set_title(title, fontsize="medium")
    axes.set_xticks(np.arange(len(scopes)), scopes, fontsize="x-small")
    if max(map(len, scopes), default=0) > 12:
        axes.tick_params("x", rotation=90)
    axes.set_ylim(bottom=0, top=1 if share else None)
    if len(metrics) > 1:
        axes.legend(fontsize="x-small", loc="upper left", bbox_to_anchor=(1, 1))
