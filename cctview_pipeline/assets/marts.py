"""The daily marts: what traffic engineers ask for."""

import dagster as dg

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import Partitions, hours_of_day, in_order
from cctview_pipeline.resources.lake import LakeResource


def _mart(name: str, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset(name, group="analytics", code_version="1", kinds={"duckdb"}),
        deps=[dg.AssetDep("journeys", partition_mapping=hours_of_day)],
        partitions_def=partitions.days,
        backfill_policy=in_order,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        from cctview_pipeline.analytics.plots import PLOTS
        from cctview_pipeline.analytics.warehouse import build_mart

        store = lake.open()
        run = PartitionRun(context, store, name)

        def make(partition: Partition) -> None:
            rows = build_mart(store, name, partition.begin.date())
            run.store(partition, rows, plot=run.pictures.plot(lambda: PLOTS[name](rows)) if rows.num_rows else None)

        return run.make_all(make)

    return asset


def vehicle_counts(partitions: Partitions) -> dg.AssetsDefinition:
    return _mart("vehicle_counts", partitions)


def travel_times(partitions: Partitions) -> dg.AssetsDefinition:
    return _mart("travel_times", partitions)
