"""Days, quarters of an hour and periods by a local clock."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.local_calendar import BIN, LocalCalendar, check_country, check_zone
from cctview_pipeline.partitions import Partitions
from cctview_pipeline_tests.factories.day_lake import road

NEW_YORK = LocalCalendar(ZoneInfo("America/New_York"), "US-NY")
SPRING, AUTUMN = date(2020, 3, 8), date(2020, 11, 1)


@pytest.mark.parametrize(("day", "bins", "hours"), [(SPRING, 92, 23), (AUTUMN, 100, 25), (date(2020, 5, 5), 96, 24)])
def test_a_day_has_as_many_quarters_as_its_clock_shows(day, bins, hours):
    assert (len(NEW_YORK.bins(day)), len(NEW_YORK.hours(day))) == (bins, hours)


def test_in_the_hour_that_autumn_repeats_no_two_quarters_are_written_alike():
    said = [NEW_YORK.local(began) for began in NEW_YORK.bins(AUTUMN)]
    assert len(set(said)) == 100
    assert {"2020-11-01T01:00-04:00", "2020-11-01T01:00-05:00"} <= set(said)


def test_a_zone_half_an_hour_off_has_a_day_that_begins_within_an_hour():
    india = LocalCalendar(ZoneInfo("Asia/Kolkata"))
    assert india.begin(date(2026, 1, 26)) == datetime(2026, 1, 25, 18, 30, tzinfo=UTC)
    assert len(india.hours(date(2026, 1, 26))) == 25
    assert len(india.bins(date(2026, 1, 26))) == 96


ZONES = st.sampled_from(
    ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia", "America/Sao_Paulo", "Australia/Lord_Howe"]
)


@given(ZONES, st.dates(date(1995, 1, 1), date(2035, 1, 1)))
def test_days_follow_each_other_without_a_hole_and_their_quarters_fill_them(zone, day):
    calendar = LocalCalendar(ZoneInfo(zone))
    begin, end, bins = calendar.begin(day), calendar.end(day), calendar.bins(day)
    assert end == calendar.begin(day + timedelta(days=1))
    if bins:  # Samoa had no 30 December 2011
        assert (bins[0], bins[-1] + BIN) == (begin, end)
        assert {calendar.day_of(began) for began in bins} == {day}
    assert all(hour < end and hour + timedelta(hours=1) > begin for hour in calendar.hours(day))


@pytest.mark.parametrize(
    ("local", "period"),
    [("2026-11-27T05:59", "night"), ("2026-11-27T06:00", "am"), ("2026-11-27T15:59", "midday"), ("2026-11-27T16:00", "pm"),
     ("2026-11-27T20:00", "evening"), ("2026-11-28T08:00", "weekend")],
)  # fmt: skip
def test_periods_are_those_of_local_time(local, period):
    assert NEW_YORK.period(datetime.fromisoformat(local).replace(tzinfo=NEW_YORK.zone)) == period


def test_holidays_are_the_countrys():
    assert NEW_YORK.holiday(date(2026, 7, 4)) == "Independence Day"
    assert NEW_YORK.holiday(date(2026, 7, 7)) is None
    assert LocalCalendar(NEW_YORK.zone).holiday(date(2026, 7, 4)) is None


@pytest.mark.parametrize("name", ["Mars/Olympus", "../passwd", "America", ""])
def test_what_is_no_zone_is_refused_with_the_mend(name):
    with pytest.raises(ConfigurationError, match="IANA name"):
        check_zone(name, "campaign.toml")


@pytest.mark.parametrize("code", ["XX", "US-ZZ", "united states"])
def test_a_country_whose_holidays_nobody_knows_is_refused(code):
    with pytest.raises(ConfigurationError, match="ISO 3166"):
        check_country(code, "campaign.toml")


def test_a_campaigns_days_are_over_when_their_last_local_hour_is_in_any_season():
    campaign = road(1, datetime(2020, 5, 5, 3, tzinfo=UTC), 30)  # 23:00 on 4 May in New York
    nearly = datetime(2020, 5, 6, 4, 59, tzinfo=UTC)  # midnight in summer, and not yet in winter
    assert campaign.days(NEW_YORK, nearly) == [date(2020, 5, 4)]
    assert campaign.days(NEW_YORK, nearly + timedelta(minutes=1)) == [date(2020, 5, 4), date(2020, 5, 5)]
    assert campaign.days(NEW_YORK, campaign.start) == []


@pytest.mark.parametrize("timezone", ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Asia/Singapore", "UTC"])
def test_dagster_knows_every_day_that_is_over_and_maps_its_hours(timezone):
    """It cuts days in UTC, whatever the clock."""
    campaign = replace(road(1, datetime(2026, 1, 5, 3, tzinfo=UTC), 24 * 200, timezone=timezone), end=None)
    calendar, partitions = calendar_of(campaign), Partitions.of(campaign)
    for now in (datetime(2026, 1, 9, hour, 30, tzinfo=UTC) for hour in range(24)):
        days = campaign.days(calendar, now)
        assert {str(day) for day in days} <= set(partitions.days.get_partition_keys(current_time=now))
        with partition_loading_context(effective_dt=now):
            last = partitions.days.subset_with_partition_keys([str(days[-1])])
            found = partitions.hours_of_day.get_upstream_mapped_partitions_result_for_partitions(
                last, partitions.days, partitions.hours
            )
        assert set(map(format_hour, calendar.hours(days[-1]))) <= set(found.partitions_subset.get_partition_keys())
