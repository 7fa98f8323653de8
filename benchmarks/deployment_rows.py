"""A day of a large campaign in Dagster's storage: one group's hour as Dagster itself writes it, the others as copies of its rows.

Dagster takes one to three seconds to write what a run says, so that 4,000 cameras' day would take it nine hours of this
machine. A copy differs in run, cameras, hour and time, and has the same length.
"""

import io
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
import deployment_graph as graph
import psycopg2
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

TABLES = ("runs", "run_tags", "event_logs", "asset_event_tags", "asset_check_executions")
STAMPS = {"timestamp", "event_timestamp", "create_timestamp", "update_timestamp"}
HOUR = timedelta(hours=1)
GROUP_JOBS = tuple(graph.CUTS)


def connect(server: dict[str, str]):
    """server: DAGSTER_PG_*."""
    connection = psycopg2.connect(
        host=server["DAGSTER_PG_HOST"],
        port=server["DAGSTER_PG_PORT"],
        user=server["DAGSTER_PG_USERNAME"],
        password=server["DAGSTER_PG_PASSWORD"],
        dbname=server["DAGSTER_PG_DB"],
    )
    connection.autocommit = True
    return connection


def written_by_dagster(instance: dg.DagsterInstance, cameras: int) -> tuple[list[str], float]:
    """Execute the jobs of the first group's first hour. Returns the runs, and the seconds of Dagster for them."""
    repository = graph.build(cameras).get_repository_def()
    (first, last), *_ = graph.groups(cameras)
    begin, runs = datetime.now(), []
    for name in GROUP_JOBS:
        job = repository.get_job(name)
        run = instance.create_run_for_job(job, tags=graph.range_tags(first, last, graph.START))
        assert execute_run(InMemoryJob(job), run, instance).success
        runs.append(run.run_id)
    # Matching has all cameras of an hour in one run; of one group here, so that its rows can be copied a group as well.
    job = repository.get_job("matching")
    run = instance.create_run_for_job(job, tags=graph.range_tags(first, last, graph.START))
    assert execute_run(InMemoryJob(job), run, instance).success
    return [*runs, run.run_id], (datetime.now() - begin).total_seconds()


@dataclass(frozen=True)
class _Text:
    """A text cut at what differs in a copy."""

    parts: list[str]

    @classmethod
    def of(cls, text: str, differing: re.Pattern) -> "_Text":
        return cls(differing.split(text))

    def copied(self, change: Callable[[str], str]) -> str:
        return "".join(change(part) if odd % 2 else part for odd, part in enumerate(self.parts))


@dataclass
class Template:
    """Rows of one group's hour, as COPY writes them. ids: table -> the next free one."""

    lines: dict[str, list[tuple[int, _Text]]]
    columns: dict[str, list[str]]
    runs: list[str]
    ids: dict[str, int]
    stamps: dict[str, set[int]]

    @classmethod
    def read(cls, server: dict[str, str], runs: list[str]) -> "Template":
        """What Dagster wrote about the runs."""
        differing = re.compile(rf"(camera-\d{{4}}|{'|'.join(runs)}|{graph.START:%Y-%m-%dT%H})")
        lines: dict[str, list[tuple[int, _Text]]] = {}
        columns, stamps = {}, {}
        with closing(connect(server)) as connection, connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"SELECT * FROM {table} LIMIT 0")
                columns[table] = [column.name for column in cursor.description]
                cursor.execute(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND data_type LIKE 'timestamp%%'",
                    [table],
                )
                times = {name for (name,) in cursor.fetchall()} & STAMPS
                stamps[table] = {columns[table].index(name) for name in times}
                named = ",".join(f"'{run}'" for run in runs)
                of_runs = "event_id IN (SELECT id FROM event_logs WHERE run_id IN ({}))" if table == "asset_event_tags" else ""
                where = (of_runs or "run_id IN ({})").format(named)
                file = io.StringIO()
                cursor.copy_expert(f"COPY (SELECT * FROM {table} WHERE {where} ORDER BY id) TO STDOUT", file)
                rows = file.getvalue().splitlines()
                lines[table] = [(int(row.split("\t", 1)[0]), _Text.of(row.split("\t", 1)[1], differing)) for row in rows]
        return cls(lines, columns, runs, {}, stamps)

    def number(self, server: dict[str, str]) -> None:
        """Copies have ids of their own, above all that there are."""
        with closing(connect(server)) as connection, connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"SELECT nextval(pg_get_serial_sequence('{table}', 'id'))")
                self.ids[table] = cursor.fetchone()[0]

    def copy(self, server: dict[str, str], group: int, hours: Iterable[datetime], at: Callable[[datetime], datetime]) -> int:
        """Write a group's hours. at: an hour -> the time at which its runs were. Returns the rows."""
        written = 0
        with closing(connect(server)) as connection, connection.cursor() as cursor:
            files = {table: io.StringIO() for table in TABLES}
            for hour in hours:
                for table, row in self._rows(group, hour, at(hour)):
                    files[table].write(row)
                    written += 1
            for table, file in files.items():
                file.seek(0)
                cursor.copy_expert(f"COPY {table} FROM STDIN", file)
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {self.ids[table]})")
        return written

    def _rows(self, group: int, hour: datetime, at: datetime) -> Iterator[tuple[str, str]]:
        runs = {run: str(uuid.uuid4()) for run in self.runs}
        said, stamp = f"{hour:%Y-%m-%dT%H}", at.strftime("%Y-%m-%d %H:%M:%S.%f")

        def change(part: str) -> str:
            if part.startswith("camera-"):
                return f"camera-{int(part[7:]) + graph.GROUP * group:04d}"
            return runs.get(part, said)

        events = {old: self.ids["event_logs"] + number for number, (old, _) in enumerate(self.lines["event_logs"])}
        for table in TABLES:
            for _, text in self.lines[table]:
                cells = text.copied(change).split("\t")
                for index in self.stamps[table]:
                    if cells[index - 1] != "\\N":
                        cells[index - 1] = stamp
                if table == "asset_event_tags":
                    place = self.columns[table].index("event_id") - 1
                    cells[place] = str(events[int(cells[place])])
                yield table, f"{self.ids[table]}\t" + "\t".join(cells) + "\n"
                self.ids[table] += 1
