"""Camera x hour, hour and day, all from the lake's campaign, and the mappings between them."""

import warnings
from datetime import UTC, datetime, time, timedelta

import dagster as dg
from dagster_aws.s3 import S3Resource

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import DAY_FORMAT, HOUR_FORMAT, format_day, format_hour, parse_day, parse_hour
from cctview_pipeline.resources.lake import LakeResource

# Partition mappings and backfill policies are marked as beta: every use of one would say so in every run's log.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

EMPTY = Campaign("empty lake", "archive", datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, 1, tzinfo=UTC), ())
"""What the code location shows before the first backfill has written a campaign: no cameras, one hour."""


def load_campaign() -> Campaign:
    """The campaign of the lake that ``CCTVIEW_LAKE`` names."""
    return LakeResource(s3=S3Resource()).open().campaign() or EMPTY


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time(), UTC)


CAMPAIGN = load_campaign()

hours = dg.HourlyPartitionsDefinition(CAMPAIGN.start, CAMPAIGN.end, fmt=HOUR_FORMAT, timezone="UTC")
cameras = dg.StaticPartitionsDefinition([camera.id for camera in CAMPAIGN.cameras])
camera_hours = dg.MultiPartitionsDefinition({"camera": cameras, "hour": hours})
days = dg.DailyPartitionsDefinition(
    _midnight(CAMPAIGN.start),
    end_date=CAMPAIGN.end and _midnight(CAMPAIGN.end - timedelta(microseconds=1)) + timedelta(days=1),
    fmt=DAY_FORMAT,
    timezone="UTC",
)

_hour_before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True)
_hour_and_before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=0, allow_nonexistent_upstream_partitions=True)
_near_cameras = dg.StaticPartitionMapping(
    {camera.id: [camera.id, *(near.id for near in CAMPAIGN.neighbours(camera.id))] for camera in CAMPAIGN.cameras}
)


def _multi(camera: dg.PartitionMapping, hour: dg.PartitionMapping) -> dg.MultiPartitionMapping:
    return dg.MultiPartitionMapping(
        {"camera": dg.DimensionPartitionMapping("camera", camera), "hour": dg.DimensionPartitionMapping("hour", hour)}
    )


same_camera_hour_before = _multi(dg.IdentityPartitionMapping(), _hour_before)
same_camera_hour_and_before = _multi(dg.IdentityPartitionMapping(), _hour_and_before)
near_cameras_hour_and_before = _multi(_near_cameras, _hour_and_before)
all_cameras = dg.MultiToSingleDimensionPartitionMapping("hour")
hour_before = _hour_before
# A day's first and last hours may lie outside the campaign's window.
hours_of_day = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)


def to_partition(key: str) -> Partition:
    """A Dagster partition key -> the lake's partition."""
    if "|" in key:
        dimensions = camera_hours.get_partition_key_from_str(key).keys_by_dimension
        return Partition.camera_hour(dimensions["camera"], parse_hour(dimensions["hour"]))
    return Partition.of_hour(parse_hour(key)) if "T" in key else Partition.of_day(parse_day(key))


def to_key(partition: Partition) -> str:
    """The lake's partition -> a Dagster partition key."""
    if partition.camera:
        return str(dg.MultiPartitionKey({"camera": partition.camera, "hour": format_hour(partition.hour)}))
    return format_hour(partition.hour) if partition.hour else format_day(partition.day)
