"""Times as people read them: by the cameras' clock, also where that shows an hour twice or skips one."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.analytics.clock import Clock
from cctview_pipeline.cameras.local_time import calendar_of, zone_of
from cctview_pipeline.ids import NEW_YORK
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import campaign

AUTUMN = datetime(2020, 11, 1, 5, tzinfo=UTC)
"""When New York's clocks show 01:00 for the first time; an hour later they show it again."""
SPRING = datetime(2020, 3, 8, 7, tzinfo=UTC)
"""When they go from 02:00 to 03:00."""
CLOCK = Clock(NEW_YORK)
ZONES = (
    "America/New_York",
    "Europe/London",
    "Europe/Helsinki",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "UTC",
)
MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


OF_NETWORKS = {
    "archive": "America/New_York",
    "city": "America/New_York",
    "nyc-dot": "America/New_York",
    "replay": "America/New_York",
    "tfl": "Europe/London",
    "digitraffic": "Europe/Helsinki",
    "drivebc": "America/Vancouver",
    "hong-kong": "Asia/Hong_Kong",
    "singapore": "Asia/Singapore",
    "norway": "Europe/Oslo",
    "caltrans": "America/Los_Angeles",
    "511ny": "America/New_York",
    "511wi": "America/Chicago",
}
VIENNA = {"operator": "x", "list": "c.csv", "form": "csv", "image": "https://a.at/{id}.jpg", "timezone": "Europe/Vienna"}


@pytest.mark.parametrize(("network", "zone"), OF_NETWORKS.items())
def test_every_network_has_its_zone(network: str, zone: str):
    assert zone_of(campaign(network=network)).key == zone


def test_a_generic_network_has_the_zone_that_it_is_described_with():
    described = campaign(network="generic", settings={"source": VIENNA | {"country": "AT"}})
    calendar = calendar_of(described)
    assert (calendar.zone.key, calendar.country) == ("Europe/Vienna", "AT")
    assert calendar_of(campaign(network="tfl")).country == "GB-ENG"
    assert calendar_of(campaign(network="tfl", timezone="America/New_York")).country == "US"


def test_a_network_that_is_not_known_keeps_utc():
    assert Clock(zone_of(campaign(network="elsewhere"))).name(HOUR_17) == "UTC"


def test_the_hour_that_autumn_repeats_says_which_it_is():
    shown = [CLOCK.minute(AUTUMN + timedelta(minutes=30 * half)) for half in range(-1, 5)]
    assert shown == ["00:30", "01:00 EDT", "01:30 EDT", "01:00 EST", "01:30 EST", "02:00"]
    assert CLOCK.name(AUTUMN - timedelta(hours=5), AUTUMN + timedelta(hours=19)) == "EDT, UTC-4, then EST, UTC-5"


def test_the_hour_that_spring_skips_is_on_no_axis():
    ticks = CLOCK.ticks(SPRING - timedelta(hours=2), SPRING + timedelta(hours=2), 6)
    assert [CLOCK.minute(each) for each in ticks] == ["00:00", "01:00", "03:00", "04:00", "05:00"]


def test_a_day_that_is_longer_has_its_marks_at_round_hours():
    ticks = CLOCK.ticks(AUTUMN - timedelta(hours=1), AUTUMN + timedelta(hours=24), 10)
    assert [CLOCK.minute(each) for each in ticks] == [f"{hour % 24:02d}:00" for hour in range(0, 25, 3)]


@pytest.mark.parametrize(
    ("zone", "said"), [("Asia/Kolkata", "IST, UTC+5:30"), ("America/Sao_Paulo", "UTC-3"), ("Europe/London", "BST, UTC+1")]
)
def test_zones_are_named_as_people_name_them(zone: str, said: str):
    assert Clock(ZoneInfo(zone)).name(HOUR_17) == said


@given(at=MOMENTS, zone=st.sampled_from(ZONES), more=st.integers(1, 200_000))
def test_no_two_moments_of_a_day_look_the_same_and_marks_are_round(at: datetime, zone: str, more: int):
    """Before the abbreviation, the hour that is repeated looks twice the same."""
    clock = Clock(ZoneInfo(zone))
    later = at + timedelta(seconds=min(more, 23 * 3600 - 1))
    assert (clock.local(at).date(), clock.moment(at)) != (clock.local(later).date(), clock.moment(later)) or at == later
    for tick in clock.ticks(at, at + timedelta(seconds=more), 12):
        assert at <= tick <= at + timedelta(seconds=more)
        assert (clock.local(tick).second, clock.local(tick).microsecond) == (0, 0)
