"""Days, quarters of an hour and periods by the clock that people read beside the cameras. Everything is stored in UTC."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cctview_pipeline.errors import ConfigurationError, printable

BIN, _HOUR, _DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
PERIODS = {"am": (6, 10), "midday": (10, 16), "pm": (16, 20), "evening": (20, 24), "night": (0, 6)}
"""Local hours [from, to) of Monday to Friday; a Saturday's and a Sunday's are all ``weekend``. The first three and the weekend's
6 to 20 are those of 23 CFR 490.511."""


@dataclass(frozen=True)
class LocalCalendar:
    """zone: the cameras'; country: whose holidays they are, as ``US`` or ``US-NY``; empty where none are known."""

    zone: ZoneInfo
    country: str = ""

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def begin(self, day: date) -> datetime:
        """UTC of the day's first moment, also where clocks skip midnight."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def end(self, day: date) -> datetime:
        return self.begin(day + _DAY)

    @property
    def behind_h(self) -> int:
        """Hours that its clocks are behind UTC at most, whatever the season; 0 for those that are ahead."""
        return _behind_h(self.zone)

    def closes(self, day: date) -> datetime:
        """From when the day counts as over, UTC, whatever the season: Dagster cuts days at one hour of UTC."""
        return datetime.combine(day + _DAY, time(), UTC) + self.behind_h * _HOUR

    def hours(self, day: date) -> list[datetime]:
        """The full UTC hours that have a part of the day: 24 as a rule, 23 or 25 where clocks change, one more where the zone is
        no whole number of hours from UTC."""
        first = self.begin(day).replace(minute=0, second=0, microsecond=0)
        return [first + number * _HOUR for number in range(-((first - self.end(day)) // _HOUR))]

    def bins(self, day: date) -> list[datetime]:
        """When its quarters of an hour begin, UTC: 96 as a rule, 92 or 100 where clocks change."""
        first = self.begin(day)
        return [first + number * BIN for number in range((self.end(day) - first) // BIN)]

    def local(self, moment: datetime) -> str:
        """``2020-05-05T13:00-04:00``: the same text never means two moments, not even where autumn repeats an hour."""
        return moment.astimezone(self.zone).isoformat(timespec="minutes")

    def period(self, moment: datetime) -> str:
        local = moment.astimezone(self.zone)
        if local.weekday() >= 5:
            return "weekend"
        return next(name for name, (begin, end) in PERIODS.items() if begin <= local.hour < end)

    def holiday(self, day: date) -> str | None:
        """Its name in English."""
        return _holidays(self.country, day.year).get(day) if self.country else None

    def days_of(self, hours: list[datetime]) -> list[date]:
        """The days that have a part of these UTC hours, sorted."""
        return sorted({self.day_of(moment) for hour in hours for moment in (hour, hour + _HOUR - timedelta(microseconds=1))})


def check_zone(name: str, source: str) -> ZoneInfo:
    """Raises ConfigurationError for what no clock keeps."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name that is a folder, or leaves the folder of zones
        raise ConfigurationError(
            f"{source}: timezone = '{printable(name)}' is no time zone: write its IANA name, such as America/New_York."
        ) from None


def check_country(code: str, source: str) -> None:
    """Raises ConfigurationError for a country, or a part of one, whose holidays nobody knows."""
    try:
        _holidays(code, 2024)
    except NotImplementedError:
        raise ConfigurationError(
            f"{source}: country = '{printable(code)}' has no known holidays: write a code of ISO 3166, such as US or US-NY, "
            "or leave it out."
        ) from None


@lru_cache(maxsize=64)
def _behind_h(zone: ZoneInfo) -> int:
    moments = (datetime(year, month, 1, tzinfo=zone) for year in range(1990, 2041) for month in (1, 4, 7, 10))
    offsets = [offset // _HOUR for moment in moments if (offset := moment.utcoffset()) is not None]
    return max(0, -min(offsets))


@lru_cache(maxsize=64)
def _holidays(code: str, year: int) -> dict[date, str]:
    from holidays import country_holidays

    country, _, part = code.partition("-")
    return dict(country_holidays(country, subdiv=part or None, years=year, language="en_US" if country == "US" else None))
