"""Forgetting what Dagster itself keeps: what runs printed goes, and a partition that went says so, without losing the lineage.

Pictures need no forgetting: none of a real camera is ever told to Dagster (assets/pictures.py).
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES

from cctview_pipeline.districts import of_run

LOGS_MARK = "cctview/logs deleted until"
_MARGIN = timedelta(days=1)
"""How far one looks behind the mark, since clocks differ and databases misunderstand time zones."""


def delete_logs(instance: dg.DagsterInstance, before: datetime, district: str = "") -> int:
    """Delete what a district's runs printed that ended before a time, and what any run left here whose record was deleted.
    Returns how many."""
    mark = f"{LOGS_MARK} {district}".rstrip()
    done, cursor, ended = _mark(instance, mark), None, []
    filters = dg.RunsFilter(statuses=FINISHED_STATUSES, updated_after=done and done - _MARGIN)
    while records := instance.get_run_records(filters, limit=1000, cursor=cursor):
        for record in records:
            end = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
            due = end < before and (done is None or end >= done) and of_run(record.dagster_run) == district
            ended += [record.dagster_run.run_id] if due else []
        cursor = records[-1].dagster_run.run_id
    folder = Path(instance.storage_directory())
    old = [each.parent.name for each in folder.glob("*/compute_logs") if each.stat().st_mtime < before.timestamp()]
    ended += [run_id for run_id in set(old) - set(ended) if not instance.has_run(run_id)]
    for run_id in ended:
        prefix = list(instance.compute_log_manager.build_log_key_for_run(run_id, ""))[:-1]
        instance.compute_log_manager.delete_logs(prefix=prefix)
        with suppress(OSError):  # the run's folder is elsewhere, or has something else in it
            (folder / run_id).rmdir()
    _mark(instance, mark, before)
    return len(ended)


def mark_deleted(instance: dg.DagsterInstance, key: dg.AssetKey, partition_key: str, verdict: str, **metadata: Any) -> bool:
    """Say in the UI that a partition is not there any more, and why, in a materialization that belongs to no run.

    verdict: such as "deleted on purpose: older than 24 h". The event has the data version, the code version and the inputs of
    the one before, so that to Dagster nothing has changed: what was made from the partition does not become stale. Returns
    whether there is a new event: there is none for a partition that was never materialized or that has this verdict already.
    """
    found = instance.fetch_materializations(dg.AssetRecordsFilter(key, asset_partitions=[partition_key]), limit=1).records
    before = found[0].asset_materialization if found else None
    if before is None or before.metadata.get("verdict") == dg.MetadataValue.text(verdict):
        return False
    event = dg.AssetMaterialization(key, partition=partition_key, metadata={"verdict": verdict} | metadata, tags=before.tags)
    instance.report_runless_asset_event(event)
    return True


def _mark(instance: dg.DagsterInstance, name: str, to: datetime | None = None) -> datetime | None:
    """Until when all is done; to: move it there, if that is forward and not in the future."""
    found = instance.daemon_cursor_storage.get_cursor_values({name})
    mark = datetime.fromisoformat(found[name]) if found else None
    if to and (mark is None or mark < to):
        instance.daemon_cursor_storage.set_cursor_values({name: min(to, datetime.now(UTC)).isoformat()})
    return mark
