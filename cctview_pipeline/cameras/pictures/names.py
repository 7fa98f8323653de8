"""What a picture's name and folders tell together: as a video's name does, and with the date, or more, in the folders.

::

    gate/2026-11-29_10-15-30.jpg            all of it in the name (footage/names.py)
    gate/2026-11-29/10-15-30.250.jpg        the date in a folder, the time in the name
    gate/2026/11/29/10/15/30.jpg            each in a folder of its own
    2026/11/29/10/gate_15.30Z.jpg           with a zone
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cctview_pipeline.cameras.footage.names import Named, read_name

_DAY = re.compile(r"((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)(?:[-_.T ]?(\d\d))?")
_MONTH = re.compile(r"((?:19|20)\d\d)[-_.](\d\d)")
_YEAR = re.compile(r"(?:19|20)\d\d")
_TWO = re.compile(r"\d\d")
_REST = r"(?P<rest>(?:[.,]\d{1,6})?(?:Z|[+-](?:0\d|1[0-4]):?(?:00|15|30|45))?)(?![0-9A-Za-z])"
_CLOCK = re.compile(rf"(?<!\d)(?P<hour>\d\d)(?P<colon>[-._:]?)(?P<minute>\d\d)(?P=colon)(?P<second>\d\d){_REST}")
_TAILS = {
    1: re.compile(rf"(?P<before>|.+?[-_. ])(?P<second>\d\d){_REST}"),
    2: re.compile(rf"(?P<before>|.+?[-_. ])(?P<minute>\d\d)[-._:]?(?P<second>\d\d){_REST}"),
}
"""How many of minute and second a name must tell -> such a name: nothing but a camera stands before."""


@dataclass(frozen=True)
class Day:
    """What folders tell of a time. date: YYYYMMDD; clock: hour, minute and second, as many as have a folder."""

    date: str
    clock: tuple[str, ...]


def day_of(folders: Sequence[str]) -> Day | None:
    """The date that is nearest to the file, and the hours, minutes and seconds below it; None where there is none."""
    for i in reversed(range(len(folders))):
        if match := _DAY.fullmatch(folders[i]):
            date, hour = f"{match[1]}{match[3]}{match[4]}", [match[5]] if match[5] else []
        elif i and _TWO.fullmatch(folders[i]) and (month := _MONTH.fullmatch(folders[i - 1])):
            date, hour = f"{month[1]}{month[2]}{folders[i]}", []
        elif i > 1 and _YEAR.fullmatch(folders[i - 2]) and _TWO.fullmatch(folders[i - 1]) and _TWO.fullmatch(folders[i]):
            date, hour = "".join(folders[i - 2 : i + 1]), []
        else:
            continue
        below = hour + [part for part in folders[i + 1 :] if _TWO.fullmatch(part)]
        return Day(date, tuple(below)[:3])
    return None


def read_picture(stem: str, day: Day | None) -> Named:
    """A picture's name without its suffix, and what its folders tell. A name without a time says no camera: it is a number that
    a camera counts."""
    named = read_name(stem)
    if named.time is None and day and (whole := _whole(stem, day)):
        named = read_name(whole)
    return named if named.time else replace(named, camera="")


def _whole(stem: str, day: Day) -> str:
    """The name with the date before its time; empty where folders and name make no whole time, or two."""
    if match := _CLOCK.search(stem):
        clock = match["hour"], match["minute"], match["second"]
        same = clock[: len(day.clock)] == day.clock
        return f"{stem[: match.start()]}{day.date}T{''.join(clock)}{match['rest']}{stem[match.end() :]}" if same else ""
    if len(day.clock) == 3:
        return f"{day.date}T{''.join(day.clock)}"
    tail = _TAILS.get(3 - len(day.clock))
    if not tail or not (match := tail.fullmatch(stem)):
        return ""
    before, *own, rest = match.groups()
    return f"{before}{day.date}T{''.join((*day.clock, *own))}{rest}"
