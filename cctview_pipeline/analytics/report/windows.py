"""Two times to be compared, as a person writes them: ``2020-05-04..2020-05-08``, or ``2020-05-05T13:00..2020-05-05T15:00``.

Days are local ones, and both are meant; times are by the cameras' clock unless they have an offset, the second of them exclusive.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cctview_pipeline.errors import ConfigurationError, printable
from cctview_pipeline.local_calendar import LocalCalendar

DAY = timedelta(days=1)
WEEKDAY, WEEKEND = "weekdays", "weekends and holidays"


@dataclass(frozen=True)
class Window:
    """begin, end: UTC, the end exclusive; text: as it was written."""

    text: str
    begin: datetime
    end: datetime

    def days(self, calendar: LocalCalendar) -> list[date]:
        """Local days that have a part of it."""
        first, last = calendar.day_of(self.begin), calendar.day_of(self.end - timedelta(microseconds=1))
        return [first + number * DAY for number in range((last - first).days + 1)]


def read_window(text: str, calendar: LocalCalendar) -> Window:
    """Raises ConfigurationError for what is no time."""
    first, dots, last = (part.strip() for part in text.partition(".."))
    try:
        if not dots:
            raise ValueError(text)
        begin, end = _moment(first, calendar, 0), _moment(last, calendar, 1)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"'{printable(text)}' is no time to compare: write two days, 2020-05-04..2020-05-08, or two times by the cameras' "
            "clock, 2020-05-05T13:00..2020-05-05T15:00."
        ) from None
    if end <= begin:
        raise ConfigurationError(f"'{printable(text)}' ends before it begins: write the earlier one first.")
    return Window(text, begin, end)


def type_of(day: date, calendar: LocalCalendar) -> str:
    """Days of one type are held against each other."""
    return WEEKEND if day.isoweekday() > 5 or calendar.holiday(day) else WEEKDAY


def _moment(text: str, calendar: LocalCalendar, after: int) -> datetime:
    """after: days that are added to a day."""
    if "T" not in text:
        return calendar.begin(date.fromisoformat(text) + after * DAY)
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=calendar.zone)).astimezone(UTC)
