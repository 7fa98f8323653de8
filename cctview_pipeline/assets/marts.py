"""The daily marts: what traffic engineers ask for."""

from collections.abc import Callable

import dagster as dg
import pyarrow as pa
from matplotlib.figure import Figure

from cctview_pipeline.analytics.plots import plot_travel_times, plot_vehicle_counts
from cctview_pipeline.analytics.warehouse import build_mart
from cctview_pipeline.assets.journeys import journeys
from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.assets.pictures import plot
from cctview_pipeline.automation.policies import in_order
from cctview_pipeline.partitions import days, hours_of_day
from cctview_pipeline.resources.lake import LakeResource


def _mart(name: str, draw: Callable[[pa.Table], Figure]) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset(name, group="analytics", code_version="1", kinds={"duckdb"}),
        deps=[dg.AssetDep(journeys, partition_mapping=hours_of_day)],
        partitions_def=days,
        backfill_policy=in_order,
    )
    def mart(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        store = lake.open()
        run = PartitionRun(context, store, name)
        for partition in run.each():
            rows = build_mart(store, name, partition.day)
            run.store(partition, rows, plot=plot(draw(rows)) if run.with_pictures and rows.num_rows else None)
        return run.result()

    return mart


vehicle_counts = _mart("vehicle_counts", plot_vehicle_counts)
travel_times = _mart("travel_times", plot_travel_times)
