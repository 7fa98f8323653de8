"""What a daily report is made from: the tables of its day, their files and their hashes, and the code that calculated."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import pyarrow as pa

from cctview_pipeline.analytics.marts import MARTS as BUILT
from cctview_pipeline.analytics.marts.day import WINDOW_DAYS, Day
from cctview_pipeline.analytics.report.figures import MARTS
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import NotFoundError
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.lake.tables import CAMPAIGN
from cctview_pipeline.local_calendar import LocalCalendar

SHORT = 8
"""Hexadecimal digits of SHA-256 that are kept of an input's file: there are thousands."""
AT_A_TIME = 16
"""Files that are read side by side: each takes as long as the way to the store."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """version: of the package; code: SHA-256 of what calculates the figures; campaign: of campaign.toml; marts: mart -> of its
    file; inputs: table -> partition, as its key in the lake names it, -> the first digits of its file's, for what was there."""

    version: str
    code: str
    campaign: str
    marts: Mapping[str, str]
    inputs: Mapping[str, Mapping[str, str]]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"inputs": folded(self.inputs)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Sources":
        """Raises KeyError or TypeError for what is none."""
        return cls(**(dict(said) | {"inputs": unfolded(said["inputs"])}))


def made_tables(lake: Lake, day: Day) -> dict[str, pa.Table]:
    """The marts of a day as the lake has them, and coverage. Raises NotFoundError where one was not made."""
    place = Partition.of_day(day.day)
    if missing := [name for name in MARTS if not lake.has(name, place)]:
        begin, end = (f"{at:%Y-%m-%dT%H:%MZ}" for at in (day.hours[0], day.hours[-1] + timedelta(hours=1)))
        raise NotFoundError(
            f"The lake {lake.uri} has no {' and no '.join(missing[:2])} of {day.day}: "
            f"`cctview backfill --from {begin} --to {end}` makes them."
        )
    return {name: lake.read(name, place) for name in MARTS} | {"coverage": _coverage(lake, day)}


def tables_anew(lake: Lake, day: Day) -> dict[str, pa.Table]:
    """The same, calculated from what the hours of the day have in the lake by now."""
    return {name: day.build(name) for name in BUILT} | {"coverage": _coverage(lake, day)}


def _coverage(lake: Lake, day: Day) -> pa.Table:
    places = lake.existing("coverage", day.reads["coverage"])
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = list(pool.map(lambda place: lake.read("coverage", place), places))
    return pa.concat_tables([schema_of("coverage").empty_table(), *found])


def sources_of(lake: Lake, day: Day) -> Sources:
    """What a day's report rests on, as the lake has it now."""
    place = Partition.of_day(day.day)
    return Sources(
        version=version("cctview-pipeline"),
        code=code_hash(),
        campaign=_hash(lake, CAMPAIGN) if lake.storage.exists(CAMPAIGN) else "",
        marts={name: _hash(lake, layout.key(name, place)) for name in MARTS if lake.has(name, place)},
        inputs=inputs_of(lake, day),
    )


def inputs_of(lake: Lake, day: Day) -> dict[str, dict[str, str]]:
    """Those that are there: of the day's hours, and of reliability the travel times of the days before."""
    before = [Partition.of_day(day.day - timedelta(days=number)) for number in range(1, WINDOW_DAYS)]
    reads = {**day.reads, "travel_times": before}
    found: dict[str, dict[str, str]] = {}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for table, places in reads.items():
            there = lake.existing(table, places)
            hashes = pool.map(lambda place, table=table: _hash(lake, layout.key(table, place))[:SHORT], there)
            found[table] = dict(zip(map(str, there), hashes, strict=True))
    return found


def folded(inputs: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Shorter, as there are thousands: the times, and of each table and camera their hashes in that order, ``-`` for none."""
    times = sorted({place.rpartition(" ")[2] for hashes in inputs.values() for place in hashes})
    tables: dict[str, dict[str, str]] = {}
    for table, hashes in inputs.items():
        cameras = sorted({place.rpartition(" ")[0] for place in hashes})
        tables[table] = {
            camera: " ".join(hashes.get(f"{camera} {time}".strip(), "-") for time in times).rstrip(" -") for camera in cameras
        }
    return {"times": times, "tables": tables}


def unfolded(said: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The other way round."""
    return {
        table: {
            f"{camera} {time}".strip(): digits
            for camera, text in cameras.items()
            for time, digits in zip(said["times"], text.split(), strict=False)
            if digits != "-"
        }
        for table, cameras in said["tables"].items()
    }


def code_hash() -> str:
    """Of the statements and modules of analytics/marts/: another text wherever figures may come out otherwise."""
    digest = hashlib.sha256()
    for name, data in sorted(_texts()):
        digest.update(name.encode() + b"\0" + data)
    return digest.hexdigest()


def _texts() -> Iterator[tuple[str, bytes]]:
    analytics = files("cctview_pipeline.analytics")
    beside = (each for each in analytics.iterdir() if each.name.startswith("known_bias"))
    for file in (*analytics.joinpath("marts").iterdir(), *beside):
        if file.name.endswith((".sql", ".py", ".json")):
            yield file.name, file.read_bytes()


def _hash(lake: Lake, key: str) -> str:
    return hashlib.sha256(lake.storage.read(key)).hexdigest()


def days_with_marts(lake: Lake) -> list[date]:
    """Of which a report can be made, sorted."""
    return sorted(place.local_day for place in lake.partitions("data_quality"))


def open_day(lake: Lake, campaign: Campaign, calendar: LocalCalendar, day: date) -> Day:
    """Raises NotFoundError for a day that lies outside the campaign's window."""
    found = Day(lake, campaign, calendar, day)
    if not found.hours:
        raise NotFoundError(f"{day} lies outside the window of {campaign.source}.")
    return found


def models_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The models that data_quality names, each once."""
    return sorted({each for row in rows for each in row["models"].split(", ") if each})
