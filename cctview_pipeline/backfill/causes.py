"""Why partitions of a backfill were not made, in our own words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import dagster as dg
from dagster._utils.error import SerializableErrorInfo

from cctview_pipeline.backfill.stages import CHAIN
from cctview_pipeline.backfill.steps import Plan
from cctview_pipeline.districts import asset_key, of_run
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import to_key
from cctview_pipeline.work import Work

_NOT_WRITTEN = "not written: "
_OURS = "cctview_pipeline."


@dataclass(frozen=True)
class Cause:
    """asset: whose step it was; where: a camera and an hour, or whatever else it was about; sentence: what came of it."""

    asset: str
    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.asset} {self.where}: {self.sentence}".replace(" :", ":")


def find_causes(
    instance: dg.DagsterInstance, unwritten: Plan, since: datetime, district: str = "", most: int = 20
) -> list[Cause]:
    """What first went wrong for each camera and hour, or with each of the district's runs that ended badly.

    unwritten: what should have been made since then and was not; most: as many are looked up.
    """
    refused = list(_refused(instance, list(_roots(unwritten))[:most], since, district))
    return refused + [cause for cause in _failed_runs(instance, since, district, most) if cause.sentence]


def _roots(unwritten: Plan) -> Iterator[tuple[str, Partition]]:
    """Of every camera and hour the first table that is missing: those after it lack only their inputs. If none is, all."""
    seen: set[Partition] = set()
    for asset in CHAIN:
        for partition in sorted(unwritten.get(asset, ()), key=to_key):
            if partition not in seen:
                seen.add(partition)
                yield asset, partition
    if not seen:
        yield from ((asset, partition) for asset, left in unwritten.items() for partition in sorted(left, key=to_key))


def _refused(
    instance: dg.DagsterInstance, roots: Iterable[tuple[str, Partition]], since: datetime, district: str
) -> Iterator[Cause]:
    """What the metadata of a partition says that a run left unwritten."""
    for asset, partition in roots:
        newest = dg.AssetRecordsFilter(
            asset_key=asset_key(district, asset), asset_partitions=[to_key(partition)], after_timestamp=since.timestamp()
        )
        for record in instance.fetch_materializations(newest, limit=1).records:
            made = record.asset_materialization
            verdict = made.metadata.get("verdict") if made else None
            if isinstance(verdict, dg.TextMetadataValue) and (text := verdict.value or "").startswith(_NOT_WRITTEN):
                yield Cause(asset, str(partition), text.removeprefix(_NOT_WRITTEN))


def _failed_runs(instance: dg.DagsterInstance, since: datetime, district: str, most: int) -> Iterator[Cause]:
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED], created_after=since)
    for run in islice((run for run in instance.get_runs(failed) if of_run(run) == district), most):
        at: dict[str, str] = {}
        steps: list[tuple[str, SerializableErrorInfo | None]] = []
        for entry in instance.all_logs(run.run_id):
            event = entry.dagster_event
            if event is None and (work := Work.parse(entry.user_message)):
                at[work.table] = f"{work.partition}"
            elif event and event.event_type == dg.DagsterEventType.STEP_FAILURE:
                steps.append((entry.step_key or "", event.step_failure_data.error))
        if not steps:
            asset, where = next(reversed(at.items()), ("A run", ""))
            yield Cause(asset, where, f"run {run.run_id} was stopped before its end.")
        for asset, error in steps:
            yield Cause(asset, at.get(asset, ""), _sentence(error, run.run_id))


def _sentence(error: SerializableErrorInfo | None, run_id: str) -> str:
    """Ours as it is; nothing where blocked partitions tell it themselves; of a library's only what kind it was."""
    while error and error.cause:
        error = error.cause
    if error is None:
        return f"it failed; the log of run {run_id} has all of it."
    first = error.message.strip().splitlines()[0]
    if first.startswith(_OURS):
        return first.partition(": ")[2]
    if error.cls_name == "DagsterAssetCheckFailedError":
        return ""
    return f"it failed unexpectedly ({error.cls_name}); the log of run {run_id} has all of it."
