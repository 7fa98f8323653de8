"""The sun against an almanac, and the light that follows from it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.city.light import LATITUDE, exposure, light_at, sun_position

RISE = np.radians(-0.833)
"""Elevation of the sun's centre when its upper edge is on the horizon: refraction and half its diameter."""

moments = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


def noon(day: datetime) -> datetime:
    """When the sun is highest, to the minute."""
    return max((day + timedelta(minutes=i) for i in range(24 * 60)), key=lambda moment: sun_position(moment)[0])


def when(day: datetime, begin: int, end: int) -> datetime:
    """The minute in which the sun crosses the horizon between two hours (UTC) of a day."""
    minutes = [day + timedelta(minutes=i) for i in range(60 * begin, 60 * end)]
    return min(minutes, key=lambda moment: abs(sun_position(moment)[0] - RISE))


# Sunrise, sunset and solar noon of New York as almanacs print them, UTC.
@pytest.mark.parametrize(
    ("day", "rise", "highest", "sets", "elevation"),
    [
        ("2020-06-20", "09:25", "16:58", "24:31", 72.7),
        ("2020-12-21", "12:17", "16:54", "21:32", 25.8),
        ("2020-03-20", "11:00", "17:03", "23:08", 49.3),
        ("2025-06-03", "09:26", "16:54", "24:22", 71.6),
    ],
)
def test_sunrise_noon_and_sunset_are_those_of_the_almanac(day, rise, highest, sets, elevation):
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)

    def at(clock: str) -> datetime:
        hours, minutes = map(int, clock.split(":"))
        return midnight + timedelta(hours=hours, minutes=minutes)

    assert abs(when(midnight, 8, 14) - at(rise)) <= timedelta(minutes=4)
    assert abs(when(midnight, 20, 27) - at(sets)) <= timedelta(minutes=4)
    assert abs(noon(midnight) - at(highest)) <= timedelta(minutes=4)
    up, azimuth = np.degrees(sun_position(at(highest)))
    assert up == pytest.approx(elevation, abs=0.4)
    assert azimuth % 360 == pytest.approx(180, abs=3)


@given(moment=moments)
def test_the_sun_goes_from_east_over_south_to_west(moment):
    elevation, azimuth = np.degrees(sun_position(moment))
    later, further = np.degrees(sun_position(moment + timedelta(minutes=10)))
    assert abs(later - elevation) <= 2.6, "a quarter of a degree a minute"
    assert elevation <= 90 - LATITUDE + 23.5
    assert 0 < (further - azimuth) % 360 < 12, "clockwise"


@given(moment=moments, rain=st.booleans(), night=st.booleans(), seed=st.integers(0, 9999))
def test_light_is_light(moment, rain, night, seed):
    light = light_at(seed, moment, rain, night)
    assert np.linalg.norm(light.sun_from) == pytest.approx(1)
    assert light.sun_from[2] > 0, "shadows end"
    assert (light.sun >= 0).all()
    assert (light.sky > 0).all()
    assert 0 <= light.night <= 1
    assert 0 <= light.cloud <= 1
    if night:
        assert light.night == 1
        assert light.sun.max() == 0
    if rain:
        assert light.sun.max() < 0.03
        assert light.wet > 0.5


def test_morning_light_comes_from_the_east():
    """x points west and y south: the sun of the morning has x < 0, that of noon y > 0, that of the evening x > 0."""
    day = datetime(2020, 6, 20, tzinfo=UTC)
    morning, midday, evening = (light_at(1000, day.replace(hour=hour), False, False).sun_from for hour in (12, 17, 22))
    assert morning[0] < -0.5
    assert midday[1] > 0.2
    assert abs(midday[0]) < 0.1
    assert evening[0] > 0.5
    assert midday[2] > max(morning[2], evening[2])


def test_low_light_is_warmer_and_weaker():
    day = datetime(2020, 6, 20, tzinfo=UTC)
    early, midday = (light_at(1000, day.replace(hour=hour), False, False) for hour in (10, 17))
    assert early.sun[2] / early.sun[0] < 0.8 * midday.sun[2] / midday.sun[0]
    assert early.sun.max() < midday.sun.max()
    assert early.night < 0.2


def test_an_hour_without_sun_is_night_without_asking_for_it():
    assert light_at(1000, datetime(2020, 6, 20, 4, tzinfo=UTC), False, False).night == 1


def test_the_exposure_gives_up_at_night():
    day = light_at(1000, datetime(2020, 6, 20, 17, tzinfo=UTC), False, False)
    dark = light_at(1000, datetime(2020, 6, 20, 17, tzinfo=UTC), False, True)
    assert 0.4 * exposure(0.4, day) == pytest.approx(0.33, rel=0.05)
    assert 0.01 * exposure(0.01, dark) < 0.1
