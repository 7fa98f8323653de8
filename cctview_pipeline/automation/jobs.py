"""The jobs that make tables. Dagster wants one partitioning a job: camera x hour (as a run over a range), hour, day.

What a job's run needs of a machine stands in its tags, which every run has that a schedule, a sensor or a person starts from it;
backfills do not, and are given them where they are launched (backfill/launch.py).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from cctview_pipeline.assets.drift import drift_checks
from cctview_pipeline.assets.freshness import freshness_checks
from cctview_pipeline.backfill.stages import CAMERA_HOURS, OF_CAMERA_HOURS, STAGES
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.districts import asset_key, in_district
from cctview_pipeline.groups import CameraGroup, groups_of
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import to_key, to_partition
from cctview_pipeline.resources.cores import on_this_machine
from cctview_pipeline.resources.needs import tags_of

# Jobs are launched as runs over a range, so the policies by which a backfill would be cut do not matter to them.
warnings.filterwarnings("ignore", message=".* materializes assets with varying BackfillPolicies")

LABELS = "labels"
"""Made only when asked for: no job but its own makes it."""
GROUP = "cctview/group"
"""The tag of a run over the cameras of a group: its name."""

_DESCRIBED = {
    "camera_hours": "Frames to matches, for a range of cameras and hours in one run: all that a small campaign needs.",
    "frames": "Frames and what is told of them, for a camera group and hours in one run.",
    "vision": "Detections, crops and features, for a camera group and hours in one run: what a GPU is for.",
    "tracking": "Tracks and passages, for a camera group and hours in one run, hour after hour.",
    "matching": "Matches of one hour, for all cameras.",
    "hours": "Journeys, for a range of hours in one run.",
    "days": "The marts and reports, for a range of days in one run.",
    "labelling": "What teachers see, for a detector to learn from.",
    "drift": "Has what cameras show drifted from the models' training? One day.",
}


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """The jobs that make a campaign's tables, and the one that looks for drift. camera_hours: frames, vision, tracking and
    matching in one."""

    camera_hours: UnresolvedAssetJobDefinition
    frames: UnresolvedAssetJobDefinition
    vision: UnresolvedAssetJobDefinition
    tracking: UnresolvedAssetJobDefinition
    matching: UnresolvedAssetJobDefinition
    hours: UnresolvedAssetJobDefinition
    days: UnresolvedAssetJobDefinition
    labelling: UnresolvedAssetJobDefinition
    drift: UnresolvedAssetJobDefinition

    @classmethod
    def of(cls, assets: Sequence[dg.AssetsDefinition], campaign: Campaign) -> "Jobs":
        """assets: all of the campaign's."""
        made = {key.path[-1] for asset in assets for key in asset.keys}
        tables: dict[str, list[str]] = {job: [each for each in stage if each in made] for job, stage in STAGES.items()}
        tables[CAMERA_HOURS] = [table for stage in OF_CAMERA_HOURS for table in tables[stage]]
        tables["labelling"] = [LABELS]
        key = partial(asset_key, campaign.district)
        # What is late the sensor tells (automation/freshness.py): a run that makes an hour need not look over all others.
        told = dg.AssetSelection.checks(*(check.key for each in freshness_checks(campaign) for check in each.check_specs))
        chosen: dict[str, dg.AssetSelection] = {
            job: dg.AssetSelection.assets(*map(key, names)) - told for job, names in tables.items()
        }
        chosen["drift"] = dg.AssetSelection.checks(*(in_district(check, campaign.district) for check in drift_checks))
        return cls(
            **{
                job: dg.define_asset_job(job, what, description=_DESCRIBED[job], tags=tags_of(campaign, job))
                for job, what in chosen.items()
            }
        )

    def __iter__(self) -> Iterator[UnresolvedAssetJobDefinition]:
        return iter(vars(self).values())


def range_tags(first: Partition, last: Partition) -> dict[str, str]:
    """The tags that make one run cover everything from first to last: of cameras and hours, every combination."""
    return {ASSET_PARTITION_RANGE_START_TAG: to_key(first), ASSET_PARTITION_RANGE_END_TAG: to_key(last)}


def group_tags(group: CameraGroup, first: datetime, last: datetime) -> dict[str, str]:
    """The tags of a run over a camera group, from one hour to another."""
    cameras = group.cameras
    return range_tags(Partition.camera_hour(cameras[0], first), Partition.camera_hour(cameras[-1], last)) | {GROUP: group.name}


def makes_in_one_run(campaign: Campaign, instance: dg.DagsterInstance) -> bool:
    """Whether ``camera_hours`` is quicker than the jobs that it stands for: of one group, with all runs on this machine."""
    return len(groups_of(campaign)) < 2 and on_this_machine(instance)


def partitions_of(tags: Mapping[str, str]) -> tuple[Partition, Partition] | None:
    """The first and last partition of a run by its tags; None for a run without partitions."""
    single = tags.get("dagster/partition")
    first, last = tags.get(ASSET_PARTITION_RANGE_START_TAG, single), tags.get(ASSET_PARTITION_RANGE_END_TAG, single)
    return (to_partition(first), to_partition(last)) if first and last else None
