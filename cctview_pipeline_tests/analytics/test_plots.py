"""The marts' plots: gaps are gaps, and hours are those of the cameras' clock."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from cctview_pipeline.analytics.plots import PLOTS
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline_tests.factories.day_lake import road
from cctview_pipeline_tests.factories.reported import BEGIN, MAY_5, reported


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The second camera sees nothing in the first hour."""
    live = lambda camera, began: 0.0 if camera == "road-2" and began.hour == BEGIN.hour else 900.0  # noqa: E731
    return reported(tmp_path_factory.mktemp("plots"), live=live)


def plot(lake: Lake, mart: str, day: date = MAY_5) -> Figure:
    return PLOTS[mart](lake.read(mart, Partition.of_day(day)))


@pytest.mark.parametrize("mart", ["vehicle_counts", "flows", "speeds"])
def test_a_line_breaks_where_nothing_was_seen(lake: Lake, mart: str):
    lines = {line.get_label(): line.get_ydata() for line in plot(lake, mart).axes[0].lines}
    assert set(lines) == {f"road-{number} {side}" for number in (1, 2, 3) for side in "NS"}
    assert np.isnan(lines["road-2 N"]).tolist() == [True] * 4 + [False] * 12
    assert not np.isnan(lines["road-1 N"]).any()


def test_ways_that_touch_the_camera_break_too(lake: Lake):
    lines = {line.get_label(): line.get_ydata() for line in plot(lake, "travel_times").axes[0].lines}
    assert len(lines) == 4
    assert all(np.isnan(values[:4]).all() for values in lines.values())
    mesh = plot(lake, "corridor_speeds").axes[0].collections[0]
    assert mesh.get_array().mask[:, :12].all()
    assert not mesh.get_array().mask[:, 18:].any()


def test_hours_are_local_and_autumns_comes_twice(lake: Lake, tmp_path: Path):
    axes = plot(lake, "flows").axes[0]
    assert [each.get_text() for each in axes.get_xticklabels()] == ["10:00", "11:00", "12:00", "13:00"]
    assert axes.get_xlabel() == "local time, UTC-04:00"
    autumn = date(2020, 11, 1)
    twice = reported(tmp_path, road(1, datetime(2020, 11, 1, 4, tzinfo=UTC), 5), days=(autumn,))
    axes = plot(twice, "flows", autumn).axes[0]
    assert [each.get_text() for each in axes.get_xticklabels()] == ["00:00", "01:00", "01:00", "02:00", "03:00"]
    assert axes.get_xlabel() == "local time, UTC-04:00 and -05:00"


@pytest.mark.parametrize("mart", PLOTS)
def test_a_day_without_rows_has_a_plot_without_lines(mart: str):
    assert not PLOTS[mart](schema_of(mart).empty_table()).axes[0].lines
