"""A local day of the lake as a DuckDB database: what the statements of the marts read, opened once and by exact keys."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cached_property
from importlib.resources import files
from types import TracebackType

import duckdb
import numpy as np
import pyarrow as pa

from cctview_pipeline.analytics.marts.dion_rakha import kept
from cctview_pipeline.analytics.marts.relations import bias, bins_table, in_window, made, naive, relations
from cctview_pipeline.analytics.warehouse import naive_columns, open_database, quoted
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import key
from cctview_pipeline.lake.marts import LEAST_FOLLOWED, LEAST_WHOLE, MIN_EXPANDED, MIN_OBSERVED
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.local_calendar import LocalCalendar
from cctview_pipeline.track.flow import MAX_STEP_S

DISPERSION = 1.5
"""Variance of the vehicles of an unseen stretch over their mean: platoons come and gaps follow."""
MANY, APART = 20, 0.3
"""Vehicles from which two counts are held against each other, and how far apart they may be."""
WINDOW_DAYS = 28
"""Of reliability: four of every weekday."""
VARIABLES = {
    "min_expanded": MIN_EXPANDED,
    "min_observed": MIN_OBSERVED,
    "min_frames_per_s": 1 / MAX_STEP_S,
    "dispersion": DISPERSION,
    "least_whole": LEAST_WHOLE,
    "least_followed": LEAST_FOLLOWED,
    "many": MANY,
    "apart": APART,
}
_FIVE = timedelta(minutes=5)
NEEDED = {
    "passages": (
        "track_id",
        "track_ids",
        "camera_id",
        "passed_at",
        "beyond_m",
        "carriageway",
        "label",
        "speed_kmh",
        "speed_kmh_error",
        "model",
    ),
    "matches": ("query_track_id", "gallery_track_id", "probability", "assigned"),
    "journeys": ("journey_id", "leg", "camera_id", "entered_at"),
    "camera_flows": ("camera_id", "view", "approach", "exit", "turn"),
}
"""Columns of large tables that a statement reads."""
OF_CAMERA_HOURS = ("coverage", "passages", "vehicles_in_view", "matches", "camera_flows", "movements_seen", "queues_seen")
"""Tables that the day's figures are made from; the day's journeys are the others."""


class Day:
    """One local day of a campaign. A context manager; tables are read when a statement first needs them.

    model: of all the day's passages, empty where they are of several; known once a mart was built. left_out: sentences about
    partitions that could not be read, and are taken for missing ones.
    """

    def __init__(self, lake: Lake, campaign: Campaign, calendar: LocalCalendar, day: date) -> None:
        self.lake, self.campaign, self.calendar, self.day = lake, campaign, calendar, day
        self.hours = [hour for hour in calendar.hours(day) if campaign.covers(hour)]
        self.left_out: list[str] = []
        self.model = ""

    def __enter__(self) -> "Day":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if "database" in self.__dict__:
            self.database.close()

    def build(self, name: str) -> pa.Table:
        """One mart, by the statement in ``<name>.sql``. It may read marts that were built before."""
        if name == "reliability":
            self._open_window()
        found = self.database.sql(_statement(name)).to_arrow_table().cast(schema_of(name))
        self._replace(name, found)
        return found

    @cached_property
    def database(self) -> duckdb.DuckDBPyConnection:
        database = open_database(self.lake)
        begin, end = (at.replace(tzinfo=None) for at in (self.calendar.begin(self.day), self.calendar.end(self.day)))
        for name, value in (VARIABLES | {"day_begin": begin, "day_end": end, "day": self.day}).items():
            database.execute(f"SET VARIABLE {name} = ?", [value])
        self._known = relations(self.campaign, self.calendar, self.day)
        for name, table in self._known.items():
            database.register(name, table)
        before = self._camera_hours(self.hours[:1] and [self.hours[0] - HOUR])
        for name, partitions in self.reads.items():
            self._read(database, name, (before if name == "passages" else []) + partitions)
        for name in ("vehicle_counts", "flows", "travel_times", "anomalies"):
            self._read(database, name, [Partition.of_day(self.day)])
        models = [model for (model,) in database.sql("SELECT DISTINCT model FROM passages").fetchall()]
        self.model = models[0] if len(models) == 1 else ""
        database.register("bias", bias(self.model))
        database.execute(files(__package__).joinpath("prelude.sql").read_text())
        self._filter(database)
        return database

    @property
    def reads(self) -> dict[str, list[Partition]]:
        """Table -> the partitions of the day's hours that its figures are made from."""
        tables = dict.fromkeys(OF_CAMERA_HOURS, self._camera_hours(self.hours))
        return {**tables, "journeys": [Partition.of_hour(hour) for hour in self.hours]}

    def _camera_hours(self, hours: Iterable[datetime]) -> list[Partition]:
        return [Partition.camera_hour(camera.id, hour) for hour in hours for camera in self.campaign.cameras]

    def _read(self, database: duckdb.DuckDBPyConnection, name: str, partitions: list[Partition], into: str = "") -> None:
        """Those of the partitions that are there, as a table. What cannot be read is left out, and said."""
        into = into or name
        there = self.lake.existing(name, partitions)
        schema = schema_of(name)
        schema = pa.schema([schema.field(each) for each in NEEDED.get(name, schema.names)])
        where = " WHERE assigned" if name == "matches" else ""
        database.register(f"{name}_empty", naive(schema.empty_table()))
        database.execute(f"CREATE OR REPLACE TABLE {into} AS FROM {name}_empty")
        readable = there
        try:
            if there:
                paths = ", ".join(quoted(self.lake.storage.path(key(name, place))) for place in there)
                source = f"read_parquet([{paths}], hive_partitioning = false)"
                database.execute(f"INSERT INTO {into} SELECT {naive_columns(schema)} FROM {source}{where}")
        except duckdb.Error:  # one of them is damaged, or of another version: each by itself
            readable = [place for place in there if self._read_one(database, name, place, into, schema.names, where)]
        if name == "passages":
            database.register("made", made(readable))

    def _read_one(
        self, database: duckdb.DuckDBPyConnection, name: str, place: Partition, into: str, columns: list[str], where: str
    ) -> bool:
        try:
            rows = naive(self.lake.read(name, place, columns))  # noqa: F841 - DuckDB finds it by its name
        except CctviewError as error:
            self.left_out.append(str(error))
            return False
        database.execute(f"INSERT INTO {into} FROM rows{where}")
        return True

    def _replace(self, name: str, rows: pa.Table) -> None:
        """What was built is what later statements read."""
        if name in ("vehicle_counts", "flows", "travel_times", "anomalies"):
            built = naive(rows)  # noqa: F841 - DuckDB finds it by its name
            self.database.execute(f"CREATE OR REPLACE TABLE {name} AS FROM built")

    def _filter(self, database: duckdb.DuckDBPyConnection) -> None:
        """Adds to ``timed`` which of its rows Dion and Rakha's filter would keep."""
        rows = database.sql("SELECT rowid, way, seconds FROM timed ORDER BY way, arrived_at").fetchnumpy()
        turns = np.flatnonzero(np.diff(rows["way"])) + 1
        inside = np.concatenate([kept(part) for part in np.split(rows["seconds"], turns)])
        flags = pa.table({"row": rows["rowid"], "kept": inside})  # noqa: F841 - DuckDB finds it by its name
        database.execute("CREATE OR REPLACE TABLE timed AS SELECT timed.*, kept FROM timed JOIN flags ON flags.row = timed.rowid")

    def _open_window(self) -> None:
        """The travel times and bins of the days of reliability's window."""
        days = [self.day - timedelta(days=number) for number in range(WINDOW_DAYS)]
        database = self.database
        self._read(database, "travel_times", [Partition.of_day(day) for day in days[1:]], into="earlier_times")
        columns = "from_camera_id, to_camera_id, carriageway, began_at, mean_s"
        database.execute(
            f"CREATE OR REPLACE VIEW window_times AS SELECT {columns} FROM travel_times "
            f"UNION ALL SELECT {columns} FROM earlier_times"
        )
        bins = pa.concat_tables(naive(bins_table(self.calendar, day)) for day in days)
        database.register("window_bins", bins.filter(pa.array(in_window(self.campaign, bins))))


def _statement(name: str) -> str:
    return files(__package__).joinpath(f"{name}.sql").read_text()
