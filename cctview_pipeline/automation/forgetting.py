"""Forgetting what Dagster itself keeps of pictures and of printed lines, without losing the lineage.

Pictures stand in the text of events (assets/pictures.py), and Dagster stores an event more than once: in the log of its run and
in the index over all runs (SQLite: a file each; PostgreSQL: one table), and as an asset's last materialization or a check's last
evaluation. All of these are changed in place, so that events keep their ids, times, tags and other metadata. The tables are no
public interface of Dagster: the tests compare what it says before and after. SQLite's files then hold nothing of a picture;
PostgreSQL is told to vacuum, and its write-ahead log and backups forget when they expire.

A mark in the instance says until when all is done: an hourly call looks at what is new. It moves last, so a kill loses nothing.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.base import EventLogRecord
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import deserialize_value

from cctview_pipeline.errors import CctviewError, reason_of

DELETED = "*(picture deleted on purpose)*"
PICTURES_MARK, LOGS_MARK = "cctview/pictures deleted until", "cctview/logs deleted until"
_PICTURE = re.compile(r"(?:!\[(?:(?!!\[)(?:[^\"\\]|\\.))*?\]\()?data:image/[\w.+;=-]+,[\w+/=%-]*\)?")
"""In the JSON of an event, with what markdown has around it; data with anything else around it goes as well."""
_WITH_METADATA = ("ASSET_MATERIALIZATION", "ASSET_OBSERVATION", "ASSET_CHECK_EVALUATION", "STEP_OUTPUT")
"""A step's output repeats the metadata of a run as a whole, which are no partition's."""
_SQLITE_ZEROES = sqlite3.connect(":memory:").execute("PRAGMA secure_delete").fetchone() == (1,)
"""Whether this build of SQLite overwrites what any process deletes. Debian's does; others leave it in the file."""
_BATCH, _MARGIN = 200, timedelta(days=1)
"""Rows at a time; and how far one looks behind the mark, since clocks differ and databases misunderstand time zones."""


def scrub_pictures(instance: dg.DagsterInstance, before: datetime, chosen: Mapping[str, set[str]] | None = None) -> int:
    """Put a sentence in the place of pictures in events that happened before a time. Returns the number of events changed.

    chosen: only in events of these assets' partitions (asset -> keys), however old; ``before`` may then be now. Every run's file
    is looked at for these, since the index may not know of an event any more. Raises CctviewError when a file is in use all the
    time and so can't be cleaned: a picture may then still be in it. 10,000 events of 20 KB each take 10 to 40 s, an hour with
    nothing new 0.2 s.
    """
    storage, done = instance.event_log_storage, _mark(instance, PICTURES_MARK)
    due = _Due(before, done if chosen is None else None, chosen)
    if isinstance(storage, SqliteEventLogStorage):
        failures = []
        for shard in (*_shards(storage, due.since), INDEX_SHARD_NAME):  # the index last: with it an event is done
            engine = _engine(storage, shard)
            try:
                changed = _scrub_events(engine.begin, due)
                _tidy(engine, changed)
            except (CctviewError, db.exc.OperationalError) as error:
                failures.append(f"{engine.url.database} can't be cleaned of pictures, do it again later: {reason_of(error)}")
        if failures:
            raise CctviewError("; ".join(failures))
    else:
        changed = _scrub_events(storage.index_connection, due)
        with storage.index_connection() as connection:
            if changed and connection.dialect.name == "postgresql":
                connection.exec_driver_sql("VACUUM event_logs, asset_keys, asset_check_executions")
    if chosen is None:
        _mark(instance, PICTURES_MARK, before)
    return changed


def delete_logs(instance: dg.DagsterInstance, before: datetime) -> int:
    """Delete what runs printed that ended before a time, or whose record was deleted and who left it here. Returns how many."""
    done, cursor, ended = _mark(instance, LOGS_MARK), None, []
    filters = dg.RunsFilter(statuses=FINISHED_STATUSES, updated_after=done and done - _MARGIN)
    while records := instance.get_run_records(filters, limit=1000, cursor=cursor):
        for record in records:
            end = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
            ended += [record.dagster_run.run_id] if end < before and (done is None or end >= done) else []
        cursor = records[-1].dagster_run.run_id
    folder = Path(instance.storage_directory())
    old = [each.parent.name for each in folder.glob("*/compute_logs") if each.stat().st_mtime < before.timestamp()]
    ended += [run_id for run_id in set(old) - set(ended) if not instance.has_run(run_id)]
    for run_id in ended:
        prefix = list(instance.compute_log_manager.build_log_key_for_run(run_id, ""))[:-1]
        instance.compute_log_manager.delete_logs(prefix=prefix)
        with suppress(OSError):  # the run's folder is elsewhere, or has something else in it
            (folder / run_id).rmdir()
    _mark(instance, LOGS_MARK, before)
    return len(ended)


def mark_deleted(instance: dg.DagsterInstance, asset: str, partition_key: str, verdict: str, **metadata: Any) -> bool:
    """Say in the UI that a partition is not there any more, and why, in a materialization that belongs to no run.

    verdict: such as "deleted on purpose: older than 24 h". The event has the data version, the code version and the inputs of
    the one before, so that to Dagster nothing has changed: what was made from the partition does not become stale. Returns
    whether there is a new event: there is none for a partition that was never materialized or that has this verdict already.
    """
    key = dg.AssetKey.from_user_string(asset)
    found = instance.fetch_materializations(dg.AssetRecordsFilter(key, asset_partitions=[partition_key]), limit=1).records
    if not found or found[0].asset_materialization.metadata.get("verdict") == dg.MetadataValue.text(verdict):
        return False
    tags = found[0].asset_materialization.tags
    event = dg.AssetMaterialization(key, partition=partition_key, metadata={"verdict": verdict} | metadata, tags=tags)
    instance.report_runless_asset_event(event)
    return True


@dataclass(frozen=True)
class _Due:
    """Which events are meant: from some time before ``since`` to ``before``, of all partitions or of those chosen."""

    before: datetime
    since: datetime | None
    chosen: Mapping[str, set[str]] | None

    def conditions(self, time: db.Column) -> list:
        """For the rows of a table, one after the other: no statement may name too many partitions."""
        naive = lambda moment: moment.astimezone(UTC).replace(tzinfo=None)  # noqa: E731
        aged = (time < naive(self.before)) & (time >= naive(self.since - _MARGIN) if self.since else db.true())
        if self.chosen is None:
            return [aged]
        keys = [(dg.AssetKey.from_user_string(asset).to_string(), sorted(each)) for asset, each in self.chosen.items()]
        parts = [(asset, each[at : at + 500]) for asset, each in keys for at in range(0, len(each), 500)]
        return [aged & (time.table.c.asset_key == asset) & time.table.c.partition.in_(part) for asset, part in parts]

    def means(self, record: str) -> bool:
        """Whether an event as the table of assets has it is meant."""
        event = deserialize_value(record, EventLogRecord).event_log_entry
        asset, partition = event.dagster_event.asset_key.to_user_string(), event.dagster_event.partition
        return event.timestamp < self.before.timestamp() and (self.chosen is None or partition in self.chosen.get(asset, ()))


def _scrub_events(connect: Callable[[], AbstractContextManager[db.Connection]], due: _Due) -> int:
    """Returns the number of events changed, not of their copies. In the file of a run the tables of copies are empty."""
    events, checks = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    _scrub(connect, AssetKeyTable.c.last_materialization, [db.true()], due.means)  # one row an asset
    _scrub(connect, checks.evaluation_event, due.conditions(checks.evaluation_event_timestamp))
    conditions = [events.dagster_event_type.in_(_WITH_METADATA) & each for each in due.conditions(events.timestamp)]
    return _scrub(connect, events.event, conditions)


def _scrub(connect: Callable, column: db.Column, conditions: list, means: Callable[[str], bool] = lambda text: True) -> int:
    """Change the rows with pictures, some at a time. Returns how many."""
    table, changed = column.table, 0
    # A row that somebody else has replaced in the meantime stays as it is.
    update = table.update().where(table.c.id == db.bindparam("row"), column == db.bindparam("old"))
    for condition in conditions:
        some = db.select(table.c.id, column).where(column.contains("data:image/"), condition).order_by(table.c.id).limit(_BATCH)
        rows = [(0, "")]
        while rows:
            with connect() as connection:
                rows = connection.execute(some.where(table.c.id > rows[-1][0])).all()
                found = [{"row": row, "old": text, "new": _PICTURE.sub(DELETED, text)} for row, text in rows if means(text)]
                if found := [each for each in found if each["new"] != each["old"]]:
                    connection.execute(update.values({column: db.bindparam("new")}), found)
            changed += len(found)
    return changed


def _shards(storage: SqliteEventLogStorage, since: datetime | None) -> Iterator[str]:
    """The runs whose files have changed since then. An event is written later than it happened, so the others are done."""
    for shard in (*storage.get_all_run_ids(), RUNLESS_RUN_ID):
        path = Path(storage.path_for_shard(shard))
        files = [each.stat() for each in (path, path.with_name(f"{path.name}-wal")) if each.exists()]
        # Not the time of modification, which copies and backups bring along. An empty file is a run's that begins just now.
        after = (since - _MARGIN).timestamp() if since else 0
        if files and files[0].st_size and max(each.st_ctime for each in files) >= after:
            yield shard


def _engine(storage: SqliteEventLogStorage, shard: str) -> db.Engine:
    """Of one file. Dagster's own connections look for migrations first, which takes 40 ms a run."""
    wait = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
    engine = db.create_engine(storage.conn_string_for_shard(shard), poolclass=db.NullPool, connect_args=wait)
    db.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA secure_delete=ON").close())
    return engine


def _tidy(engine: db.Engine, changed: int) -> None:
    """Take out of a file and its write-ahead log what is in no table any more, whoever deleted it."""
    with engine.connect() as connection:
        if not _SQLITE_ZEROES and (changed or connection.exec_driver_sql("PRAGMA freelist_count").scalar()):
            connection.exec_driver_sql("VACUUM")
        if connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar():
            raise CctviewError("others read it all the time.")


def _mark(instance: dg.DagsterInstance, name: str, to: datetime | None = None) -> datetime | None:
    """Until when all is done; to: move it there, if that is forward and not in the future."""
    found = instance.daemon_cursor_storage.get_cursor_values({name})
    mark = datetime.fromisoformat(found[name]) if found else None
    if to and (mark is None or mark < to):
        instance.daemon_cursor_storage.set_cursor_values({name: min(to, datetime.now(UTC)).isoformat()})
    return mark
