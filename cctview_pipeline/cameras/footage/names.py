"""What the name of a video file or of a picture tells: a camera, and when it begins or was taken.

::

    735-683-N--2020-05-05--13--original.mp4        CCTView's published hours: New York's clock
    city-1--2025-06-03--16.00.00.250Z.mp4          as `cctview export --format video` names them: UTC
    gate_2025-06-03T16-00-00+0200.ts               ISO 8601 with any separators a file system lets be, or with none
    20250603_160000.mkv, 2025-06-03 16.00.00.mp4   the same without a zone: the campaign's
    1748966400.mp4, 13_1748966400250.mp4           Unix seconds, milliseconds or microseconds
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from cctview_pipeline.cameras.archive_clock import FIRST_BELIEVED
from cctview_pipeline.ids import NEW_YORK, is_camera_id
from cctview_pipeline.settings import LAST_YEAR

_DATE = r"(?P<year>\d{4})(?P<dash>[-._]?)(?P<month>\d{2})(?P=dash)(?P<day>\d{2})"
_CLOCK = r"(?P<hour>\d{2})(?P<colon>[-._:]?)(?P<minute>\d{2})(?P=colon)(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,6}))?"
_ZONE = r"(?P<zone>Z|[+-](?:0\d|1[0-4]):?(?:00|15|30|45))?"
_ISO = re.compile(rf"(?<!\d){_DATE}(?:--|[-T_. ])?{_CLOCK}{_ZONE}(?![0-9A-Za-z])")
_HOURLY = re.compile(rf"{_DATE}--(?P<hour>\d{{2}})(?=--original$)")
_EPOCH = re.compile(r"(?<!\d)(\d{10}|\d{13}|\d{16})(?!\d)")
_MONTH = re.compile(r"(?:19|20)\d\d[-_.](?:0[1-9]|1[0-2])")
_PUBLISHED = re.compile(r"--original$")
_SEPARATORS = "-_ .@"
_MISNAMED = {"253-134-5": "253-134-S"}
"""The published hours of one camera have a digit where its letter should be."""


@dataclass(frozen=True)
class Named:
    """camera: what stands before the time, or the whole name without one; empty where that is no id. says_camera: whether it is
    of the form CAMERA--TIME; time: None where the name has none, naive where it has no zone."""

    camera: str
    says_camera: bool
    time: datetime | None


def read_name(stem: str) -> Named:
    """A file's name without its suffix."""
    for pattern, read in ((_ISO, _calendar), (_HOURLY, _calendar), (_EPOCH, _epoch)):
        if (match := pattern.search(stem)) and (time := read(match)):
            break
    else:
        return Named(stem if is_camera_id(stem) else "", False, None)
    if _PUBLISHED.search(stem) and time.tzinfo is None:
        time = time.replace(tzinfo=NEW_YORK)
    before = stem[: match.start()]
    camera = before.rstrip(_SEPARATORS)
    known, says = is_camera_id(camera), before == f"{camera}--"
    camera = _MISNAMED.get(camera, camera) if time.tzinfo is NEW_YORK else camera
    return Named(camera if known else "", known and says, time)


def whose(named: Named, folders: Sequence[str], root: str, by: str) -> str:
    """The camera of a file; empty where nothing says it. folders: those that it lies in below the one that was given; root: the
    name of that one; by: what says the camera, one of settings.CAMERAS."""
    if by == "name" or (by == "auto" and named.says_camera):
        return named.camera
    if parts := _cameras_folders(folders):
        # A folder that is no id is not passed over for one above it: with its neighbours it would be one camera.
        folder = parts[0] if is_camera_id(parts[0]) else ""
        return folder or (named.camera if by == "auto" else "")
    own = next((part for part in _cameras_folders([root]) if is_camera_id(part)), "")
    return own if by == "folder" else named.camera or own


def in_utc(time: datetime, zone: tzinfo | None) -> datetime | None:
    """A time in UTC; one without a zone by the given one: None where there is none. Of an hour that autumn repeats, the first.

    Raises ValueError for a time that spring's change of clocks skips, or that no camera has lived in.
    """
    if time.tzinfo is None:
        if zone is None:
            return None
        time = time.replace(tzinfo=zone)
    try:
        utc = time.astimezone(UTC)
    except OverflowError:
        raise ValueError("no calendar has it") from None
    if utc.astimezone(time.tzinfo).replace(tzinfo=None) != time.replace(tzinfo=None):
        raise ValueError("clocks skipped that time")
    if not FIRST_BELIEVED <= utc < datetime.now(UTC) + timedelta(days=1):
        raise ValueError("no camera took it then")
    return utc


def _calendar(match: re.Match[str]) -> datetime | None:
    found = match.groupdict()
    hour, minute, second = (int(found.get(name) or 0) for name in ("hour", "minute", "second"))
    micro = int((found.get("fraction") or "0").ljust(6, "0"))
    try:
        time = datetime(int(found["year"]), int(found["month"]), int(found["day"]), hour, minute, second, micro)
    except ValueError:
        return None
    return time.replace(tzinfo=_zone(found["zone"])) if found.get("zone") else time


def _zone(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def _epoch(match: re.Match[str]) -> datetime | None:
    time = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(match[0].ljust(16, "0")))
    return time if time >= FIRST_BELIEVED and time.year < LAST_YEAR else None


def _cameras_folders(parts: Sequence[str]) -> list[str]:
    """Folders that may be a camera's, from the file on; those of years, months, days and hours are none."""
    digits = [part.replace("-", "").replace("_", "") for part in parts]
    dates = {i for i, text in enumerate(digits) if text.isdigit() and (len(text) in (8, 10) or _MONTH.fullmatch(parts[i]))}
    for i, text in enumerate(digits):
        if text.isdigit() and len(text) == 4 and text.startswith(("19", "20")) and len(parts) > i + 1 and len(digits[i + 1]) == 2:
            dates.add(i)
        if text.isdigit() and len(text) == 2 and i - 1 in dates:
            dates.add(i)
    return [part for i, part in reversed(list(enumerate(parts))) if i not in dates]
