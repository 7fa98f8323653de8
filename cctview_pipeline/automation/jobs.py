"""The jobs that make tables. Dagster wants one partitioning a job: camera x hour (as a run over a range), hour, day."""

import warnings

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from cctview_pipeline.assets.accounts import camera_status, gaps
from cctview_pipeline.assets.crops import crops
from cctview_pipeline.assets.detections import detections
from cctview_pipeline.assets.detector_model import detector_model
from cctview_pipeline.assets.drift import drift_checks
from cctview_pipeline.assets.evaluation import evaluation
from cctview_pipeline.assets.extractor_model import extractor_model
from cctview_pipeline.assets.features import features
from cctview_pipeline.assets.journeys import journeys
from cctview_pipeline.assets.labels import labels
from cctview_pipeline.assets.marts import travel_times, vehicle_counts
from cctview_pipeline.assets.matches import matches
from cctview_pipeline.assets.raw_frames import raw_frames
from cctview_pipeline.assets.tracks import tracks
from cctview_pipeline.assets.truth import truth_boxes, truth_passages
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.lake import Partition
from cctview_pipeline.partitions import CAMPAIGN, to_key, to_partition

# The job is launched as one run over a range, so the policies by which a backfill would be cut do not matter to it.
warnings.filterwarnings("ignore", message="Asset job camera_hours materializes assets with varying BackfillPolicies")

# Only the synthetic city knows the truth: a lake of real cameras does not show assets that it could never fill.
_TRUTH = [truth_boxes, truth_passages] if CAMPAIGN.network == "city" else []
_EVALUATION = [evaluation] if CAMPAIGN.network == "city" else []

# Only live cameras have states and gaps: an archive does not say what it lacks.
_ACCOUNTS = [camera_status, gaps] if CAMPAIGN.network in LIVE_NETWORKS else []

_CAMERA_HOURS = [raw_frames, *_TRUTH, *_ACCOUNTS, detections, crops, features, tracks, matches]
_DAYS = [vehicle_counts, travel_times, *_EVALUATION]
ALL_ASSETS = [labels, detector_model, extractor_model, *_CAMERA_HOURS, journeys, *_DAYS]

camera_hours_job = dg.define_asset_job(
    "camera_hours",
    _CAMERA_HOURS,
    description="Frames to matches, for a range of cameras and hours in one run.",
)
hours_job = dg.define_asset_job("hours", [journeys], description="Journeys, for a range of hours in one run.")
labels_job = dg.define_asset_job("labelling", [labels], description="What teachers see, for a detector to learn from.")
drift_job = dg.define_asset_job(
    "drift",
    dg.AssetSelection.checks(*drift_checks),
    description="Has what cameras show drifted from the models' training? One day.",
)
days_job = dg.define_asset_job("days", _DAYS, description="The marts, for a range of days in one run.")


def range_tags(first: Partition, last: Partition) -> dict[str, str]:
    """The tags that make one run cover everything from first to last: of cameras and hours, every combination."""
    return {ASSET_PARTITION_RANGE_START_TAG: to_key(first), ASSET_PARTITION_RANGE_END_TAG: to_key(last)}


def partitions_of(tags: dict[str, str]) -> tuple[Partition, Partition] | None:
    """The first and last partition of a run by its tags; None for a run without partitions."""
    single = tags.get("dagster/partition")
    first, last = tags.get(ASSET_PARTITION_RANGE_START_TAG, single), tags.get(ASSET_PARTITION_RANGE_END_TAG, single)
    return (to_partition(first), to_partition(last)) if first and last else None
