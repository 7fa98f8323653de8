"""One rule says which hours are over: what a campaign calls made is what Dagster has partitions for, whatever the clock says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import GRACE, HOUR, Campaign, is_over, touching
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.partitions import Partitions, fits_one_run
from cctview_pipeline_tests.factories.tables import NORTH

NOON = datetime(2020, 5, 5, 12, tzinfo=UTC)
spans = st.integers(-80, 80)


def campaign(start: datetime, end: datetime | None) -> Campaign:
    return Campaign(name="hours", network="archive", start=start, end=end, cameras=(NORTH,), path="/archive")


@given(
    spans, st.one_of(st.none(), st.integers(1, 90)), st.integers(-60, 60).map(lambda minutes: NOON + timedelta(minutes=minutes))
)
def test_hours_and_days_are_those_that_dagster_has(start: int, hours: int | None, now: datetime):
    begin = NOON + start * HOUR
    found = campaign(begin, hours and begin + hours * HOUR)
    partitions = Partitions.of(found)
    known = partitions.hours.get_partition_keys(now - GRACE)
    days = partitions.days.get_partition_keys(now - GRACE)
    assert [format_hour(hour) for hour in found.hours(now)] == list(known)
    assert [day.isoformat() for day in found.days(calendar_of(found), now)] == list(days)


def test_a_window_that_reaches_into_the_future_has_only_hours_that_are_over():
    now = NOON + timedelta(minutes=90)
    assert campaign(NOON, NOON + 1000 * HOUR).hours(now) == [NOON]


def test_how_a_backfill_is_cut_does_not_change_while_hours_end():
    assert not fits_one_run(campaign(NOON, datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + 3 * HOUR))
    ahead = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + 3 * HOUR
    assert campaign(ahead, ahead + 3 * HOUR).size == 3
    assert not fits_one_run(campaign(ahead, ahead + 3 * HOUR))


@pytest.mark.parametrize(("seconds", "over"), [(-1, False), (0, True)])
def test_an_hour_is_over_when_its_last_frames_must_have_come(seconds: int, over: bool):
    assert is_over(NOON, NOON + HOUR + GRACE + timedelta(seconds=seconds)) is over


def test_hours_touch_a_span_that_has_a_part_of_them():
    hours = [NOON + n * HOUR for n in range(4)]
    assert touching(hours, NOON + 1.5 * HOUR, NOON + 2 * HOUR) == hours[1:2]
    assert touching(hours, None, None) == hours
