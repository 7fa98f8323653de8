"""features: one embedding a crop."""

import dagster as dg

from cctview_pipeline.assets.crops import crops
from cctview_pipeline.assets.extractor_model import extractor_model
from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.automation.policies import independent
from cctview_pipeline.embed.tables import embed_crops
from cctview_pipeline.partitions import camera_hours
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.models import ExtractorResource


@dg.asset(
    **table_asset("features", group="vehicles", code_version="1", kinds={"pytorch"}),
    deps=[crops, extractor_model],
    partitions_def=camera_hours,
    backfill_policy=independent,
    pool="gpu",
)
def features(context: dg.AssetExecutionContext, lake: LakeResource, extractor: ExtractorResource) -> dg.MaterializeResult:
    store, model = lake.open(), extractor.model
    run = PartitionRun(context, store, "features")
    for partition in run.each(inputs=["crops"]):
        cut = store.read("crops", partition)
        run.store(partition, embed_crops(model, cut), {"crops": cut}, model=model.version, dimension=model.dimension)
    return run.result()
