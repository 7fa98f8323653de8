"""Verdicts that are the truth's give the truth's figures; and what is not there any more is counted and left out."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from cctview_pipeline.cli.app import app
from cctview_pipeline.evaluate import evaluate, evaluate_verdicts, judged_hours
from cctview_pipeline.evaluate.journeys import BINS
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.privacy.forgetting import erase, of_span
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.known_road import CAMERAS, THRESHOLD, Driver, MadeRoad, make_road
from cctview_pipeline_tests.factories.tables import campaign, rows


@pytest.fixture
def road() -> MadeRoad:
    """Twelve vehicles; of every third the match has a wrong vehicle, and probabilities are of all kinds."""
    road = make_road(*(Driver(n, 20 * n, south=n % 2 > 0) for n in range(12)))
    matches = list(road.matches.values())
    for number, match in enumerate(matches):
        match["probability"] = (0.05 + 0.13 * number) % 1
    for one, other in zip(matches[:4:2], matches[2:6:2], strict=True):
        one["gallery_track_id"], other["gallery_track_id"] = other["gallery_track_id"], one["gallery_track_id"]
    for match in matches[6:8]:
        match["assigned"] = False
    return road


@pytest.fixture
def lake(tmp_path, road: MadeRoad) -> Lake:
    return road.write(Lake(str(tmp_path / "lake")))


def vehicle_of(road: MadeRoad) -> dict[str, str]:
    return {row["track_id"]: vehicle for (vehicle, _), row in road.tracks.items()}


def say_the_truth(lake: Lake, road: MadeRoad, people: Iterable[str] = ("anna",)) -> None:
    true = vehicle_of(road)
    for camera in CAMERAS:
        words = [
            {"query_track_id": row["query_track_id"], "gallery_track_id": row["gallery_track_id"], "said_by": person}
            | {"verdict": "same" if true[row["query_track_id"]] == true[row["gallery_track_id"]] else "different"}
            | {"said_at": HOUR_17 + timedelta(hours=1)}
            for (_, at), row in road.matches.items()
            if at == camera
            for person in people
        ]
        lake.write("verdicts", Partition.camera_hour(camera, HOUR_17), rows("verdicts", *words))


def test_verdicts_of_the_truth_give_the_figures_of_the_truth(lake: Lake, road: MadeRoad):
    """Of every chosen match, by way and by bin of its probability."""
    chosen = {key: row for key, row in road.matches.items() if row.get("assigned", True)}
    road.matches = chosen
    road.write(lake)
    say_the_truth(lake, road)
    truth, judged = evaluate(lake, CAMERAS, [HOUR_17], THRESHOLD), evaluate_verdicts(lake, judged_hours(lake))
    for scope in ("all", "cam-1 to cam-2", "cam-2 to cam-1"):
        assert judged.value("verdicts", "match_precision", scope) == truth.value("journeys", "match_precision", scope)
    assert 0 < judged.value("verdicts", "match_precision") < 1
    for scope in ["all", *(f"{n / BINS:.1f}-{(n + 1) / BINS:.1f}" for n in range(BINS))]:
        for metric in ("ECE", "mean_probability", "share_right"):
            assert judged.value("verdicts_calibration", metric, scope) == truth.value("calibration", metric, scope)
    assert judged.value("verdicts", "pairs") == len(chosen)


def test_recall_is_of_the_pairs_that_are_one_vehicle(lake: Lake, road: MadeRoad):
    say_the_truth(lake, road)
    true = vehicle_of(road)
    same = [row for row in road.matches.values() if true[row["query_track_id"]] == true[row["gallery_track_id"]]]
    found = [row.get("assigned", True) for row in same]
    judged = evaluate_verdicts(lake, judged_hours(lake))
    assert judged.value("verdicts", "match_recall") == sum(found) / len(same) < 1
    assert len({*found}) == 2


def test_people_who_disagree_are_counted_and_left_out(lake: Lake, road: MadeRoad):
    say_the_truth(lake, road, ["anna", "ben"])
    place = Partition.camera_hour("cam-2", HOUR_17)
    words = lake.read("verdicts", place).to_pylist()
    turned = {"same": "different", "different": "same"}
    words[1]["verdict"] = turned[words[1]["verdict"]]
    lake.write("verdicts", place, rows("verdicts", *words))
    judged = evaluate_verdicts(lake, judged_hours(lake))
    assert [judged.value("verdicts", name) for name in ("people", "disputed", "pairs", "gone")] == [2, 1, 11, 0]
    assert judged.value("verdicts", "agreement") == pytest.approx(11 / 12)


def test_pairs_of_tracks_that_are_gone_are_counted_and_left_out(lake: Lake, road: MadeRoad):
    say_the_truth(lake, road)
    place = Partition.camera_hour("cam-1", HOUR_17)
    tracks = lake.read("tracks", place)
    lake.write("tracks", place, tracks.slice(1))
    judged = evaluate_verdicts(lake, judged_hours(lake))
    assert (judged.value("verdicts", "gone"), judged.value("verdicts", "pairs")) == (1, 11)


def test_a_pair_that_is_no_candidate_any_more_was_missed(lake: Lake, road: MadeRoad):
    say_the_truth(lake, road)
    before = evaluate_verdicts(lake, judged_hours(lake)).value("verdicts", "match_recall")
    for camera in CAMERAS:
        place = Partition.camera_hour(camera, HOUR_17)
        lake.write("matches", place, lake.read("matches", place).slice(0, 0))
    after = evaluate_verdicts(lake, judged_hours(lake))
    assert after.value("verdicts", "match_recall") == 0 < before
    assert after.value("verdicts", "match_precision") is None


def test_what_is_erased_has_no_verdict_any_more(lake: Lake, road: MadeRoad):
    say_the_truth(lake, road)
    before = evaluate_verdicts(lake, judged_hours(lake)).value("verdicts", "pairs")
    begin, end = HOUR_17, HOUR_17 + timedelta(seconds=30)
    asked = of_span(lake, campaign(), ["cam-1"], begin, end, "letter 3", HOUR_17 + timedelta(hours=2))
    graph = {table: set() for table in ("detections", "tracks", "matches", "verdicts")}
    erase(lake, campaign(), asked, graph)
    after = evaluate_verdicts(lake, judged_hours(lake))
    assert 0 < after.value("verdicts", "pairs") < before
    assert after.value("verdicts", "gone") == 0


def test_nobody_said_anything(lake: Lake):
    assert evaluate_verdicts(lake, judged_hours(lake)).rows == ()


def test_real_cameras_are_evaluated_by_what_people_said(lake: Lake, road: MadeRoad, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_LAKE", lake.uri)
    refused = CliRunner().invoke(app, ["evaluate"])
    assert refused.exit_code == 1
    say_the_truth(lake, road)
    told = CliRunner().invoke(app, ["evaluate", "--markdown"]).output
    assert "**Against people's verdicts**" in told
    assert "| cam-1 to cam-2 |" in told
    assert "no random sample" in told
    assert "Against the truth" not in told
