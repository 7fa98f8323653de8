"""features: one embedding a crop, turned by its day's key."""

import dagster as dg

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import Partitions
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.models import ExtractorResource


def features(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("features", group="vehicles", code_version="2", kinds={"openvino"}),
        deps=["crops", "extractor_model"],
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.independent,
        pool="gpu",
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource, extractor: ExtractorResource) -> dg.MaterializeResult:
        from cctview_pipeline.embed.tables import embed_crops
        from cctview_pipeline.privacy.rotation import seal
        from cctview_pipeline.resources.keys import open_keys

        store, campaign = lake.open_campaign()
        model, keys = extractor.load(campaign), open_keys(store.uri)
        run = PartitionRun(context, store, "features")

        def make(partition: Partition) -> None:
            cut, key = store.read("crops", partition), keys.key(partition.hour.date())
            rows = seal(embed_crops(model, cut), key)
            run.store(partition, rows, {"crops": cut}, model=model.version, dimension=model.dimension)

        return run.make_all(make, inputs=["crops"])

    return asset
