"""What lights the city: the sun by date and hour, the sky, street lamps, rain."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

LATITUDE, LONGITUDE = 40.73, -73.97


@dataclass(frozen=True, kw_only=True)
class Light:
    """sun_from (3,): unit vector towards the sun (x west, y south, z up: the road runs north to south);
    sun, sky (3,): linear light of each on a surface that faces it; night: 0 by day to 1; wet: 0 dry to 1;
    cloud: share of the sky that is covered."""

    sun_from: np.ndarray
    sun: np.ndarray
    sky: np.ndarray
    night: float
    wet: float
    cloud: float


def sun_position(moment: datetime, latitude: float = LATITUDE, longitude: float = LONGITUDE) -> tuple[float, float]:
    """Elevation and azimuth (clockwise from north) in radians, to about a degree; latitude, longitude: degrees, the city's when
    left out.

    Source: Meeus, Astronomical Algorithms, ch. 25, low accuracy, without the equation of time's small terms.
    """
    days = (moment.timestamp() - 946_728_000) / 86_400  # since noon of 2000-01-01
    anomaly = np.radians(357.528 + 0.9856003 * days)
    ecliptic = np.radians(280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439)
    right_ascension = np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(tilt) * np.sin(ecliptic))
    sidereal = np.radians((280.46062 + 360.98564737 * days + longitude) % 360)
    hour_angle = sidereal - right_ascension
    latitude = np.radians(latitude)
    elevation = np.arcsin(np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle))
    azimuth = np.arctan2(-np.sin(hour_angle), np.tan(declination) * np.cos(latitude) - np.sin(latitude) * np.cos(hour_angle))
    return float(elevation), float(azimuth)


def light_at(seed: int, moment: datetime, rain: bool, night: bool) -> Light:
    """The light at a moment. rain: overcast and wet; night: dark whatever the hour."""
    elevation, azimuth = sun_position(moment)
    if night:
        elevation = np.radians(-20)
    rng = np.random.default_rng((seed, 13, moment.date().toordinal()))
    cloud = 0.97 if rain else float(rng.beta(0.6, 1.4))
    height = np.sin(elevation)
    day = float(np.clip((height + 0.10) / 0.20, 0, 1))
    direct = float(np.clip(height / 0.25, 0, 1)) ** 0.7 * (1 - cloud) ** 1.3
    warm = np.array([1.0, 0.93 - 0.25 * (1 - np.clip(height / 0.5, 0, 1)), 0.84 - 0.45 * (1 - np.clip(height / 0.5, 0, 1))])
    blue = np.array([0.80, 0.93, 1.15]) * (1 - cloud) + np.array([0.98, 1.0, 1.02]) * cloud
    sky = blue * (0.26 + 0.30 * cloud) * day * (0.5 + 0.5 * np.clip(height / 0.6, 0, 1)) + np.array([0.010, 0.009, 0.010])
    low = max(height, 0.05)
    flat = np.sqrt(1 - low**2)
    # x points west, y south.
    sun_from = np.array([-flat * np.sin(azimuth), -flat * np.cos(azimuth), low])
    return Light(sun_from=sun_from, sun=1.9 * direct * warm, sky=sky, night=1 - day, wet=0.9 if rain else 0.0, cloud=cloud)


def exposure(mean: float, light: Light) -> float:
    """The gain that a camera's automatic chooses for a picture of this mean linear light; at night it gives up early."""
    return 0.33 / (mean + 0.015 + 0.05 * light.night)
