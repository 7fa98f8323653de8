"""features: one embedding a crop."""

import dagster as dg

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import Partitions
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.models import ExtractorResource


def features(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("features", group="vehicles", code_version="3", kinds={"openvino"}),
        deps=["crops", "extractor_model"],
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.independent,
        pool="gpu",
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource, extractor: ExtractorResource) -> dg.MaterializeResult:
        from cctview_pipeline.embed.tables import embed_crops

        store, campaign = lake.open_campaign()
        model = extractor.load(campaign)
        run = PartitionRun(context, store, "features")

        def make(partition: Partition) -> None:
            cut = store.read("crops", partition)
            run.store(partition, embed_crops(model, cut), {"crops": cut}, model=model.version, dimension=model.dimension)

        return run.make_all(make, inputs=["crops"])

    return asset
