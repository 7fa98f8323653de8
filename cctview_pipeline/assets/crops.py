"""crops: the picture of every vehicle."""

from collections import Counter

import dagster as dg
import pyarrow as pa

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.assets.pictures import strip
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import Partitions
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.models import DetectorResource


def crops(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("crops", group="vehicles", code_version="1", kinds={"png"}),
        deps=["raw_frames", "detections"],
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.independent,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource, detector: DetectorResource) -> dg.MaterializeResult:
        from cctview_pipeline.detect.tables import cut_crops, vehicles

        store, campaign = lake.open_campaign()
        threshold = detector.threshold(campaign)
        run = PartitionRun(context, store, "crops")

        def make(partition: Partition) -> None:
            found = store.read("detections", partition)
            cut = cut_crops(store.read("raw_frames", partition), found, threshold)
            sample = cut["image"].take(pa.array(range(0, cut.num_rows, max(1, cut.num_rows // 16)), pa.int64())).to_pylist()
            run.store(
                partition,
                cut,
                {"vehicles": vehicles(found, threshold)},
                threshold=threshold,
                labels=dict(Counter(cut["label"].to_pylist())),
                sample=run.pictures.seen(lambda: strip([decode(image) for image in sample])) if cut.num_rows else None,
            )

        return run.make_all(make, inputs=["raw_frames", "detections"])

    return asset
