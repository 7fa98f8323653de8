"""Launching partitions through Dagster, waiting for them, and telling what came of it."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import pairwise

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import PartitionBackfill

from cctview_pipeline.analytics.report.stored import days_reported
from cctview_pipeline.backfill.followed import Followed, Outcome
from cctview_pipeline.backfill.stages import ACCOUNTS, CHAIN, FIGURES, REPORT, TRUTH
from cctview_pipeline.backfill.steps import Plan, steps_of
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.districts import asset_key, district_tags
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import AT_A_TIME, to_key
from cctview_pipeline.privacy.tombstones import Tombstones
from cctview_pipeline.resources.cores import on_this_machine
from cctview_pipeline.resources.needs import tags_of
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.work import Work

AHEAD = 2
"""Backfills for each run that may go on: so many are with Dagster at a time, for its daemon looks at all of them in turn."""
LOOK_S = 0.5


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


BESIDE_MATCHES = ("passages", "camera_flows")
"""Of CHAIN those that are made from tracks and from their own hour before."""


def missing_plan(plan: Plan, campaign: Campaign, lake: Lake, instance: dg.DagsterInstance, anew: Iterable[str] = ()) -> Plan:
    """What of the plan was never finished, and what of it rests on that. anew: tables that are to be made all the same.

    A partition is finished when its table is in the lake and Dagster knows of it, or when it was deleted on purpose.
    """
    missing: Plan = {}
    wanted = frozenset(anew)
    tombstones = Tombstones(lake)
    deleted = {asset: tombstones.partitions(asset) for asset in plan}
    for asset, partitions in plan.items():
        known = instance.get_materialized_partitions(asset_key(campaign.district, asset))
        written = _written(lake, asset)
        unknown = {p for p in partitions if asset in wanted or to_key(p) not in known or p not in written}
        missing[asset] = unknown - deleted[asset]
    for before, asset in pairwise(table for table in CHAIN if table not in BESIDE_MATCHES):
        missing[asset] |= missing[before]
    missing["coverage"] |= missing["raw_frames"]
    missing["tracks"] |= _hour_after(missing["tracks"])
    for table in BESIDE_MATCHES:
        missing[table] |= missing["tracks"]
        missing[table] |= _hour_after(missing[table])
    # Hours whose tracks had gone before there was such a table can't have it any more.
    missing["camera_flows"] -= deleted["tracks"]
    network = RoadNetwork.of(campaign)
    for p in list(missing["tracks"]):
        for camera in (p.camera, *(near.id for near in network.neighbours(p.camera))):
            missing["matches"] |= {Partition.camera_hour(camera, hour) for hour in (p.begin, p.begin + HOUR)}
    touched = {p.begin for p in missing["matches"] | missing["journeys"]}
    missing["journeys"] |= {p for p in plan["journeys"] if touched and p.begin >= min(touched)}
    remade = missing["journeys"] | missing["coverage"] | missing["passages"] | missing["camera_flows"]
    stale_days = set(calendar_of(campaign).days_of([p.begin for p in remade]))
    for mart in {*FIGURES, "evaluation"} & set(plan):
        missing[mart] |= {p for p in plan[mart] if p.day in stale_days}
    todo = {asset: partitions & plan[asset] - deleted[asset] for asset, partitions in missing.items()}
    return {asset: partitions for asset, partitions in todo.items() if partitions}


def _hour_after(partitions: set[Partition]) -> set[Partition]:
    return {Partition.camera_hour(p.camera, p.begin + HOUR) for p in partitions}


def launch(
    instance: dg.DagsterInstance,
    asset_graph: BaseAssetGraph,
    plan: Plan,
    title: str,
    tags: Mapping[str, str] | None = None,
    district: str = "",
) -> str:
    """Hand a plan to Dagster as one backfill, as the UI does. tags: what its runs get of it, since they get none of a job.
    Returns its id."""
    keys = {asset: asset_key(district, asset) for asset in plan}
    wanted = {AssetKeyPartitionKey(keys[asset], to_key(p)) for asset, partitions in plan.items() for p in partitions}
    backfill_id = uuid.uuid4().hex[:8]
    backfill = PartitionBackfill.from_asset_graph_subset(
        backfill_id=backfill_id,
        backfill_timestamp=time.time(),
        tags={"dagster/from_ui": "false", "cctview/launched_by": "cctview backfill"} | district_tags(district) | dict(tags or {}),
        dynamic_partitions_store=instance,
        asset_graph_subset=AssetGraphSubset.from_asset_partition_set(wanted, asset_graph),
        title=title,
        description=None,
        run_config=None,
    )
    instance.add_backfill(backfill)
    return backfill_id


Progress = Callable[[str, int, list[Work]], None]
"""Told the stage, the number of partitions done so far, and what runs are at."""


def run(
    instance: dg.DagsterInstance, asset_graph: BaseAssetGraph, campaign: Campaign, plan: Plan, title: str, progress: Progress
) -> Outcome:
    """Launch a plan step by step (backfill/steps.py) and wait for it. After a step of which only a part was made, what rests on
    that part is made all the same; what rests on steps that made nothing is not begun."""
    at_a_time = runs_at_a_time(instance)
    steps = steps_of(campaign, plan, at_a_time, on_this_machine(instance))
    going, ended = dict[int, Followed](), dict[int, Outcome]()
    while len(ended) < len(steps):
        for number, step in enumerate(steps):
            if len(going) >= AHEAD * at_a_time:
                break
            if number in going or number in ended or not ended.keys() >= set(step.after):
                continue
            before = [ended[each] for each in step.after]
            if before and not any(each.succeeded or each.partly for each in before):
                ended[number] = Outcome(False, 0, None)
                continue
            told = f"{title}: {step.name}"
            backfill_id = launch(instance, asset_graph, step.plan, told, tags_of(campaign, step.job), campaign.district)
            going[number] = Followed(instance, backfill_id)
        for number, each in list(going.items()):
            if outcome := each.look():
                ended[number] = outcome
                del going[number]
        done = sum(each.finished for each in ended.values()) + sum(each.done for each in going.values())
        working = [work for each in going.values() for work in each.working]
        progress(steps[min(going, default=-1)].name, done, working)
        if going:
            time.sleep(LOOK_S)
    error = next((each.error for each in ended.values() if each.error), None)
    made = sum(each.finished for each in ended.values())
    succeeded = all(each.succeeded for each in ended.values())
    return Outcome(succeeded, made, error, partly=made > 0 and not succeeded)


def runs_at_a_time(instance: dg.DagsterInstance) -> int:
    """How many runs Dagster lets go on side by side."""
    runs = instance.get_concurrency_config().run_queue_config
    return max(1, runs.max_concurrent_runs if runs else AT_A_TIME)


def unwritten(plan: Plan, lake: Lake) -> Plan:
    """What of a plan has no table in the lake, and was not deleted on purpose: partitions that a run refused to write."""
    tombstones = Tombstones(lake)
    return {asset: partitions - _written(lake, asset) - tombstones.partitions(asset) for asset, partitions in plan.items()}


def _written(lake: Lake, asset: str) -> set[Partition]:
    """What of an asset the lake has: of a table its partitions, and the days that have a report."""
    return set(map(Partition.of_day, days_reported(lake))) if asset == REPORT else set(lake.partitions(asset))


def finished(plan: Plan, lake: Lake, instance: dg.DagsterInstance, after: int, district: str = "") -> int:
    """How many partitions of a plan are in the lake and were made after a place in Dagster's log."""
    left, made = unwritten(plan, lake), 0
    for asset, partitions in plan.items():
        key = asset_key(district, asset)
        newest = instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        made += sum(newest.get(to_key(partition), 0) > after for partition in partitions - left[asset])
    return made


def log_end(instance: dg.DagsterInstance) -> int:
    """The newest place in Dagster's log."""
    return instance.event_log_storage.get_maximum_record_id() or 0


def count(plan: Plan) -> int:
    """Partitions of all assets."""
    return sum(len(partitions) for partitions in plan.values())
