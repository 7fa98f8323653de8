"""When a file begins, as something beside it says: a sidecar of its own, or the playlist that lists it.

A sidecar has the file's name with ``.json``, ``.toml`` or ``.csv`` behind it or in its suffix's place, and says ``start`` (ISO
8601, or Unix seconds), and ``timezone`` where start has no offset; or ``times``, one for every frame in the order in which they
are shown. A CSV has a column ``start`` with one row, or ``captured_at`` with a row a frame. A playlist (RFC 8216) says it by
EXT-X-PROGRAM-DATE-TIME, or by its name, and the lengths of its segments.
"""

import csv
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.footage.names import in_utc, read_name
from cctview_pipeline.documents import parse_json
from cctview_pipeline.errors import CctviewError, printable
from cctview_pipeline.limits import SIDECAR_BYTES
from cctview_pipeline.local_calendar import check_zone
from cctview_pipeline.toml_text import decode_toml, parse_toml

SIDECARS = (".json", ".toml", ".csv")
PLAYLISTS = (".m3u8", ".m3u")
_LENGTH = re.compile(r"#EXTINF:\s*(\d+(?:\.\d+)?)")
_UNIX = re.compile(r"\d{9,10}(?:\.\d{1,6})?")
_DATED = re.compile(r"#EXT-X-PROGRAM-DATE-TIME:\s*(\S+)")


class NoZone(CctviewError):
    """A time without an offset, where there is no campaign's zone."""


@dataclass(frozen=True)
class Start:
    """at: when the first frame was taken, UTC; source: what told it, one of STARTS; times: of every frame, where they are known,
    increasing."""

    at: datetime
    source: str
    times: tuple[datetime, ...] = ()


def sidecar_of(path: Path, there: Mapping[str, Path]) -> Path | None:
    """A video's sidecar. there: the files of its folder, by name."""
    names = (name + suffix for suffix in SIDECARS for name in (path.name, path.stem))
    return next((there[name] for name in names if name in there), None)


def read_sidecar(path: Path, zone: tzinfo | None) -> Start:
    """zone: the campaign's, for times without an offset. Raises CctviewError, with the mend, for what tells no start."""
    name = printable(path.name)
    try:
        size = path.stat().st_size
        SIDECAR_BYTES.check(size, lambda sentence: CctviewError(f"{name}: {sentence}"))
        data = path.read_bytes()
    except OSError as error:
        raise CctviewError(f"{name} can't be read: {error.strerror}.") from error
    told = _values(path.suffix.lower(), data, name)
    if said := told.get("timezone"):
        check_zone(str(said), name)
        zone = ZoneInfo(str(said))
    many = told.get("times")
    if many is not None and (not isinstance(many, list) or not many):
        raise CctviewError(f"{name}: times is no list of times: give one for every frame.")
    times = tuple(read_time(each, zone, name) for each in many or ())
    if any(one >= other for one, other in itertools.pairwise(times)):
        raise CctviewError(f"{name}: its times do not increase: list them in the order in which the frames are shown.")
    if "start" not in told and not times:
        raise CctviewError(f"{name} has neither start nor times: say when the file begins, such as 2025-06-03T16:00:00Z.")
    return Start(times[0] if times else read_time(told["start"], zone, name), "sidecar", times)


def read_playlist(path: Path, zone: tzinfo | None) -> dict[str, Start]:
    """Path of a segment, below the playlist's folder -> its start, for those whose time is known. Raises CctviewError."""
    name = printable(path.name)
    try:
        SIDECAR_BYTES.check(path.stat().st_size, lambda sentence: CctviewError(f"{name}: {sentence}"))
        lines = path.read_text("utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise CctviewError(f"{name} can't be read: {error.strerror}.") from error
    named = read_name(path.stem).time
    at = _known(named, zone) if named else None
    found: dict[str, Start] = {}
    length = "0"
    for line in (each.strip() for each in lines):
        if match := _LENGTH.match(line):
            length = match[1]
        elif match := _DATED.match(line):
            at = read_time(match[1], zone, name)
        elif line and not line.startswith("#"):
            if at is not None:
                found.setdefault(unquote(urlsplit(line).path), Start(at, "playlist"))
                at = _after(at, float(length))
            length = "0"
    return found


def _after(at: datetime, seconds: float) -> datetime | None:
    """When what follows begins; None where no calendar has it."""
    try:
        return at + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _values(suffix: str, data: bytes, name: str) -> Mapping[str, Any]:
    if suffix == ".toml":
        return parse_toml(decode_toml(data, name), name)
    if suffix == ".csv":
        return _columns(data, name)
    told = parse_json(data, name)
    if not isinstance(told, dict):
        raise CctviewError(f'{name} is no JSON object: write {{"start": "2025-06-03T16:00:00Z"}}.')
    return told


def _columns(data: bytes, name: str) -> Mapping[str, Any]:
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise CctviewError(f"{name} is no CSV: save it as UTF-8 with a line of column names.") from error
    if not rows:
        return {}
    first = rows[0]
    told: dict[str, Any] = {key: first[key] for key in ("start", "timezone") if first.get(key)}
    return told | ({"times": [row["captured_at"] for row in rows]} if "captured_at" in first else {})


def read_time(value: Any, zone: tzinfo | None, name: str) -> datetime:
    """A time that a person wrote, in UTC: ISO 8601 or Unix seconds. zone: of one without an offset; name: of the file that says
    it. Raises NoZone, and CctviewError for what is no time."""
    try:
        if isinstance(value, datetime):
            time = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            time = datetime.fromtimestamp(0, UTC) + timedelta(seconds=value)
        elif _UNIX.fullmatch(str(value).strip()):
            time = datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(value))
        else:
            time = datetime.fromisoformat(str(value).strip())
        utc = in_utc(time, zone)
    except (ValueError, OverflowError):
        what = printable(str(value)[:40])
        raise CctviewError(f"{name}: '{what}' is no time of a recording: write it as 2025-06-03T16:00:00.250Z.") from None
    if utc is None:
        raise NoZone(f"{name}: '{value}' has no offset: add one, or timezone.")
    return utc


def _known(time: datetime, zone: tzinfo | None) -> datetime | None:
    try:
        return in_utc(time, zone)
    except ValueError:
        return None


def segments_of(playlists: Sequence[Path], zone: tzinfo | None) -> Iterator[tuple[Path, Start | CctviewError]]:
    """Every segment that a playlist dates, and a playlist that can't be read with the reason."""
    for playlist in playlists:
        try:
            for place, start in read_playlist(playlist, zone).items():
                yield playlist.parent / place.lstrip("/"), start
        except CctviewError as error:
            yield playlist, error
