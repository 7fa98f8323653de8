"""detections: vehicles and people in every frame."""

import time
from collections import Counter

import dagster as dg
import pyarrow.compute as pc

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.images.size import named, sizes_of
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import Partitions
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.models import DetectorResource


def detections(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("detections", group="vehicles", code_version="5", kinds={"openvino"}),
        deps=["raw_frames", "detector_model"],
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.independent,
        pool="gpu",
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource, detector: DetectorResource) -> dg.MaterializeResult:
        from cctview_pipeline.detect.size_map import plan_frames
        from cctview_pipeline.detect.tables import detect_frames
        from cctview_pipeline.images.drawing import draw_busiest
        from cctview_pipeline.zones import Zones, sizes_unplaceable

        store, campaign = lake.open_campaign()
        model = detector.load(campaign)
        run = PartitionRun(context, store, "detections")

        def make(partition: Partition) -> None:
            frames = store.read("raw_frames", partition)
            zones = Zones.of(campaign.camera(partition.camera))
            if zones.unsized:
                run.refuse(partition, zones.unsized)
                return
            begun = time.perf_counter()
            plans = plan_frames(model, frames)
            planned_s = time.perf_counter() - begun
            found = detect_frames(model, frames, zones, plans=plans)
            certain = found.filter(pc.greater_equal(found["score"], model.threshold))
            run.store(
                partition,
                found,
                {"raw_frames": frames},
                model=model.version,
                threshold=model.threshold,
                frames=frames.num_rows,
                looked_at=[str(plan) for plan in plans.values()] or None,
                looked_at_pixels={named(size): plan.pixels for size, plan in plans.items()} or None,
                planned_s=round(planned_s, 2) if plans else None,
                not_looked_at=sizes_unplaceable(zones, sizes_of(frames)) or None,
                above_threshold=certain.num_rows,
                labels=dict(Counter(certain["label"].to_pylist())),
                busiest_frame=run.pictures.seen(lambda: draw_busiest(frames, certain)) if certain.num_rows else None,
            )

        return run.make_all(make, inputs=["raw_frames"])

    return asset
