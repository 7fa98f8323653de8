"""Where a table's partition lies in the lake: hive-style keys that Dagster, DuckDB and people read alike."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache

from cctview_pipeline.ids import is_camera_id
from cctview_pipeline.lake.schemas import TABLES

HOUR_FORMAT = "%Y-%m-%dT%H"
DAY_FORMAT = "%Y-%m-%d"
FILE_NAME = "part-0.parquet"


@dataclass(frozen=True)
class Partition:
    """What one file covers: a camera and an hour, an hour, or a day. camera: empty where it is of all of them."""

    camera: str = ""
    hour: datetime | None = None
    day: date | None = None

    @classmethod
    def camera_hour(cls, camera: str, hour: datetime) -> "Partition":
        return cls(camera=camera, hour=hour)

    @classmethod
    def of_hour(cls, hour: datetime) -> "Partition":
        return cls(hour=hour)

    @classmethod
    def of_day(cls, day: date) -> "Partition":
        return cls(day=day)

    @property
    def begin(self) -> datetime:
        """When what it covers begins: the hour, or, to sort by, midnight in UTC of the day, which is a local one. Raises
        ValueError for a partition of neither."""
        if self.hour:
            return self.hour
        if self.day:
            return datetime.combine(self.day, time(), UTC)
        raise ValueError("A partition is of an hour or of a day.")

    @property
    def local_day(self) -> date:
        """Of a partition that covers a day. Raises ValueError for any other."""
        if self.day is None:
            raise ValueError("The partition is of no day.")
        return self.day

    @property
    def kind(self) -> str:
        return "day" if self.day else "camera_hour" if self.camera else "hour"

    def __str__(self) -> str:
        parts = [self.camera, self.hour and format_hour(self.hour), self.day and format_day(self.day)]
        return " ".join(part for part in parts if part)


def key(table: str, partition: Partition) -> str:
    """``raw_frames``, a camera and an hour -> ``raw_frames/camera=735-683-N/hour=2020-05-05T17/part-0.parquet``.

    Raises ValueError when the table is partitioned otherwise.
    """
    if partition.kind != TABLES[table].partition:
        raise ValueError(f"{table} is partitioned by {TABLES[table].partition}, not by {partition.kind}.")
    folders = [table]
    if partition.camera:
        folders.append(f"camera={partition.camera}")
    if partition.hour:
        folders.append(f"hour={format_hour(partition.hour)}")
    if partition.day:
        folders.append(f"day={format_day(partition.day)}")
    return "/".join([*folders, FILE_NAME])


def parse_key(text: str) -> tuple[str, Partition]:
    """The other way round, whatever the file's name. Raises ValueError for anything else."""
    table, *folders, _ = text.split("/")
    values = dict(folder.split("=", 1) for folder in folders)
    partition = Partition(
        values.get("camera", ""),
        parse_hour(values["hour"]) if "hour" in values else None,
        parse_day(values["day"]) if "day" in values else None,
    )
    camera = not partition.camera or is_camera_id(partition.camera)
    if table not in TABLES or partition.kind != TABLES[table].partition or not camera:
        raise ValueError(f"'{text}' is no partition of a table.")
    return table, partition


def is_key(text: str) -> bool:
    """Whether it is a key of a table's partition as :func:`key` writes it, and no copy or other file that lies beside it."""
    try:
        parse_key(text)
    except ValueError:
        return False
    return text.endswith(f"/{FILE_NAME}")


def parse_keys(texts: Iterable[str]) -> Iterator[Partition]:
    """The partitions among the files below a table's folder."""
    return (parse_key(text)[1] for text in texts if is_key(text))


def format_hour(hour: datetime) -> str:
    """As it stands in a path: ``2020-05-05T17``, UTC."""
    return hour.astimezone(UTC).strftime(HOUR_FORMAT)


@lru_cache(maxsize=20_000)
def parse_hour(text: str) -> datetime:
    """As format_hour writes it. Raises ValueError for anything else."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}", text, re.ASCII):
        raise ValueError(f"'{text}' is no hour.")
    return datetime.strptime(text, HOUR_FORMAT).replace(tzinfo=UTC)


def format_day(day: date) -> str:
    """As it stands in a path: ``2020-05-05``."""
    return day.strftime(DAY_FORMAT)


@lru_cache(maxsize=2000)
def parse_day(text: str) -> date:
    """As format_day writes it. Raises ValueError for anything else."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError(f"'{text}' is no day.")
    return datetime.strptime(text, DAY_FORMAT).date()
