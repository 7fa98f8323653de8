"""Launching partitions through Dagster, waiting for them, and telling what came of it."""

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import pairwise

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES, BulkActionStatus, PartitionBackfill

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.analytics.report.stored import days_reported
from cctview_pipeline.backfill.watching import Watch
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import fits_one_run, to_key
from cctview_pipeline.privacy.tombstones import Tombstones
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.work import Work

REPORT = "daily_report"
FIGURES = (*MARTS, "throughput", REPORT)
"""Of a local day."""
TRUTH = ("truth_boxes", "truth_passages", "truth_movements")
ACCOUNTS = ("camera_status", "gaps")
CHAIN = ("raw_frames", "detections", "crops", "features", "tracks", "passages", "matches")
"""Tables of a camera and an hour, each made from the one before; but matches from tracks."""

STAGES = {
    "frames to features": ("raw_frames", *TRUTH, *ACCOUNTS, "coverage", "detections", "crops", "features"),
    "tracks and matches": ("tracks", "passages", "matches"),
    "journeys and marts": ("journeys", *FIGURES, "evaluation"),
}

STAGES_OF_ONE_RUN = {
    "frames to matches": (*STAGES["frames to features"], *STAGES["tracks and matches"]),
    "journeys and marts": STAGES["journeys and marts"],
}

Plan = dict[str, set[Partition]]
"""Asset -> its partitions."""


def whole_plan(campaign: Campaign, cameras: Iterable[str], hours: Iterable[datetime]) -> Plan:
    """Everything that cameras and hours lead to: their tables, the journeys of the hours, the marts of their days.

    Marts exist only of days that have passed. The city has its truth and its evaluation, too, and live cameras have their states
    and gaps.
    """
    hours, in_city, live = list(hours), campaign.network == "city", campaign.network in LIVE_NETWORKS
    camera_hours = {Partition.camera_hour(camera, hour) for camera in cameras for hour in hours}
    calendar = calendar_of(campaign)
    days = set(calendar.days_of(hours)) & set(campaign.days(calendar))
    plan: Plan = {
        table: set(camera_hours) for table in ("coverage", *CHAIN, *(TRUTH if in_city else ()), *(ACCOUNTS if live else ()))
    }
    plan["journeys"] = {Partition.of_hour(hour) for hour in hours}
    return plan | {mart: {Partition.of_day(day) for day in days} for mart in (*FIGURES, *(("evaluation",) if in_city else ()))}


def missing_plan(plan: Plan, campaign: Campaign, lake: Lake, instance: dg.DagsterInstance, anew: Iterable[str] = ()) -> Plan:
    """What of the plan was never finished, and what of it rests on that. anew: tables that are to be made all the same.

    A partition is finished when its table is in the lake and Dagster knows of it, or when it was deleted on purpose.
    """
    missing: Plan = {}
    wanted = frozenset(anew)
    tombstones = Tombstones(lake)
    deleted = {asset: tombstones.partitions(asset) for asset in plan}
    for asset, partitions in plan.items():
        known = instance.get_materialized_partitions(dg.AssetKey(asset))
        written = _written(lake, asset)
        unknown = {p for p in partitions if asset in wanted or to_key(p) not in known or p not in written}
        missing[asset] = unknown - deleted[asset]
    for before, asset in pairwise(table for table in CHAIN if table != "passages"):
        missing[asset] |= missing[before]
    missing["coverage"] |= missing["raw_frames"]
    missing["tracks"] |= _hour_after(missing["tracks"])
    missing["passages"] |= missing["tracks"]
    missing["passages"] |= _hour_after(missing["passages"])
    network = RoadNetwork.of(campaign)
    for p in list(missing["tracks"]):
        for camera in (p.camera, *(near.id for near in network.neighbours(p.camera))):
            missing["matches"] |= {Partition.camera_hour(camera, hour) for hour in (p.begin, p.begin + HOUR)}
    touched = {p.begin for p in missing["matches"] | missing["journeys"]}
    missing["journeys"] |= {p for p in plan["journeys"] if touched and p.begin >= min(touched)}
    remade = missing["journeys"] | missing["coverage"] | missing["passages"]
    stale_days = set(calendar_of(campaign).days_of([p.begin for p in remade]))
    for mart in {*FIGURES, "evaluation"} & set(plan):
        missing[mart] |= {p for p in plan[mart] if p.day in stale_days}
    todo = {asset: partitions & plan[asset] - deleted[asset] for asset, partitions in missing.items()}
    return {asset: partitions for asset, partitions in todo.items() if partitions}


def _hour_after(partitions: set[Partition]) -> set[Partition]:
    return {Partition.camera_hour(p.camera, p.begin + HOUR) for p in partitions}


def launch(instance: dg.DagsterInstance, asset_graph: BaseAssetGraph, plan: Plan, title: str) -> str:
    """Hand a plan to Dagster as one backfill, as the UI does. Returns its id."""
    wanted = {AssetKeyPartitionKey(dg.AssetKey(asset), to_key(p)) for asset, partitions in plan.items() for p in partitions}
    backfill_id = uuid.uuid4().hex[:8]
    backfill = PartitionBackfill.from_asset_graph_subset(
        backfill_id=backfill_id,
        backfill_timestamp=time.time(),
        tags={"dagster/from_ui": "false", "cctview/launched_by": "cctview backfill"},
        dynamic_partitions_store=instance,
        asset_graph_subset=AssetGraphSubset.from_asset_partition_set(wanted, asset_graph),
        title=title,
        description=None,
        run_config=None,
    )
    instance.add_backfill(backfill)
    return backfill_id


@dataclass(frozen=True)
class Outcome:
    """succeeded: whether all runs were; finished: how many partitions were made; error: what became of a backfill that Dagster
    itself ended; partly: whether some runs failed and others made something."""

    succeeded: bool
    finished: int
    error: str | None
    partly: bool = False


def run(
    instance: dg.DagsterInstance,
    asset_graph: BaseAssetGraph,
    campaign: Campaign,
    plan: Plan,
    title: str,
    progress: Callable[[str, int, list[Work]], None],
) -> Outcome:
    """Launch a plan and wait for it. progress: called with the stage, the number of partitions done so far, and what runs are
    at. After a stage of which only a part was made, what rests on that part is made all the same.

    One backfill a stage, each begun when the one before has ended. In a single one Dagster would start the tracks of
    each camera-hour as soon as its features are there, in a run of its own, and an hour's journeys before those of the
    hour before: it does not wait for an earlier partition of the same asset. A campaign that fits one run has nothing to wait for
    before its journeys.
    """
    outcome, all_succeeded = Outcome(True, 0, None), True
    for name, assets in (STAGES_OF_ONE_RUN if fits_one_run(campaign) else STAGES).items():
        stage = {asset: plan[asset] for asset in assets if asset in plan}
        if stage and (outcome.succeeded or outcome.partly):
            done = outcome.finished
            backfill_id = launch(instance, asset_graph, stage, f"{title}: {name}")
            outcome = wait(instance, backfill_id, done, partial(progress, name))
            all_succeeded &= outcome.succeeded
    return replace(outcome, succeeded=all_succeeded)


def wait(
    instance: dg.DagsterInstance,
    backfill_id: str,
    done_before: int,
    progress: Callable[[int, list[Work]], None],
    interval_s: float = 0.5,
) -> Outcome:
    """Wait until Dagster has ended a backfill. Partitions done before are added to what progress and the outcome tell."""
    watch, shown = Watch(instance, backfill_id), 0
    while True:
        backfill = instance.get_backfill(backfill_id)
        assert backfill is not None  # nobody deletes it
        assert backfill.asset_backfill_data is not None  # it is of assets
        done = backfill.asset_backfill_data.materialized_subset.num_partitions_and_non_partitioned_assets
        behind, working = watch.look()
        shown = max(shown, done, behind)
        progress(done_before + shown, working)
        if backfill.status in BULK_ACTION_TERMINAL_STATUSES:
            succeeded = backfill.status == BulkActionStatus.COMPLETED_SUCCESS
            partly = done > 0 and backfill.status == BulkActionStatus.COMPLETED_FAILED
            return Outcome(succeeded, done_before + done, _why_ended(backfill), partly)
        time.sleep(interval_s)


def _why_ended(backfill: PartitionBackfill) -> str | None:
    """In our own words: Dagster's stand in its log, for whoever mends this."""
    if backfill.status == BulkActionStatus.CANCELED:
        return "somebody cancelled it"
    if backfill.error:
        return f"Dagster could not carry it out ({backfill.error.cls_name})"
    return None


def unwritten(plan: Plan, lake: Lake) -> Plan:
    """What of a plan has no table in the lake, and was not deleted on purpose: partitions that a run refused to write."""
    tombstones = Tombstones(lake)
    return {asset: partitions - _written(lake, asset) - tombstones.partitions(asset) for asset, partitions in plan.items()}


def _written(lake: Lake, asset: str) -> set[Partition]:
    """What of an asset the lake has: of a table its partitions, and the days that have a report."""
    return set(map(Partition.of_day, days_reported(lake))) if asset == REPORT else set(lake.partitions(asset))


def finished(plan: Plan, lake: Lake, instance: dg.DagsterInstance, after: int) -> int:
    """How many partitions of a plan are in the lake and were made after a place in Dagster's log."""
    left, made = unwritten(plan, lake), 0
    for asset, partitions in plan.items():
        newest = instance.get_latest_storage_id_by_partition(dg.AssetKey(asset), dg.DagsterEventType.ASSET_MATERIALIZATION)
        made += sum(newest.get(to_key(partition), 0) > after for partition in partitions - left[asset])
    return made


def log_end(instance: dg.DagsterInstance) -> int:
    """The newest place in Dagster's log."""
    return instance.event_log_storage.get_maximum_record_id() or 0


def count(plan: Plan) -> int:
    """Partitions of all assets."""
    return sum(len(partitions) for partitions in plan.values())
