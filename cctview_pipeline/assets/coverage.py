"""coverage: what was seen of every quarter of an hour, which all figures stand on."""

import dagster as dg

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import Partitions
from cctview_pipeline.resources.lake import LakeResource

_TOLD = ("camera_status", "gaps", "rejected_frames")
_SEEN = ["frame_id", "captured_at", "fetched_at", "width", "height", "jpeg"]


def coverage(campaign: Campaign, partitions: Partitions) -> dg.AssetsDefinition:
    live = campaign.network in LIVE_NETWORKS

    @dg.asset(
        **table_asset("coverage", group="frames", code_version="1"),
        deps=["raw_frames", *(("camera_status", "gaps") if live else ())],
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.independent,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        from cctview_pipeline.collect.coverage import STATES, coverage, look_at

        store = lake.open()
        run = PartitionRun(context, store, "coverage")

        def make(partition: Partition) -> None:
            frames = store.read("raw_frames", partition, _SEEN).sort_by("captured_at")
            told = {table: store.read(table, partition) for table in _TOLD}
            found = coverage(partition.camera, partition.begin, frames, look_at(frames), told)
            seconds = {state: round(sum(found[f"{state}_s"].to_pylist())) for state in STATES}
            run.store(
                partition,
                found,
                coverage=round(seconds["live"] / 3600, 3),
                seconds={state: value for state, value in seconds.items() if value},
            )

        return run.make_all(make, inputs=["raw_frames", *(("camera_status", "gaps") if live else ())])

    return asset
