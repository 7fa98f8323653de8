"""What a lake holds, counted."""

import io
import json
from datetime import timedelta

import pytest
from rich.console import Console

from cctview_pipeline.analytics.summary import Summary, summarise
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows

NEXT = HOUR_17 + timedelta(hours=1)
COUNTS = {"raw_frames": 5, "rejected_frames": 1, "detections": 9, "crops": 7, "features": 7, "tracks": 3}
JOURNEYS = [("j1", 0, "cam-2"), ("j1", 1, "cam-1"), ("j2", 0, "cam-1"), ("j3", 0, "cam-1"), ("j3", 0, "cam-1")]


@pytest.fixture
def lake(tmp_path) -> Lake:
    """A full hour of cam-1, one frame in the hour after it, nothing of cam-2."""
    lake = Lake(str(tmp_path / "lake"))
    for table, count in COUNTS.items():
        lake.write(table, Partition.camera_hour("cam-1", HOUR_17), rows(table, *({} for _ in range(count))))
    matches = ({"gap_s": 60.0, "probability": 0.6}, {"gap_s": 80.0, "probability": 0.8}, {"assigned": False})
    lake.write("matches", Partition.camera_hour("cam-1", HOUR_17), rows("matches", *matches))
    times = ({"vehicles": 1, "median_s": 60.0}, {"vehicles": 3, "median_s": 80.0, "began_at": HOUR_17 + timedelta(minutes=15)})
    lake.write("travel_times", Partition.of_day(HOUR_17.date()), rows("travel_times", *times, {"began_at": NEXT, "vehicles": 90}))
    lake.write("raw_frames", Partition.camera_hour("cam-1", NEXT), rows("raw_frames", {"captured_at": NEXT}))
    journeys = ({"journey_id": j, "leg": leg, "camera_id": camera} for j, leg, camera in JOURNEYS)
    lake.write("journeys", Partition.of_hour(HOUR_17), rows("journeys", *journeys))
    return lake


def test_counts_by_camera(lake):
    first, second = summarise(lake, ["cam-2", "cam-1"], [HOUR_17]).cameras
    assert (first["camera"], second["camera"]) == ("cam-2", "cam-1")
    names = ("frames", "rejected", "detections", "crops", "features", "tracks", "matched")
    assert [second[name] for name in names] == [5, 1, 9, 7, 7, 3, 2]
    assert [first[name] for name in names] == [0] * 7
    assert first["first_frame"] is None


def test_only_the_hours_asked_for(lake):
    assert [summarise(lake, ["cam-1"], hours).cameras[0]["frames"] for hours in ([HOUR_17], [NEXT], [HOUR_17, NEXT])] == [5, 1, 6]
    both = summarise(lake, ["cam-1"], [HOUR_17, NEXT]).cameras[0]
    assert both["last_frame"] - both["first_frame"] == timedelta(minutes=59, seconds=58)


def test_ways_between_neighbours(lake):
    (way,) = summarise(lake, ["cam-1", "cam-2"], [HOUR_17]).travel
    assert (way["from"], way["to"], way["vehicles"], way["usual_s"]) == ("cam-2", "cam-1", 4, 75)
    assert summarise(lake, ["cam-2"], [HOUR_17]).travel == []


def test_journeys(lake):
    found = summarise(lake, ["cam-1"], [HOUR_17]).journeys
    assert found == {"journeys": 3, "over_two_or_more_cameras": 1, "most_cameras": 2}


def test_empty_lake_is_all_zero(tmp_path):
    found = summarise(Lake(str(tmp_path)), ["cam-1"], [HOUR_17])
    assert found.cameras[0]["frames"] == 0
    assert found.travel == []
    assert found.journeys == {"journeys": 0, "over_two_or_more_cameras": 0, "most_cameras": 0}


def shown(summary: Summary) -> str:
    console = Console(file=io.StringIO(), width=120)
    for table in summary.tables():
        console.print(table)
    return console.file.getvalue()


def test_table_for_a_terminal_has_a_row_a_camera_and_one_for_all(lake):
    text = shown(summarise(lake, ["cam-1", "cam-2"], [HOUR_17]))
    (total,) = [line for line in text.splitlines() if " all " in line]
    assert [word for word in total.split() if word.isdigit()] == ["5", "1", "9", "7", "3", "0", "2"]
    assert "75 s" in text


def test_dict_for_a_program(lake):
    found = summarise(lake, ["cam-1"], [HOUR_17]).as_dict()
    assert json.loads(json.dumps(found, default=str))["cameras"][0]["frames"] == 5
