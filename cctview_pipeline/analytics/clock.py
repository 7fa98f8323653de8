"""How times are written on pages: by the clock of the cameras' zone. Addresses and files keep UTC.

In the hour that autumn's change repeats, a time alone is two moments: there the zone's abbreviation stands behind it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

STEPS = (1, 5, 15, 30, 60, 120, 180, 240, 360, 480, 720, 1440)
"""Minutes between the marks of an axis."""
QUARTER = timedelta(minutes=15)
"""Every zone of today is a whole number of these from UTC."""


@dataclass(frozen=True)
class Clock:
    """Takes aware times, mostly of UTC; gives texts."""

    zone: ZoneInfo

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def minute(self, at: datetime) -> str:
        """``13:04``."""
        return self._said(at, "%H:%M")

    def second(self, at: datetime) -> str:
        """``13:04:02``."""
        return self._said(at, "%H:%M:%S")

    def moment(self, at: datetime) -> str:
        """``13:04:02.250``."""
        return self._said(at, f"%H:%M:%S.{at.microsecond // 1000:03d}")

    def stamp(self, at: datetime) -> str:
        """``2020-05-05 13:04``."""
        return self._said(at, "%Y-%m-%d %H:%M")

    def written(self, at: datetime) -> str:
        """As a person types it: ``2020-05-05T13:04-04:00``."""
        return self.local(at).isoformat(timespec="minutes")

    def name(self, first: datetime, last: datetime | None = None) -> str:
        """``EDT, UTC-4``; of a time in which clocks change, what they show before and then."""
        days = min((last or first) - first, timedelta(days=370)) // timedelta(days=1)
        moments = [first + timedelta(days=day) for day in range(days + 1)] + ([last] if last else [])
        return ", then ".join(dict.fromkeys(self._name(each) for each in moments))

    def ticks(self, first: datetime, last: datetime, most: int) -> Iterator[datetime]:
        """At most so many moments, with both ends, at which the clock shows a round time."""
        step = next((s for s in STEPS if (last - first) / timedelta(minutes=s) < most), STEPS[-1])
        walk = min(timedelta(minutes=step), QUARTER)
        at = datetime.fromtimestamp(-(-first.timestamp() // walk.total_seconds()) * walk.total_seconds(), UTC)
        while at <= last:
            local = self.local(at)
            if (60 * local.hour + local.minute) % step == 0:
                yield at
            at += walk

    def html(self, at: datetime, said: str) -> Markup:
        """A text of a moment as an element that keeps UTC."""
        utc = at.astimezone(UTC)
        parts = f"{utc:%Y-%m-%dT%H:%M:%S}Z", f"UTC {utc:%Y-%m-%d %H:%M:%S}"
        return Markup('<time datetime="{}" title="{}">{}</time>').format(*parts, said)

    def _said(self, at: datetime, form: str) -> str:
        local = self.local(at)
        twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
        return f"{local:{form}} {self._abbreviation(local)}" if twice else f"{local:{form}}"

    def _name(self, at: datetime) -> str:
        local = self.local(at)
        name, offset = self._abbreviation(local), _offset(local)
        return offset if name == offset else f"{name}, {offset}"

    def _abbreviation(self, local: datetime) -> str:
        """Many zones have none, and a number in its place."""
        name = local.tzname() or ""
        return name if name.isalpha() else _offset(local)


def _offset(local: datetime) -> str:
    """``UTC-4``, ``UTC+5:30``, ``UTC``."""
    minutes = int((local.utcoffset() or timedelta()) / timedelta(minutes=1))
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02d}' if rest else ''}" if minutes else "UTC"
