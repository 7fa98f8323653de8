"""evaluation: what the pipeline found in the synthetic city, against what was there."""

import dagster as dg

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import Partitions, in_order
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.models import DetectorResource

# Dagster cannot map a camera and an hour to a day. Truth does not change, so waiting for all of it costs nothing.
_all_truth = dg.AllPartitionMapping()


def evaluation(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("evaluation", group="truth", code_version="1"),
        deps=[
            dg.AssetDep("truth_boxes", partition_mapping=_all_truth),
            dg.AssetDep("truth_passages", partition_mapping=_all_truth),
            dg.AssetDep("truth_movements", partition_mapping=_all_truth),
            dg.AssetDep("journeys", partition_mapping=partitions.hours_of_day),
            "vehicle_counts",
            "travel_times",
        ],
        partitions_def=partitions.days,
        backfill_policy=in_order,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource, detector: DetectorResource) -> dg.MaterializeResult:
        from cctview_pipeline.cameras.local_time import calendar_of
        from cctview_pipeline.evaluate import evaluate, plot_evaluation

        store, campaign = lake.open_campaign()
        run = PartitionRun(context, store, "evaluation")
        cameras = [camera.id for camera in campaign.cameras]

        def make(partition: Partition) -> None:
            of_day = set(calendar_of(campaign).hours(partition.local_day))
            hours = [hour for hour in campaign.hours() if hour in of_day]
            found = evaluate(store, cameras, hours, detector.threshold(campaign))
            run.store(
                partition,
                found.to_table(),
                table=dg.MarkdownMetadataValue(found.markdown()),
                plot=run.pictures.plot(lambda: plot_evaluation(found)),
                results=dg.JsonMetadataValue(found.as_dict()),
            )

        return run.make_all(make)

    return asset
