"""How far a lake's tables reach: when the newest of what they hold was captured."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.schemas import TABLES

TIMES = {"raw_frames": "captured_at", "tracks": "last_seen", "journeys": "left_at", "flows": "began_at"}
"""Table -> the column that says when. ``flows`` stands for all marts: its grid is that of the whole day."""


class Newest:
    """Of one campaign. The first look lists the lake; those after it look only for what is newer."""

    def __init__(self, lake: Lake, campaign: Campaign) -> None:
        self._lake, self._campaign = lake, campaign
        self._last: dict[str, datetime] = {}
        self._times: dict[tuple[str, Partition], datetime | None] = {}

    def look(self, now: datetime) -> Mapping[str, datetime]:
        """Table -> when the newest that it holds was captured, UTC. A table that is empty is not among them."""
        found = {table: self._of(table, now) for table in TIMES}
        return {table: time for table, time in found.items() if time}

    def _of(self, table: str, now: datetime) -> datetime | None:
        if table not in self._last:
            begins = [each.begin for each in self._lake.partitions(table)]
            if not begins:
                return None
            self._last[table] = max(begins)
        for begin in self._begins(table, now):
            places = self._lake.existing(table, self._places(table, begin))
            times = [time for place in places if (time := self._time(table, place))]
            if times:
                self._last[table] = begin
                return max(times)
        return None

    def _begins(self, table: str, now: datetime) -> list[datetime]:
        """From the last that may be there back to two before the newest known, whose rows may all have been deleted."""
        day = TABLES[table].partition == "day"
        step = timedelta(days=1) if day else timedelta(hours=1)
        begin = now.replace(minute=0, second=0, microsecond=0)
        begin = begin.replace(hour=0) + step if day else begin
        first = self._last[table] - 2 * step
        return [begin - number * step for number in range(max(0, (begin - first) // step) + 1)]

    def _places(self, table: str, begin: datetime) -> list[Partition]:
        kind = TABLES[table].partition
        if kind == "camera_hour":
            return [Partition.camera_hour(camera.id, begin) for camera in self._campaign.cameras]
        return [Partition.of_hour(begin) if kind == "hour" else Partition.of_day(begin.date())]

    def _time(self, table: str, place: Partition) -> datetime | None:
        """By the file's footer; of a day that is over, its end."""
        if place.day:
            return calendar_of(self._campaign).end(place.day)
        if (table, place) not in self._times:
            column = TIMES[table]
            newest = self._lake.storage.look_into(layout.key(table, place), lambda file: _newest(file, column))
            if len(self._times) > 10_000:
                self._times.clear()
            self._times[table, place] = newest
        return self._times[table, place]


def _newest(file: pa.NativeFile, column: str) -> datetime | None:
    """The largest value of a column of times, by the statistics of a Parquet file's row groups; None for one without rows."""
    metadata = pq.ParquetFile(file).metadata
    place = metadata.schema.to_arrow_schema().names.index(column)
    statistics = [metadata.row_group(number).column(place).statistics for number in range(metadata.num_row_groups)]
    times = [each.max for each in statistics if each is not None and each.has_min_max]
    return max(times).astimezone(UTC) if times else None
