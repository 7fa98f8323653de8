"""What the synthetic city knows about its frames: who is in them, who passed when, and by which way. Real cameras have no such
assets."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg
import pyarrow as pa

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import Partitions
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.network import NetworkResource

if TYPE_CHECKING:
    from cctview_pipeline.city import CityNetwork


def truth_boxes(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("truth_boxes", group="truth", code_version="1"),
        deps=["raw_frames"],
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.independent,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource, network: NetworkResource) -> dg.MaterializeResult:
        from cctview_pipeline.city.truth import in_stored_frames

        store, campaign = lake.open_campaign()
        city = _city(network, campaign)
        run = PartitionRun(context, store, "truth_boxes")

        def make(partition: Partition) -> None:
            frames = store.read("raw_frames", partition, columns=["frame_id", "width", "height"])
            found = in_stored_frames(
                city.truth_boxes(partition.camera, partition.begin), frames, city.mount(partition.camera).size
            )
            run.store(partition, found, {"raw_frames": frames})

        return run.make_all(make, inputs=["raw_frames"])

    return asset


def truth_passages(partitions: Partitions) -> dg.AssetsDefinition:
    return _told_by_the_city("truth_passages", partitions, lambda city, place: city.truth_passages(place.camera, place.begin))


def truth_movements(partitions: Partitions) -> dg.AssetsDefinition:
    return _told_by_the_city("truth_movements", partitions, lambda city, place: city.truth_movements(place.camera, place.begin))


def _told_by_the_city(
    table: str, partitions: Partitions, tell: "Callable[[CityNetwork, Partition], pa.Table]"
) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset(table, group="truth", code_version="1"),
        deps=["raw_frames"],
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.independent,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource, network: NetworkResource) -> dg.MaterializeResult:
        store, campaign = lake.open_campaign()
        city = _city(network, campaign)
        run = PartitionRun(context, store, table)
        return run.make_all(lambda partition: run.store(partition, tell(city, partition)), inputs=["raw_frames"])

    return asset


def _city(network: NetworkResource, campaign: Campaign) -> "CityNetwork":
    from cctview_pipeline.city import CityNetwork

    opened = network.open(campaign)
    assert isinstance(opened, CityNetwork)  # no other campaign has these assets
    return opened
