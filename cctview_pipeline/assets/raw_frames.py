"""raw_frames, and the rejected frames beside them."""

from collections import Counter

import dagster as dg

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.assets.pictures import picture
from cctview_pipeline.automation.policies import independent
from cctview_pipeline.cameras.tables import frames_table, merge_frames, merge_rejected, rejected_table
from cctview_pipeline.images import decode
from cctview_pipeline.partitions import CAMPAIGN, camera_hours
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.network import NetworkResource


@dg.asset(
    **table_asset("raw_frames", group="frames", code_version="1", kinds={"jpeg"}),
    partitions_def=camera_hours,
    backfill_policy=independent,
)
def raw_frames(context: dg.AssetExecutionContext, lake: LakeResource, network: NetworkResource) -> dg.MaterializeResult:
    store, source = lake.open(), network.open(CAMPAIGN)
    run = PartitionRun(context, store, "raw_frames")
    for partition in run.each():
        found = source.read_hour(partition.camera, partition.hour)
        frames = merge_frames(store.read("raw_frames", partition), frames_table(found, source.name))
        rejected = merge_rejected(store.read("rejected_frames", partition), rejected_table(found), frames)
        store.write("rejected_frames", partition, rejected)
        run.store(
            partition,
            frames,
            rejected=rejected.num_rows,
            rejected_reasons=dict(Counter(rejected["reason"].to_pylist())),
            kept_from_before=frames.num_rows - len(found.frames),
            network=source.name,
            first_frame=picture(decode(frames["jpeg"][0].as_py())) if run.with_pictures and frames.num_rows else None,
        )
    return run.result()
