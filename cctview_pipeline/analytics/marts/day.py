"""A local day of the lake as a DuckDB database: what the statements of the marts read, opened once and by exact keys."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from importlib.resources import files
from types import TracebackType

import duckdb
import numpy as np
import pyarrow as pa

from cctview_pipeline.analytics.known_bias import MEASURES, known_bias
from cctview_pipeline.analytics.marts.dion_rakha import kept
from cctview_pipeline.analytics.warehouse import naive_columns, open_database, quoted
from cctview_pipeline.campaign import FACINGS, HOUR, Campaign, floor_hour
from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import key
from cctview_pipeline.lake.marts import MIN_EXPANDED, MIN_OBSERVED
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.local_calendar import BIN, LocalCalendar
from cctview_pipeline.match.gate import edges_into
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
}
"""Columns of large tables that a statement reads."""


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
        self._known = self._relations()
        for name, table in self._known.items():
            database.register(name, table)
        before = self._camera_hours(self.hours[:1] and [self.hours[0] - HOUR])
        for name, partitions in self.reads.items():
            self._read(database, name, (before if name == "passages" else []) + partitions)
        for name in ("vehicle_counts", "flows", "travel_times", "anomalies"):
            self._read(database, name, [Partition.of_day(self.day)])
        models = [model for (model,) in database.sql("SELECT DISTINCT model FROM passages").fetchall()]
        self.model = models[0] if len(models) == 1 else ""
        database.register("bias", _bias(self.model))
        database.execute(files(__package__).joinpath("prelude.sql").read_text())
        self._filter(database)
        return database

    @property
    def reads(self) -> dict[str, list[Partition]]:
        """Table -> the partitions of the day's hours that its figures are made from."""
        tables = dict.fromkeys(("coverage", "passages", "vehicles_in_view", "matches"), self._camera_hours(self.hours))
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
            database.register("made", _made(readable))

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
        database.register("window_bins", bins.filter(pa.array(self._inside(bins))))

    def _inside(self, bins: pa.Table) -> list[bool]:
        return [self.campaign.covers(floor_hour(at.replace(tzinfo=UTC))) for at in bins["began_at"].to_pylist()]

    def _relations(self) -> dict[str, pa.Table]:
        """What the campaign and the calendar know."""
        campaign, bins = self.campaign, naive(bins_table(self.calendar, self.day))
        begins = bins["began_at"].to_pylist()
        fives = [self.calendar.begin(self.day) + number * _FIVE for number in range(3 * len(begins))]
        edges = _edges(campaign)
        said = [each.to_dict() for each in campaign.anomalies]
        return {
            "bins": bins.append_column("ended_at", pa.array([at + BIN for at in begins], pa.timestamp("us")))
            .append_column("clock_hour", pa.array([text[:13] + text[-6:] for text in bins["local_at"].to_pylist()]))
            .append_column("in_window", pa.array(self._inside(bins))),
            "fives": naive(
                pa.table({"began_at": pa.array(fives, pa.timestamp("us", "UTC")), "local_at": [*map(self.calendar.local, fives)]})
            ),
            "cameras": pa.table(
                {
                    "camera_id": [camera.id for camera in campaign.cameras],
                    "corridor": [camera.corridor for camera in campaign.cameras],
                    "place": [camera.order for camera in campaign.cameras],
                }
            ),
            "sides": pa.Table.from_pylist(
                [{"camera_id": camera.id, "carriageway": side} for camera in campaign.cameras for side in sides_of(camera.faces)],
                pa.schema([("camera_id", pa.string()), ("carriageway", pa.string())]),
            ),
            "labels": pa.table({"label": list(VEHICLES)}),
            "edges": edges,
            "ends": _ends(edges),
            "said": _anomalies(said),
            "declared": _anomalies(
                [each for each in said if each["problem"] == "do-not-use" and each["investigation"] != "dismissed"]
            ),
        }


def sides_of(faces: str) -> tuple[str, str]:
    """The carriageways of a camera that looks so: letters, or the directions where nobody knows."""
    if not faces:
        return "away", "towards"
    place = FACINGS.index(faces)
    return FACINGS[place][0].upper(), FACINGS[(place + 2) % 4][0].upper()


def bins_table(calendar: LocalCalendar, day: date) -> pa.Table:
    """The table ``bins`` of a local day."""
    rows = []
    for began in calendar.bins(day):
        local = began.astimezone(calendar.zone)
        offset = local.utcoffset()
        assert offset is not None
        rows.append(
            {
                "began_at": began,
                "local_at": calendar.local(began),
                "local_date": day,
                "local_time": f"{local:%H:%M}",
                "utc_offset_min": offset // timedelta(minutes=1),
                "weekday": local.isoweekday(),
                "holiday": calendar.holiday(day),
                "period": calendar.period(began),
            }
        )
    return pa.Table.from_pylist(rows, schema_of("bins"))


def naive(table: pa.Table) -> pa.Table:
    """Times without their zone, which is UTC: DuckDB calculates with zones only where its ICU extension is installed."""
    fields = [f.with_type(pa.timestamp("us")) if pa.types.is_timestamp(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields))


def _made(there: list[Partition]) -> pa.Table:
    """Camera-hours that have passages."""
    hours = [place.begin.replace(tzinfo=None) for place in there]
    return pa.table(
        {"camera_id": pa.array([place.camera for place in there], pa.string()), "hour": pa.array(hours, pa.timestamp("us"))}
    )


def _edges(campaign: Campaign) -> pa.Table:
    """Ways between neighbouring cameras, with their places along the corridor."""
    metres: dict[str, float] = {}
    for name in dict.fromkeys(camera.corridor for camera in campaign.cameras):
        road, at = sorted((c for c in campaign.cameras if c.corridor == name), key=lambda c: c.order), 0.0
        for before, camera in zip([None, *road], road, strict=False):
            at += before.distance_m(camera) if before else 0.0
            metres[camera.id] = at
    rows = [
        {
            "corridor": edge.target.corridor,
            "carriageway": edge.carriageway,
            "from_camera_id": edge.source.id,
            "to_camera_id": edge.target.id,
            "metres": edge.metres,
            "from_m": metres[edge.source.id],
            "to_m": metres[edge.target.id],
        }
        for camera in campaign.cameras
        if camera.faces
        for edge in edges_into(campaign, camera.id)
        if edge.source.faces
    ]
    texts = ("corridor", "carriageway", "from_camera_id", "to_camera_id")
    schema = [(name, pa.string()) for name in texts] + [(name, pa.float64()) for name in ("metres", "from_m", "to_m")]
    return pa.Table.from_pylist(rows, pa.schema(schema)).append_column("way", pa.array(range(len(rows)), pa.int32()))


def _ends(edges: pa.Table) -> pa.Table:
    """Where a corridor's carriageway begins and ends, and over how many ways."""
    names = ("corridor", "carriageway", "from_camera_id", "to_camera_id")
    rows = []
    for road in dict.fromkeys(zip(edges["corridor"].to_pylist(), edges["carriageway"].to_pylist(), strict=True)):
        ways = [row for row in edges.to_pylist() if (row["corridor"], row["carriageway"]) == road]
        ways.sort(key=lambda row: row["from_m"], reverse=ways[0]["to_m"] < ways[0]["from_m"])
        rows.append(
            dict(zip(names, (*road, ways[0]["from_camera_id"], ways[-1]["to_camera_id"]), strict=True)) | {"ways": len(ways)}
        )
    return pa.Table.from_pylist(rows, pa.schema([*((name, pa.string()) for name in names), ("ways", pa.int64())]))


def _anomalies(said: list[dict]) -> pa.Table:
    texts = ("carriageway", "label", "problem", "investigation", "note")
    rows = [
        {"camera_id": each["camera"], "began_at": each["began"], "ended_at": each["ended"]}
        | {name: each.get(name) for name in texts}
        for each in said
    ]
    times = [(name, pa.timestamp("us", "UTC")) for name in ("began_at", "ended_at")]
    return naive(
        pa.Table.from_pylist(rows, pa.schema([("camera_id", pa.string()), *times, *((name, pa.string()) for name in texts)]))
    )


def _bias(model: str) -> pa.Table:
    """What is known of models, as shares of the true values."""
    known = [known_bias(measure, model) for measure in MEASURES]
    rows = [{"measure": each.measure, "value": each.value / 100, "spread": each.spread / 100} for each in known if each]
    return pa.Table.from_pylist(rows, pa.schema([("measure", pa.string()), ("value", pa.float64()), ("spread", pa.float64())]))


def _statement(name: str) -> str:
    return files(__package__).joinpath(f"{name}.sql").read_text()
