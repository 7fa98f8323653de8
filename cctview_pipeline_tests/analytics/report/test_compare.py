"""Two times side by side: only what can be used in both, and how sure the difference is."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.analytics.report.compare import Comparison, Side, compare
from cctview_pipeline.analytics.report.compared import page, table_of
from cctview_pipeline.analytics.report.windows import read_window, type_of
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.errors import ConfigurationError, NotFoundError
from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.day_lake import DayLake, road
from cctview_pipeline_tests.factories.reported import make_marts

MONDAY = date(2020, 5, 4)
CAMPAIGN = road(2, datetime(2020, 5, 4, 14, tzinfo=UTC), 50)
CALENDAR = calendar_of(CAMPAIGN)


def live(camera: str, began: datetime) -> float:
    """On Monday from 11:00 to 12:00 the second camera sees nothing."""
    return 0.0 if camera == "road-2" and began.day == 4 and began.hour == 15 else 900.0


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Three hours a day: Monday and Tuesday with 100 vehicles an hour and side, Wednesday with 200 of them, at 30 km/h instead of
    60."""
    lake = Lake(str(tmp_path_factory.mktemp("compare") / "lake"))
    lake.write_campaign(CAMPAIGN)
    for number, (per_hour, kmh) in enumerate([(100, 60), (100, 60), (200, 30)]):
        hours = road(2, datetime(2020, 5, 4 + number, 14, tzinfo=UTC), 3)
        DayLake(lake, hours, per_hour=per_hour, kmh=kmh, live=live, seed=number).write()
        make_marts(lake, CAMPAIGN, MONDAY + timedelta(days=number))
    return lake


def compared(lake: Lake, first: str, second: str) -> Comparison:
    return compare(lake, CALENDAR, read_window(first, CALENDAR), read_window(second, CALENDAR))


def side(found: Comparison, name: str) -> Side:
    return next(each for each in found.sides if each.measure.name == name)


def test_a_road_that_has_filled(lake: Lake):
    found = compared(lake, "2020-05-04..2020-05-05", "2020-05-06..2020-05-06")
    row = side(found, "flows").rows[0]
    assert row.of == ("road-1", "N")
    assert row.relative == pytest.approx(1.0, abs=0.25)
    assert row.lower < row.difference < row.upper
    assert row.is_sure
    slower = next(row for row in side(found, "travel times").rows if row.of[2] == "N")
    assert slower.difference == pytest.approx(30, rel=0.15)
    assert side(found, "speeds").rows[0].difference == pytest.approx(-30, rel=0.15)
    assert any("one day of a type" in note for note in found.notes)


def test_nothing_that_one_time_lacks_counts_in_the_other(lake: Lake):
    """Monday lacks an hour of the second camera, and the window begins at its 10:00."""
    found = side(compared(lake, "2020-05-04..2020-05-04", "2020-05-05..2020-05-05"), "flows")
    quarters = {row.of: row.matched for row in found.rows}
    assert quarters[("road-1", "N")] == 12
    assert quarters[("road-2", "N")] == 8
    nothing = {"first: no such quarter in it, second: no data": 4 * 40, "first: no data, second: no data": 4 * 44}
    assert found.dropped == nothing | {"first: no data": 2 * 4}
    assert found.matched == 2 * (12 + 8)


def test_the_same_hours_of_two_days_by_the_cameras_clock(lake: Lake):
    found = side(compared(lake, "2020-05-04T12:00..2020-05-04T13:00", "2020-05-05T16:00Z..2020-05-05T17:00Z"), "flows")
    assert {row.matched for row in found.rows} == {4}
    assert not found.dropped


def test_a_time_against_itself_has_not_changed(lake: Lake):
    for each in compared(lake, "2020-05-05..2020-05-05", "2020-05-05..2020-05-05").sides:
        assert {row.difference for row in each.rows} <= {0.0, None}
        assert not any(row.is_sure for row in each.rows)


def test_days_that_differ_much_widen_the_interval(lake: Lake):
    """Tuesday and Wednesday together differ more from each other than either's own intervals leave open."""
    alone = side(compared(lake, "2020-05-05..2020-05-05", "2020-05-05..2020-05-05"), "flows").rows[0]
    mixed = side(compared(lake, "2020-05-05..2020-05-05", "2020-05-05..2020-05-06"), "flows").rows[0]
    assert mixed.upper - mixed.lower > 1.5 * (alone.upper - alone.lower)


def test_it_is_told_as_json_as_tables_and_as_a_page(lake: Lake):
    found = compared(lake, "2020-05-04..2020-05-05", "2020-05-06..2020-05-06")
    said = json.loads(json.dumps(found.to_json(), default=str))
    assert [each["measure"] for each in said["measures"]] == ["flows", "counts by label", "speeds", "travel times"]
    assert table_of(found.sides[0]).head[0] == "of"
    html = page(found, Clock(CALENDAR.zone), "Road").decode()
    assert html.count("<caption>") == 4
    assert "://" not in html
    assert "<script" not in html


def test_times_that_have_nothing_in_common_are_refused(lake: Lake):
    with pytest.raises(ConfigurationError, match="no quarter of the day of one type in common"):
        compared(lake, "2020-05-05T10:00..2020-05-05T12:00", "2020-05-05T12:00..2020-05-05T14:00")
    with pytest.raises(NotFoundError, match=r"No day of 2020-06-01\.\.2020-06-02 has marts"):
        compared(lake, "2020-05-05..2020-05-05", "2020-06-01..2020-06-02")


@pytest.mark.parametrize(
    "text", ["", "2020-05-05", "2020-05-05..", "yesterday..today", "2020-05-05..2020-05-04", "2020-05-05T10..2020-05-05T10"]
)
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(ConfigurationError, match="write"):
        read_window(text, CALENDAR)


def test_days_and_types(tmp_path: Path):
    window = read_window("2020-10-31..2020-11-01", CALENDAR)
    assert window.end - window.begin == timedelta(hours=49)  # autumn's hour comes twice
    assert window.days(CALENDAR) == [date(2020, 10, 31), date(2020, 11, 1)]
    assert [type_of(date(2020, 7, day), CALENDAR) for day in (2, 3, 5)] == [
        "weekdays",
        "weekends and holidays",
        "weekends and holidays",
    ]
