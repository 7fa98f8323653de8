"""camera_flows: from which approach to which exit vehicles go in a camera's picture; and beside it how many, and who stood."""

from collections.abc import Callable

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import Partitions, in_order, same_camera_hour_before
from cctview_pipeline.resources.lake import LakeResource

_DETECTED = ["detection_id", "captured_at", "x1", "y1", "x2", "y2", "score", "label", "frame_width", "frame_height"]


def camera_flows(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("camera_flows", group="journeys", code_version="2", kinds={"scipy"}),
        deps=["tracks", "detections", dg.AssetDep("camera_flows", partition_mapping=same_camera_hour_before)],
        partitions_def=partitions.camera_hours,
        backfill_policy=in_order,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        from cctview_pipeline.track.movements.tables import movements_of_hour
        from cctview_pipeline.track.retraced import seen_again

        store, campaign = lake.open_campaign()
        run = PartitionRun(context, store, "camera_flows")

        def make(partition: Partition) -> None:
            tracks, detections = store.read("tracks", partition), store.read("detections", partition, _DETECTED)
            before = store.read("camera_flows", Partition.camera_hour(partition.camera, partition.begin - HOUR))
            views = seen_again(tracks, detections)
            times = _frame_times(store, partition, detections, len(views) > 1)
            found = movements_of_hour(campaign.camera(partition.camera), partition.begin, views, times, before)
            run.store(
                partition,
                found.flows,
                beside={"movements_seen": found.seen, "queues_seen": found.queues},
                tracks=tracks.num_rows,
                movements=[f"{row['view']}: {row['approach']} to {row['exit']}" for row in found.flows.to_pylist()],
                unassigned=found.unassigned,
            )

        return run.make_all(make, inputs=["tracks", "detections"])

    return asset


def _frame_times(store: Lake, partition: Partition, detections: pa.Table, several: bool) -> Callable[[str], np.ndarray]:
    """A view's name -> s since 1970, sorted, of the frames that show it; several: whether the hour has more than one. Where the
    frames are gone by now, the detections tell when there were any, of all views alike."""
    from cctview_pipeline.collect.views import with_views
    from cctview_pipeline.track.views import names_of_frames

    columns = ["frame_id", "captured_at", "width", "height"]
    frames = store.read("raw_frames", partition, [*columns, *(["jpeg"] if several else [])])
    if not frames.num_rows or not several:
        every = _seconds(frames if frames.num_rows else detections)
        return lambda name: every
    shown = with_views(frames)
    names = pa.array(names_of_frames(shown))
    return lambda name: _seconds(shown.filter(pc.equal(names, name)))


def _seconds(rows: pa.Table) -> np.ndarray:
    return np.unique(rows["captured_at"].cast(pa.int64()).to_numpy()) / 1e6
