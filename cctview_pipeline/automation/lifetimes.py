"""What is over ends by itself: every hour, in the lake, the spool, the keys, and in what Dagster keeps of runs' output.

The command line does the same by the same functions, and erases by them.
"""

from dataclasses import dataclass, field
from datetime import datetime

import dagster as dg

from cctview_pipeline.assets.graph import BY_PRODUCTS, build_assets
from cctview_pipeline.automation.forgetting import delete_logs, mark_deleted
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.districts import asset_key
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.partitions import to_key
from cctview_pipeline.policy import Policy
from cctview_pipeline.privacy.erasures import Erasure
from cctview_pipeline.privacy.forgetting import ErasureReport, Graph, drop_spent, erase, erase_late, unfinished
from cctview_pipeline.privacy.retention import PurgeReport, find_due, purge
from cctview_pipeline.resources.keys import open_keys
from cctview_pipeline.spool.opening import open_spool
from cctview_pipeline.spool.store import SegmentStore


@dataclass(frozen=True)
class RetentionReport:
    """report: of the lake, the spool and the keys; logs: runs whose output went; erasures: that had been begun and are carried
    out now."""

    report: PurgeReport
    logs: int = 0
    erasures: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """kind -> how many went."""
        beside = {"runs' output": self.logs, "erasures": len(self.erasures)}
        return self.report.counts() | {name: count for name, count in beside.items() if count}


def spool_of(campaign: Campaign) -> SegmentStore | None:
    """Where a live campaign's collectors leave frames; None for other networks."""
    return open_spool(campaign.path) if campaign.network in LIVE_NETWORKS and campaign.path else None


def table_graph(campaign: Campaign) -> Graph:
    """Table -> the tables of a campaign that it is made from, as Dagster knows them."""
    specs = {spec.key.path[-1]: spec for asset in build_assets(campaign) for spec in asset.specs}
    parents = {name: {dep.asset_key.path[-1] for dep in spec.deps} & set(TABLES) - {name} for name, spec in specs.items()}
    return {name: set() for name in BY_PRODUCTS} | {name: before for name, before in parents.items() if name in TABLES}


def end_lifetimes(
    instance: dg.DagsterInstance, lake: Lake, campaign: Campaign, now: datetime, dry_run: bool = False
) -> RetentionReport:
    """Delete everything that is older than the campaign allows, and end erasures that were interrupted."""
    policy, keys, spool = Policy.of(campaign), open_keys(lake.uri), spool_of(campaign)
    due = find_due(lake, campaign, policy, now, spool, keys)
    if dry_run:
        return RetentionReport(purge(lake, due, now, keys, dry_run=True))
    begun = unfinished(lake)
    for erasure in begun:
        carry_out(instance, lake, campaign, erasure)
    if spool:
        erase_late(lake, spool)
    report, district = purge(lake, due, now, keys), campaign.district
    for each in report.deleted:
        if each.partition:
            mark_deleted(instance, asset_key(district, each.kind), to_key(each.partition), f"deleted on purpose: {each.why}")
    drop_spent(lake, campaign)
    logs = policy.lifetime("logs")
    gone = delete_logs(instance, now - logs, district) if logs else 0
    return RetentionReport(report, gone, [erasure.id for erasure in begun])


def carry_out(instance: dg.DagsterInstance, lake: Lake, campaign: Campaign, erasure: Erasure) -> ErasureReport:
    """An erasure, in Dagster's metadata as well: partitions of which something went say so."""

    def tell(report: ErasureReport) -> None:
        for table, partition in report.partitions:
            gone = report.changed.get(table, {}).get(str(partition))
            told = f"{gone} rows erased or painted over on request" if gone else "made anew after erasure"
            mark_deleted(instance, asset_key(campaign.district, table), to_key(partition), f"{told} {erasure.id}")

    return erase(lake, campaign, erasure, table_graph(campaign), spool_of(campaign), tell)
