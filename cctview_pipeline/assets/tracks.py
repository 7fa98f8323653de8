"""tracks: the detections of one vehicle in one camera, joined."""

from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.assets.pictures import rows_of, strip
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode
from cctview_pipeline.images.size import sizes_of
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import Partitions, in_order, same_camera_hour_before
from cctview_pipeline.resources.lake import LakeResource

if TYPE_CHECKING:
    from cctview_pipeline.track.camera_hour import TrackedHour


def tracks(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("tracks", group="journeys", code_version="5", kinds={"scipy"}),
        deps=["detections", "features", dg.AssetDep("tracks", partition_mapping=same_camera_hour_before)],
        partitions_def=partitions.camera_hours,
        backfill_policy=in_order,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        from cctview_pipeline.resources.keys import open_keys
        from cctview_pipeline.track.camera_hour import track_camera_hour
        from cctview_pipeline.track.pictures import draw_flow

        store, campaign = lake.open_campaign()
        keys, run = open_keys(store.uri), PartitionRun(context, store, "tracks")

        def make(partition: Partition) -> None:
            keys.key(partition.begin.date())  # readers, who make none, name the day's tracks by it
            before = Partition.camera_hour(partition.camera, partition.begin - HOUR)
            tables, earlier = _tables(store, partition), _tables(store, before)
            tables["raw_frames"] = _with_views(store, partition)
            if not earlier["tracks"].num_rows:  # then it is tracked here
                earlier["raw_frames"] = _with_views(store, before)
            try:
                hour = track_camera_hour(campaign.camera(partition.camera), tables, earlier)
            except CctviewError as error:
                run.refuse(partition, str(error))
                return
            found = hour.tracks
            lengths = pc.list_value_length(found["detection_ids"]).to_numpy()
            run.store(
                partition,
                found,
                {"features": store.read("features", partition, ["detection_id"])},
                detections=int(lengths.sum()),
                in_tracks_of_two_or_more=round(float(lengths[lengths > 1].sum() / max(lengths.sum(), 1)), 3),
                calibrated=found["speed_kmh"].null_count < found.num_rows,
                carriageways={str(v["values"]): v["counts"] for v in pc.value_counts(found["carriageway"]).to_pylist()},
                continued=found.num_rows - found["continues"].null_count,
                views={each.view.name: len(each.tracking.tracks) for each in hour.views},
                frame_gap_s=hour.frame_gap_s and round(hour.frame_gap_s, 2),
                not_followed=_not_followed(hour),
                flow=run.pictures.seen(lambda: draw_flow(_jpegs(store, partition, hour), hour.flow)) if found.num_rows else None,
                longest=run.pictures.seen(lambda: _longest(store, partition, found, lengths)) if found.num_rows else None,
            )

        return run.make_all(make, inputs=["detections", "features"])

    return asset


def _tables(store: Lake, partition: Partition) -> dict:
    tables = {name: store.read(name, partition) for name in ("detections", "features", "tracks")}
    return tables | {"raw_frames": store.read("raw_frames", partition, ["frame_id", "captured_at", "width", "height"])}


def _with_views(store: Lake, partition: Partition) -> pa.Table:
    """Its frames, with which of several views each shows."""
    from cctview_pipeline.collect.views import with_views

    return with_views(store.read("raw_frames", partition, ["frame_id", "captured_at", "width", "height", "jpeg"]))


def _not_followed(hour: "TrackedHour") -> str | None:
    from cctview_pipeline.track.flow import MAX_STEP_S

    count = hour.tracks["quality"].null_count
    if not count:
        return None
    return (
        f"{count} of {hour.tracks.num_rows} rows are mere sightings and do not count: vehicles can be followed where a frame "
        f"comes every {MAX_STEP_S:.0f} s or sooner. Here one came every {hour.frame_gap_s or 0:.1f} s (median)."
    )


def _jpegs(store: Lake, partition: Partition, hour: "TrackedHour") -> pa.ChunkedArray:
    """The frames of the main view that have its size."""
    assert hour.main is not None  # where there are tracks there is a view
    view, frames = hour.main.view, store.read("raw_frames", partition, ["captured_at", "width", "height", "jpeg"])
    shown = np.isin(frames["captured_at"].cast(pa.int64()).to_numpy() / 1e6, view.frame_times)
    whole = np.array([size == view.size for size in sizes_of(frames)], bool)
    return frames["jpeg"].filter(pa.array(shown & whole))


def _longest(store: Lake, partition: Partition, found, lengths: np.ndarray) -> np.ndarray:
    """The crops of the five longest tracks that moved."""
    cut = store.read("crops", partition)
    image = dict(zip(cut["detection_id"].to_pylist(), cut["image"].to_pylist(), strict=True))
    moved = np.array([direction is not None for direction in found["direction"].to_pylist()])
    chosen = np.argsort(-(lengths * moved), kind="stable")[:5]
    ids = found["detection_ids"].to_pylist()
    return rows_of([strip([decode(image[i]) for i in ids[row] if i in image]) for row in chosen])
