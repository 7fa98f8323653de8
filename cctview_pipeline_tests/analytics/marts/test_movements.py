"""Turning movements and queues of a day: a complete grid of what was found, with nothing said of what nobody saw."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from cctview_pipeline.analytics.marts.day import Day
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.checks import failures
from cctview_pipeline_tests.factories.day_lake import DayLake, road
from cctview_pipeline_tests.factories.tables import rows

TEN = datetime(2020, 5, 5, 14, tzinfo=UTC)
DAY = date(2020, 5, 5)
QUARTER = timedelta(minutes=15)


def made(tmp_path: Path, seen_s: float = 900.0, whole: float = 6.0, other_whole: float = 6.0, **said) -> dict[str, list[dict]]:
    """Of an hour in which 9 cars went from N to S in the first quarter, 6 buses to W, and 3 of them stood. whole: of
    the 9; other_whole: of the 6."""
    lake = DayLake(Lake(str(tmp_path / "lake")), road(1, TEN, 1, **said))
    lake.write()
    camera = lake.campaign.cameras[0].id
    place = Partition.camera_hour(camera, TEN)
    who = {"camera_id": camera, "began_at": TEN}
    lake.lake.write("camera_flows", place, rows("camera_flows", {"camera_id": camera}, {"camera_id": camera, "exit": "W"}))
    seen = {"followed": 8.0, "shared": 9.0, "whole": whole, "variance": 0.81}
    other = {"exit": "W", "label": "bus", "followed": 6.0, "shared": 6.0, "whole": other_whole, "variance": 0.0}
    lake.lake.write("movements_seen", place, rows("movements_seen", who | seen, who | other))
    stood = {"seen_s": seen_s, "stops": 3.0, "stood_s": 60.0, "longest_queue": 2.0}
    nobody = stood | {"stops": 0.0, "stood_s": 0.0, "longest_queue": 0.0}
    later = [who | nobody | {"began_at": TEN + number * QUARTER} for number in (1, 2, 3)]
    lake.lake.write("queues_seen", place, rows("queues_seen", who | stood, *later))
    found = {}
    with Day(lake.lake, lake.campaign, calendar_of(lake.campaign), DAY) as day:
        for name in ("turning_movements", "approach_queues"):
            table = day.build(name)
            assert not failures(name, table, {}, Partition.of_day(DAY)), name
            found[name] = table.to_pylist()
    return found


def first(table: list[dict], **said) -> dict:
    return next(row for row in table if all(row[name] == value for name, value in ({"began_at": TEN} | said).items()))


def test_a_quarter_without_a_vehicle_is_a_zero_of_every_movement_and_label(tmp_path):
    found = made(tmp_path)["turning_movements"]
    assert len(found) == 2 * 4 * 4, "movements, labels, quarters"
    assert (first(found, exit="S", label="car")["vehicles"], first(found, exit="W", label="car")["vehicles"]) == (8.0, 0.0)
    assert {row["status"] for row in found} == {"observed"}


def test_the_estimate_holds_who_was_not_followed_and_says_how_far_it_may_be_off(tmp_path):
    row = first(made(tmp_path)["turning_movements"], exit="S", label="car")
    assert (row["estimated"], row["error"]) == (9.0, pytest.approx(0.9))
    assert (row["lower"], row["upper"]) == (None, None), "nobody has measured the counter's own error"


def test_a_view_that_was_shown_for_part_of_the_time_is_expanded_and_surer_of_less(tmp_path):
    row = first(made(tmp_path, seen_s=600.0)["turning_movements"], exit="S", label="car")
    assert (row["status"], row["quality_note"]) == ("expanded", "the camera showed other views")
    assert row["estimated"] == pytest.approx(13.5)
    assert row["error"] > 2


def test_a_view_that_was_shown_for_less_than_half_of_it_says_nothing(tmp_path):
    found = made(tmp_path, seen_s=300.0)
    assert {row["status"] for row in found["turning_movements"]} == {"insufficient"}
    assert {row["estimated"] for row in found["turning_movements"]} == {None}
    assert {row["stops_expanded"] for row in found["approach_queues"]} == {None}


def test_a_movement_of_which_few_were_seen_from_end_to_end_has_no_number(tmp_path):
    found = made(tmp_path, whole=2.0)["turning_movements"]
    row = first(found, exit="S", label="car")
    assert (row["vehicles"], row["estimated"], row["error"]) == (8.0, None, None)
    assert (row["status"], row["seen_whole"]) == ("insufficient", pytest.approx(2 / 9))
    assert row["quality_note"] == "too few were seen from end to end"
    assert first(found, exit="W", label="bus")["status"] == "observed", "each movement stands for itself"


def test_who_stood_and_for_how_long(tmp_path):
    row = first(made(tmp_path)["approach_queues"], approach="N")
    assert (row["stops"], row["mean_stood_s"], row["longest_queue"]) == (3.0, 20.0, 2.0)
    later = first(made(tmp_path / "again")["approach_queues"], began_at=TEN + QUARTER)
    assert (later["stops"], later["mean_stood_s"]) == (0.0, None)


def test_who_stood_on_an_approach_that_few_were_seen_to_come_by_is_not_told(tmp_path):
    found = made(tmp_path, whole=1.0, other_whole=2.0)["approach_queues"]
    row = first(found, approach="N")
    assert (row["stops"], row["stops_expanded"], row["mean_stood_s"]) == (3.0, None, None)
    assert (row["status"], row["quality_note"]) == ("insufficient", "too few were seen from end to end")
    assert first(made(tmp_path / "more", whole=1.0)["approach_queues"], approach="N")["status"] == "observed", "of all its ways"
