"""Hourly volumes as the Traffic Monitoring Guide of the FHWA wants them: record 3, 143 columns of fixed width, ``.vol``.

Columns from 1: 1 ``3``; 2-3 state (FIPS); 4-5 functional class; 6-11 station; 12 direction of travel; 13 lane, 0 for all;
14-21 year, month, day; 22 weekday, 1 is Sunday; 23-142 the 24 hours, 5 columns each, blank where nothing was reported; 143
restriction, 2 for trouble with the device (Traffic Monitoring Guide 2016, chapter 7; columns as coded in kellystuard/FHWA.TMAS).

Hours are local. One is written only if all its quarters are observed or expanded; a day with a blank hour has restriction 2.
Where clocks go forward the hour that they skip is blank and is no trouble; where they go back, the hour that comes twice holds
both. The station's own numbers are the state's, in campaign.toml::

    [[tmg]]
    camera = "735-683-N"
    state = "36"
    functional_class = "2U"
    station = "000735"
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, Any

import pyarrow as pa
from pydantic import AfterValidator, Field

from cctview_pipeline.errors import CctviewError, ConfigurationError, printable
from cctview_pipeline.formats.figures import USABLE
from cctview_pipeline.settings import CLOSED, Text, read_rows, refused

DIRECTIONS = {"N": 1, "E": 3, "S": 5, "W": 7}
LENGTH = 143
NO_RESTRICTION, DEVICE = 0, 2
HIGHEST = 99_999
_RECORD = re.compile(r"3([0-9]{2})([1-7][RU])([0-9A-Za-z]{6})([0-9])([0-9])([0-9]{8})([1-7])((?:[ 0-9]{5}){24})([0-5])")


def _form(pattern: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise refused("has another form")
        return text

    return AfterValidator(check)


@dataclass(frozen=True, kw_only=True)
class Station:
    """One ``[[tmg]]``: a camera as its state knows it."""

    __pydantic_config__ = CLOSED

    camera: Annotated[Text, Field(examples=["735-683-N"])]
    """The camera's id."""
    state: Annotated[Text, _form(r"[0-9]{2}"), Field(examples=["36"])]
    """The state's FIPS code, two digits."""
    functional_class: Annotated[Text, _form(r"[1-7][RU]"), Field(examples=["2U"])]
    """Of the road: `1R` to `7R`, or `1U` to `7U` in a town."""
    station: Annotated[Text, _form(r"[0-9A-Za-z]{1,6}"), Field(examples=["000735"])]
    """The station's id at the state, up to six letters and digits."""


@dataclass(frozen=True, kw_only=True)
class VolumeRecord:
    """One station's direction on one local day. direction: as DIRECTIONS has it; lane: 0 for all; volumes: of 24 hours, None
    where nothing was reported."""

    state: str
    functional_class: str
    station: str
    direction: int
    day: date
    volumes: tuple[int | None, ...]
    restriction: int = NO_RESTRICTION
    lane: int = 0

    def __post_init__(self) -> None:
        if len(self.volumes) != 24 or any(each is not None and not 0 <= each <= HIGHEST for each in self.volumes):
            raise CctviewError(f"A volume record has 24 hours of 0 to {HIGHEST:,} vehicles, or none: not {self.volumes}.")

    def __str__(self) -> str:
        hours = "".join(" " * 5 if each is None else f"{each:05d}" for each in self.volumes)
        head = f"3{self.state}{self.functional_class}{self.station}{self.direction}{self.lane}"
        return f"{head}{self.day:%Y%m%d}{self.day.isoweekday() % 7 + 1}{hours}{self.restriction}"

    @classmethod
    def parse(cls, line: str) -> "VolumeRecord":
        """Raises CctviewError for what is no such record."""
        if len(line) != LENGTH or not (found := _RECORD.fullmatch(line)):
            raise CctviewError(f"'{printable(line[:30])}' is no hourly volume record of {LENGTH} columns.")
        state, functional_class, station, direction, lane, day, weekday, hours, restriction = found.groups()
        try:
            at = datetime.strptime(day, "%Y%m%d").date()
            volumes = tuple(_volume(hours[5 * hour : 5 * hour + 5]) for hour in range(24))
        except ValueError as error:
            raise CctviewError(f"'{printable(line[:30])}': {error}.") from error
        if at.isoweekday() % 7 + 1 != int(weekday):
            raise CctviewError(f"'{printable(line[:30])}': {at} is no weekday {weekday} (1 is Sunday).")
        return cls(
            state=state,
            functional_class=functional_class,
            station=station,
            direction=int(direction),
            day=at,
            volumes=volumes,
            restriction=int(restriction),
            lane=int(lane),
        )


def read_stations(tables: Iterable[object], source: str = "campaign.toml") -> tuple[Station, ...]:
    """``[[tmg]]`` as parsed from TOML. Raises ConfigurationError, with the mend, for what is none, and for what is named
    twice."""
    found = read_rows(Station, tables, source, "tmg")
    for what in ("camera", "station"):
        values = [getattr(each, what) for each in found]
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise ConfigurationError(f"{source}: [[tmg]] names the {what} '{printable(twice)}' twice: take one out.")
    return tuple(replace(each, station=each.station.zfill(6)) for each in found)


def hourly_volumes(flows: pa.Table, stations: Sequence[Station]) -> list[VolumeRecord]:
    """One record for each station, direction and local day of ``flows``, sorted. Raises CctviewError for a station whose
    carriageways have no compass direction."""
    by_camera = {each.camera: each for each in stations}
    bins: dict[tuple[str, str, date], dict[int, list[dict[str, Any]]]] = {}
    for row in flows.to_pylist():
        if row["camera_id"] in by_camera:
            local = datetime.fromisoformat(row["local_at"])
            of_day = bins.setdefault((row["camera_id"], row["carriageway"], local.date()), {})
            of_day.setdefault(local.hour, []).append(row)
    return [_record(by_camera[camera], way, day, of_day) for (camera, way, day), of_day in sorted(bins.items())]


def write_volumes(records: Iterable[VolumeRecord]) -> bytes:
    """A ``.vol`` file: a record a line."""
    return "".join(f"{each}\n" for each in records).encode("ascii")


def read_volumes(data: bytes) -> Iterator[VolumeRecord]:
    """The records of a ``.vol`` file. Raises CctviewError, with the line's number, for what is none."""
    for number, line in enumerate(data.decode("ascii", "replace").splitlines(), 1):
        try:
            yield VolumeRecord.parse(line)
        except CctviewError as error:
            raise CctviewError(f"Line {number}: {error}") from error


def _record(station: Station, way: str, day: date, hours: dict[int, list[dict[str, Any]]]) -> VolumeRecord:
    if way not in DIRECTIONS:
        raise CctviewError(
            f"Camera {station.camera} has the carriageway '{way}', which is no direction of a record: say in campaign.toml "
            "how it faces, and run its hours again."
        )
    volumes = tuple(_of_hour(hours.get(hour, [])) for hour in range(24))
    blank = any(volumes[hour] is None for hour in hours)  # not the hour that the clock skips, which has no quarters
    restriction = DEVICE if blank else NO_RESTRICTION
    return VolumeRecord(
        state=station.state,
        functional_class=station.functional_class,
        station=station.station,
        direction=DIRECTIONS[way],
        day=day,
        volumes=volumes,
        restriction=restriction,
    )


def _of_hour(quarters: list[dict[str, Any]]) -> int | None:
    """Vehicles of the hour, or None: of four quarters, or of eight where the clock shows it twice, each must be usable."""
    values = [row["expanded"] for row in quarters if row["status"] in USABLE and row["expanded"] is not None]
    if not quarters or len(values) < max(4, len(quarters)):
        return None
    return round(sum(values))


def _volume(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdigit() or text != text.rstrip() or " " in text.lstrip():
        raise ValueError(f"'{text}' is no volume")
    return int(text)
