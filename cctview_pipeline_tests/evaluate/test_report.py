"""The figures as a table of the lake, for a program, a terminal, a document, and as a plot."""

import io
import json

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from rich.console import Console

from cctview_pipeline.evaluate import Evaluation, plot_evaluation
from cctview_pipeline.evaluate.report import Row, measured
from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.known_road import Driver, MadeRoad, make_road, measure
from cctview_pipeline_tests.factories.tables import partition_of


@pytest.fixture
def evaluation(tmp_path) -> Evaluation:
    """Of two vehicles, one a bus; nothing goes north, so that has no truth."""
    return measure(Lake(str(tmp_path / "lake")), make_road(Driver(1), Driver(2, 20, label="bus")))


def test_round_trip_through_the_lake(evaluation, tmp_path):
    lake, partition = Lake(str(tmp_path / "lake")), partition_of("evaluation")
    lake.write("evaluation", partition, evaluation.to_table())
    assert Evaluation.from_table(lake.read("evaluation", partition)) == evaluation


def test_dict_for_a_program(evaluation):
    found = json.loads(json.dumps(evaluation.as_dict(), allow_nan=False))
    assert found["detection"]["bus"]["AP50"] == {"value": 1.0, "support": 8}
    assert found["travel_times"]["cam-2 to cam-1"]["median_true_s"] == {"value": None, "support": 0}


def test_tables_for_a_terminal(evaluation):
    console = Console(file=io.StringIO(), width=160)
    for table in evaluation.tables():
        console.print(table)
    lines = console.file.getvalue().splitlines()
    (hota,) = [line for line in lines if "tracking HOTA" in line]
    assert [word for word in hota.split() if word[0].isdigit()] == ["1.000", "16"]
    (way,) = [line for line in lines if "cam-2 to cam-1" in line]
    assert way.split("│")[2].strip() == "-"


def test_markdown(evaluation):
    text = evaluation.markdown()
    assert "| tracking HOTA | 1.000 | 16 |" in text
    assert "| cam-1 to cam-2 | 66.0 | 66.0 | 0.0 | 0.0 | 0.0 | 1.000 | 1.000 |" in text
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 7
    assert all(len({line.count("|") for line in block}) == 1 for block in blocks)


def test_without_truth_a_value_is_none_and_never_nan():
    assert measured("tracking", "all", 0, {"HOTA": 0.0}) == [
        Row(subject="tracking", metric="HOTA", scope="all", value=None, support=0)
    ]
    with pytest.raises(ValueError, match="say None"):
        Row(subject="tracking", metric="HOTA", scope="all", value=float("nan"), support=3)


def test_figure_shows_what_was_measured(evaluation):
    figure = plot_evaluation(evaluation)
    FigureCanvasAgg(figure).draw()
    by_title = {axes.get_title(): axes for axes in figure.axes}
    heights = [bar.get_height() for bar in by_title["vehicles by camera"].patches]
    assert heights == [2, 2, 2, 2]


def test_figure_of_nothing(tmp_path):
    nothing = measure(Lake(str(tmp_path / "empty")), MadeRoad(frames={HOUR_17}))
    FigureCanvasAgg(plot_evaluation(nothing)).draw()
    FigureCanvasAgg(plot_evaluation(Evaluation(()))).draw()
