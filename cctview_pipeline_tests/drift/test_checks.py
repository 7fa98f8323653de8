"""The same as Dagster's asset checks and as a command."""

import json

import dagster as dg
import pytest
import typer
from typer.testing import CliRunner

from cctview_pipeline.assets.drift import Day
from cctview_pipeline.cli.drift import drift
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.drifting_hours import write_hour
from cctview_pipeline_tests.factories.jobs import archive_campaign


def evaluations(lake: Lake, day: str = "") -> dict[str, dg.AssetCheckEvaluation]:
    """check -> its verdict, of a run of the job in an instance of its own."""
    config = dg.RunConfig({"detector_model_score_drift": Day(day=day), "extractor_model_embedding_drift": Day(day=day)})
    job = build_definitions(archive_campaign()).resolve_job_def("drift")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(run_config=config, instance=instance)
        assert result.success
        return {found.check_name: found for found in result.get_asset_check_evaluations()}


def test_a_changed_hour_is_a_warning_with_its_camera_first(references, lake: Lake):
    write_hour(lake, "cam-1")
    write_hour(lake, "cam-2", night=True)
    found = evaluations(lake)
    assert found.keys() == {"score_drift", "embedding_drift"}
    for check in found.values():
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.WARN
        assert not check.blocking
        first = check.metadata["label_these_next"].records[0].data
        assert (first["camera"], first["hour"], first["verdict"]) == ("cam-2", "2020-05-05T17", "drift")
        assert "Label these next: cam-2 at 2020-05-05T17" in check.description
    assert found["score_drift"].metadata["drifted"].value == 1


def test_a_day_like_training_and_an_empty_lake_pass(references, lake: Lake):
    assert all(check.passed and "yet" in check.description for check in evaluations(lake).values())
    write_hour(lake, "cam-1", HOUR_17)
    for day in ("", "2020-05-05"):
        assert all(check.passed and check.metadata["day"].value == "2020-05-05" for check in evaluations(lake, day).values())


def test_no_run_over_camera_hours_looks_for_drift(lake: Lake):
    """Dagster adds all checks of an asset to a backfill's runs, so these are checks of the models."""
    graph = build_definitions(archive_campaign()).get_repository_def().asset_graph
    made = {key.name for key in dg.AssetSelection.assets("detections", "features").resolve_checks(graph)}
    assert "boxes_inside_frame" in made
    assert made.isdisjoint({"score_drift", "embedding_drift"})


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(drift)
    return lambda *arguments: CliRunner().invoke(app, list(arguments), catch_exceptions=True)


def test_the_command_prints_tables_and_what_to_label(references, lake: Lake, run):
    write_hour(lake, "cam-1")
    write_hour(lake, "cam-2", night=True)
    text = run().output
    assert text.index("cam-2") < text.index("cam-1")
    assert "cctview train detector --teacher NAME --from-lake --cameras cam-2 --from 2020-05-05T17 --to 2020-05-05T18" in text
    scores, looks = json.loads(run("--day", "2020-05-05", "--json").output)
    assert [f["verdict"] for f in scores["findings"]] == ["drift", "like training"] == [f["verdict"] for f in looks["findings"]]
    assert scores["findings"][0]["hour"] == "2020-05-05T17"


def test_the_command_refuses_with_a_sentence(references, lake: Lake, run):
    empty, wrong = run().exception, run("--day", "5 May").exception
    assert isinstance(empty, CctviewError)
    assert "has no detections yet" in str(empty)
    assert isinstance(wrong, CctviewError)
    assert "YYYY-MM-DD, not '5 May'" in str(wrong)
