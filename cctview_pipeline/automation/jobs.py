"""The jobs that make tables. Dagster wants one partitioning a job: camera x hour (as a run over a range), hour, day."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from cctview_pipeline.assets.daily_report import NAME as REPORT
from cctview_pipeline.assets.drift import drift_checks
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.partitions import to_key, to_partition

# The job is launched as one run over a range, so the policies by which a backfill would be cut do not matter to it.
warnings.filterwarnings("ignore", message="Asset job camera_hours materializes assets with varying BackfillPolicies")

LABELS = "labels"
"""Made only when asked for: no job but its own makes it."""


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """The jobs that make a campaign's tables, and the one that looks for drift."""

    camera_hours: UnresolvedAssetJobDefinition
    hours: UnresolvedAssetJobDefinition
    days: UnresolvedAssetJobDefinition
    labelling: UnresolvedAssetJobDefinition
    drift: UnresolvedAssetJobDefinition

    @classmethod
    def of(cls, assets: Sequence[dg.AssetsDefinition]) -> "Jobs":
        """assets: all of the campaign's."""
        by_kind: dict[str, list[dg.AssetsDefinition]] = {"camera_hour": [], "hour": [], "day": []}
        for asset in assets:
            name = next(iter(asset.keys)).path[-1]  # a definition of several makes tables of one kind
            if name in TABLES and name != LABELS:
                by_kind[TABLES[name].partition].append(asset)
            elif name == REPORT:
                by_kind["day"].append(asset)
        return cls(
            camera_hours=dg.define_asset_job(
                "camera_hours",
                by_kind["camera_hour"],
                description="Frames to matches, for a range of cameras and hours in one run.",
            ),
            hours=dg.define_asset_job("hours", by_kind["hour"], description="Journeys, for a range of hours in one run."),
            days=dg.define_asset_job(
                "days", by_kind["day"], description="The marts and reports, for a range of days in one run."
            ),
            labelling=dg.define_asset_job(
                "labelling", dg.AssetSelection.assets(LABELS), description="What teachers see, for a detector to learn from."
            ),
            drift=dg.define_asset_job(
                "drift",
                dg.AssetSelection.checks(*drift_checks),
                description="Has what cameras show drifted from the models' training? One day.",
            ),
        )

    def __iter__(self) -> Iterator[UnresolvedAssetJobDefinition]:
        return iter((self.camera_hours, self.hours, self.days, self.labelling, self.drift))


def range_tags(first: Partition, last: Partition) -> dict[str, str]:
    """The tags that make one run cover everything from first to last: of cameras and hours, every combination."""
    return {ASSET_PARTITION_RANGE_START_TAG: to_key(first), ASSET_PARTITION_RANGE_END_TAG: to_key(last)}


def partitions_of(tags: Mapping[str, str]) -> tuple[Partition, Partition] | None:
    """The first and last partition of a run by its tags; None for a run without partitions."""
    single = tags.get("dagster/partition")
    first, last = tags.get(ASSET_PARTITION_RANGE_START_TAG, single), tags.get(ASSET_PARTITION_RANGE_END_TAG, single)
    return (to_partition(first), to_partition(last)) if first and last else None
