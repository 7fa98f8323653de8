"""raw_frames, and the rejected frames beside them."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.assets.pictures import Pictures
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import CameraHour, CameraNetwork, FrameStream, StreamingNetwork
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import Partitions
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.resources.network import NetworkResource


def raw_frames(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("raw_frames", group="frames", code_version="2", kinds={"jpeg"}),
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.independent,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource, network: NetworkResource) -> dg.MaterializeResult:
        from cctview_pipeline.cameras.tables import frames_table, merge_frames, merge_rejected, rejected_table
        from cctview_pipeline.policy import Policy
        from cctview_pipeline.privacy.retention import note_intake
        from cctview_pipeline.redaction.masking import Masker, mask_hour

        store, campaign = lake.open_campaign()
        run = PartitionRun(context, store, "raw_frames")
        source, gone = _open(network, campaign)
        masker = Masker.of(Policy.of(campaign), campaign)  # fails without its model: what can't be masked is not stored

        def make(partition: Partition) -> None:
            stored = store.read("raw_frames", partition)
            if source is None and not stored.num_rows:
                run.refuse(partition, gone)
                return
            if unsized := masker.unsized(partition.camera):
                run.refuse(partition, unsized)
                return
            found = mask_hour(_hour_of(source, partition), masker)
            frames = merge_frames(stored, frames_table(found, campaign.network))
            rejected = merge_rejected(store.read("rejected_frames", partition), rejected_table(found), frames)
            note_intake(store, campaign, partition, datetime.now(UTC))
            run.store(
                partition,
                frames,
                beside={"rejected_frames": rejected},
                tell=partial(told_of, pictures=run.pictures),
                kept_from_before=frames.num_rows - len(found.frames),
                network=campaign.network,
                **dict[str, Any](found.told),
            )

        return run.make_all(make)

    return asset


def told_of(written: Mapping[str, pa.Table], pictures: Pictures) -> dict[str, Any]:
    """The metadata of the tables as they were written: what was erased is neither counted nor shown."""
    frames = written["raw_frames"]
    reasons = written["rejected_frames"]["reason"].to_pylist() if "rejected_frames" in written else []
    return {
        "rejected": len(reasons),
        "rejected_reasons": dict(Counter(reasons)),
        "masked_by": frames["masked_by"].unique().to_pylist(),
        "filled": pc.sum(frames["filled"]).as_py() or 0,
        "first_frame": pictures.seen(lambda: decode(frames["jpeg"][0].as_py())) if frames.num_rows else None,
    }


def _hour_of(source: CameraNetwork | None, partition: Partition) -> CameraHour | FrameStream:
    if source is None:
        return CameraHour([], [])
    read = source.stream_hour if isinstance(source, StreamingNetwork) else source.read_hour
    return read(partition.camera, partition.begin)


def _open(network: NetworkResource, campaign: Campaign) -> tuple[CameraNetwork | None, str]:
    """The campaign's source, or why there is none: what is in the lake already is then validated and kept."""
    try:
        return network.open(campaign), ""
    except CctviewError as error:
        return None, str(error)
