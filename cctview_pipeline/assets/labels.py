"""labels: what teachers agree on in frames of the lake, for a detector to learn from."""

from collections import Counter

import dagster as dg
import pyarrow.compute as pc
from pydantic import Field

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import Partitions
from cctview_pipeline.resources.lake import LakeResource


class LabellingConfig(dg.Config):
    """teachers: one or two detectors of models/manifest.toml, or files of recorded boxes (*.parquet); every: of so many frames
    one is labelled; device: auto, cpu, cuda or cuda:N."""

    teachers: list[str]
    every: int = Field(1, ge=1)
    device: str = "auto"


def labels(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("labels", group="models", code_version="1"),
        deps=["raw_frames"],
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.independent,
        pool="gpu",
    )
    def asset(context: dg.AssetExecutionContext, config: LabellingConfig, lake: LakeResource) -> dg.MaterializeResult:
        from cctview_pipeline.images.drawing import draw_busiest
        from cctview_pipeline.training.detector.lake_labels import FRAME, OBJECT, label_frames
        from cctview_pipeline.training.detector.teachers import open_ensemble
        from cctview_pipeline.zones import Zones

        store, campaign = lake.open_campaign()
        panel = open_ensemble(config.teachers, config.device)
        run = PartitionRun(context, store, "labels")

        def make(partition: Partition) -> None:
            frames = store.read("raw_frames", partition)
            zones = Zones.of(campaign.camera(partition.camera))
            if zones.unsized:
                run.refuse(partition, zones.unsized)
                return
            found = label_frames(panel, frames, zones, config.every)
            roles = Counter(found["role"].to_pylist())
            objects = found.filter(pc.equal(found["role"], OBJECT))
            run.store(
                partition,
                found,
                {"raw_frames": frames},
                teachers=panel.version,
                frames=roles[FRAME],
                roles=dict(roles),
                labels=dict(Counter(objects["label"].to_pylist())),
                busiest_frame=run.pictures.seen(lambda: draw_busiest(frames, objects)) if objects.num_rows else None,
            )

        return run.make_all(make, inputs=["raw_frames"])

    return asset
