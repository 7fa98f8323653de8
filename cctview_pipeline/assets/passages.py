"""passages: the vehicles that passed a camera's line, each once; and beside it a count that follows none."""

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import Partitions, in_order, same_camera_hour_before
from cctview_pipeline.resources.lake import LakeResource


def passages(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("passages", group="journeys", code_version="2", kinds={"scipy"}),
        deps=["tracks", "detections", dg.AssetDep("passages", partition_mapping=same_camera_hour_before)],
        partitions_def=partitions.camera_hours,
        backfill_policy=in_order,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        from cctview_pipeline.track.in_view import in_view_table
        from cctview_pipeline.track.passages import passages_table
        from cctview_pipeline.track.retraced import retrace

        store, campaign = lake.open_campaign()
        run = PartitionRun(context, store, "passages")

        def make(partition: Partition) -> None:
            camera, tracks, detections = (
                campaign.camera(partition.camera),
                store.read("tracks", partition),
                _detections(store, partition),
            )
            views, times = retrace(tracks, detections), _frame_times(store, partition, detections)
            before = store.read("passages", Partition.camera_hour(partition.camera, partition.begin - HOUR), ["track_ids"])
            found = passages_table(camera, partition.begin, views, times, before)
            counter = in_view_table(camera, partition.begin, views, times)
            run.store(
                partition,
                found,
                {"tracks": tracks},
                beside={"vehicles_in_view": counter},
                tracks=tracks.num_rows,
                put_together=int(pc.sum(pc.greater(pc.list_value_length(found["track_ids"]), 1)).as_py() or 0),
                carriageways={str(v["values"]): v["counts"] for v in pc.value_counts(found["carriageway"]).to_pylist()},
                second_counter=_second(counter),
            )

        return run.make_all(make, inputs=["tracks", "detections"])

    return asset


def _detections(store: Lake, partition: Partition) -> pa.Table:
    columns = ["detection_id", "captured_at", "x1", "y1", "x2", "y2", "score", "label", "frame_width", "frame_height"]
    return store.read("detections", partition, columns)


def _frame_times(store: Lake, partition: Partition, detections: pa.Table) -> np.ndarray:
    """s since 1970, sorted; where the frames are gone by now, the detections tell when there were any."""
    frames = store.read("raw_frames", partition, ["captured_at"])
    times = (frames if frames.num_rows else detections)["captured_at"].cast(pa.int64()).to_numpy()
    return np.unique(times) / 1e6


def _second(counter: pa.Table) -> float:
    """What vehicles in view say of how many passed."""
    known = counter.filter(pc.is_valid(counter["dwell_s"]))
    return round(float(pc.sum(pc.divide(known["vehicle_s"], known["dwell_s"])).as_py() or 0.0), 1)
