"""camera_status and gaps: what became of a live camera, hour by hour. Archives and the city have no such assets."""

from collections import Counter
from functools import cache, partial

import dagster as dg
import pyarrow as pa

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import Partitions, same_camera_hour_and_before
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.spool.opening import open_spool
from cctview_pipeline.spool.store import SegmentStore


def required_spool(campaign: Campaign) -> SegmentStore:
    """Where a live campaign's frames and notes wait. Raises CctviewError for a campaign that does not say."""
    if not campaign.path:
        raise CctviewError("The campaign names no spool: set path under [campaign] in campaign.toml.")
    return open_spool(campaign.path)


def camera_status(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("camera_status", group="frames", code_version="1"),
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.independent,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        from cctview_pipeline.collect.tables import status_table

        store, campaign = lake.open_campaign()
        run = PartitionRun(context, store, "camera_status")
        spool = cache(partial(required_spool, campaign))  # a campaign without one is told a partition, and a bucket opened once

        def make(partition: Partition) -> None:
            stored = store.read("camera_status", partition)
            found = status_table(spool(), partition.camera, partition.begin, stored)
            run.store(partition, found, states=_seconds(found, "state"))

        return run.make_all(make)

    return asset


def gaps(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("gaps", group="frames", code_version="2"),
        deps=["camera_status", dg.AssetDep("raw_frames", partition_mapping=same_camera_hour_and_before)],
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.independent,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        from cctview_pipeline.collect.tables import gaps_table

        store = lake.open()
        run = PartitionRun(context, store, "gaps")

        def make(partition: Partition) -> None:
            before = Partition.camera_hour(partition.camera, partition.begin - HOUR)
            frames, earlier = (store.read("raw_frames", place, ["captured_at"]) for place in (partition, before))
            status, rejected = (store.read(table, partition) for table in ("camera_status", "rejected_frames"))
            found = gaps_table(status, frames, earlier, partition.camera, partition.begin, rejected)
            seconds = _seconds(found, "reason")
            run.store(partition, found, reasons=seconds, without_frames_s=round(sum(seconds.values()), 1))

        return run.make_all(make, inputs=["camera_status", "raw_frames"])

    return asset


def _seconds(found: pa.Table, name: str) -> dict[str, float]:
    """state or reason -> seconds of the hour."""
    total: Counter[str] = Counter()
    for row in found.to_pylist():
        total[row[name]] += (row["ended_at"] - row["began_at"]).total_seconds()
    return {what: round(seconds, 1) for what, seconds in total.items()}
