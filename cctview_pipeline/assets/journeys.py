"""journeys: matches chained over the corridor."""

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import Partitions, all_cameras, hour_before, in_order
from cctview_pipeline.resources.lake import LakeResource


def journeys(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("journeys", group="journeys", code_version="2"),
        deps=[
            dg.AssetDep("tracks", partition_mapping=all_cameras),
            dg.AssetDep("matches", partition_mapping=all_cameras),
            # The day's marts read these two, and wait for them here: Dagster cannot map a camera and an hour to a day.
            dg.AssetDep("coverage", partition_mapping=all_cameras),
            dg.AssetDep("passages", partition_mapping=all_cameras),
            dg.AssetDep("camera_flows", partition_mapping=all_cameras),  # which the day's figures wait for
            dg.AssetDep("journeys", partition_mapping=hour_before),
        ],
        partitions_def=partitions.hours,
        backfill_policy=in_order,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        from cctview_pipeline.match.journeys import chain_journeys

        store, campaign = lake.open_campaign()
        run = PartitionRun(context, store, "journeys")

        def make(partition: Partition) -> None:
            seen = _all_cameras(store, campaign, "tracks", partition)
            before = store.read("journeys", Partition.of_hour(partition.begin - HOUR))
            found = chain_journeys(seen, _all_cameras(store, campaign, "matches", partition), before)
            legs = found.group_by("journey_id").aggregate([("leg", "max")])["leg_max"]
            run.store(
                partition,
                found,
                {"tracks": seen},
                journeys=len(legs),
                over_two_or_more_cameras=pc.sum(pc.greater_equal(legs, 1)).as_py() or 0,
                most_cameras=(pc.max(legs).as_py() + 1) if len(legs) else 0,
                cameras_not_matched=[c.id for c in campaign.cameras if not _matched(store, c.id, partition)],
            )

        return run.make_all(make)

    return asset


def _all_cameras(store: Lake, campaign: Campaign, table: str, partition: Partition) -> pa.Table:
    return pa.concat_tables(store.read(table, Partition.camera_hour(camera.id, partition.begin)) for camera in campaign.cameras)


def _matched(store: Lake, camera: str, partition: Partition) -> bool:
    return store.has("matches", Partition.camera_hour(camera, partition.begin))
