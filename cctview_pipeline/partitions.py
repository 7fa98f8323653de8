"""Camera x hour, hour and day of a campaign, the mappings between them, and how a backfill over them is cut into runs."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import dagster as dg

from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.environment import PARTITIONS_PER_RUN
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.groups import groups_of, natural
from cctview_pipeline.lake.layout import DAY_FORMAT, HOUR_FORMAT, Partition, format_day, format_hour, parse_day, parse_hour
from cctview_pipeline.roads import RoadNetwork

# Partition mappings and backfill policies are marked as beta: every use of one would say so in every run's log.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

MAX_RUNS = 1000
"""A backfill of a whole campaign is cut into about this many runs: Dagster takes some 20 ms to launch one."""
AT_A_TIME, SMALL = 2, 12
"""Runs that dagster.yaml lets go on side by side; up to so many camera-hours a backfill is cut into just these: with three runs
the last would have one core, and the other none of the work."""

hour_before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True)
_hour_and_before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=0, allow_nonexistent_upstream_partitions=True)


def _multi(camera: dg.PartitionMapping, hour: dg.PartitionMapping) -> dg.MultiPartitionMapping:
    return dg.MultiPartitionMapping(
        {"camera": dg.DimensionPartitionMapping("camera", camera), "hour": dg.DimensionPartitionMapping("hour", hour)}
    )


same_camera_hour_before = _multi(dg.IdentityPartitionMapping(), hour_before)
same_camera_hour_and_before = _multi(dg.IdentityPartitionMapping(), _hour_and_before)
all_cameras = dg.MultiToSingleDimensionPartitionMapping("hour")


def window_of_days(days: int) -> dg.PartitionMapping:
    """A day -> the so many days that end with it."""
    return dg.TimeWindowPartitionMapping(start_offset=1 - days, allow_nonexistent_upstream_partitions=True)


in_order = dg.BackfillPolicy.single_run()
"""Tracks, journeys and marts: tracks and journeys look back one hour, so one run walks through a range of hours in order."""


@dataclass(frozen=True, kw_only=True)
class Partitions:
    """The partitionings of one campaign, and the backfill policies that follow from its size. Made by :meth:`of`.

    days: the local days, each by its date. Dagster maps hours to days of one time zone only, so they are cut in UTC, at the hour
    at which the latest of them begins in the course of the year.
    hours_of_day: a day -> its hours, and where clocks change or run ahead of UTC some of the day before; they may lie outside the
    campaign's window.
    near_cameras_hour_and_before: a camera and an hour -> it and the cameras from which links lead to it, in that hour and the one
    before.
    independent: the backfill policy of frames to features: no camera-hour needs another, so any cut is right. A run over many
    partitions loads its models once and leaves Dagster little to write down; runs over few of them go on side by side, and one
    that dies has little to do again.
    after_all_tracks: the policy of matches, which read the neighbours' tracks.
    """

    cameras: dg.StaticPartitionsDefinition
    hours: dg.HourlyPartitionsDefinition
    camera_hours: dg.MultiPartitionsDefinition
    days: dg.DailyPartitionsDefinition
    hours_of_day: dg.PartitionMapping
    near_cameras_hour_and_before: dg.PartitionMapping
    independent: dg.BackfillPolicy
    after_all_tracks: dg.BackfillPolicy

    @classmethod
    def of(cls, campaign: Campaign, departed: Mapping[str, str] | None = None) -> "Partitions":
        """departed: cameras that are no longer the campaign's and stay partitions, and their groups."""
        order = partition_order(campaign, departed or {})
        cameras = dg.StaticPartitionsDefinition(order)
        hours = dg.HourlyPartitionsDefinition(campaign.start, campaign.end, fmt=HOUR_FORMAT, timezone="UTC")
        network = RoadNetwork.of(campaign)
        near = {each: [each, *(edge.source.id for edge in network.edges_into(each))] for each in order}
        return cls(
            cameras=cameras,
            hours=hours,
            camera_hours=dg.MultiPartitionsDefinition({"camera": cameras, "hour": hours}),
            days=_days(campaign),
            hours_of_day=dg.TimeWindowPartitionMapping(start_offset=-1, allow_nonexistent_upstream_partitions=True),
            near_cameras_hour_and_before=_multi(dg.StaticPartitionMapping(near), _hour_and_before),
            independent=in_order if fits_one_run(campaign) else dg.BackfillPolicy.multi_run(partitions_per_run(campaign)),
            after_all_tracks=in_order if fits_one_run(campaign) else dg.BackfillPolicy.multi_run(100_000),
        )


def partition_order(campaign: Campaign, departed: Mapping[str, str]) -> list[str]:
    """Cameras group by group, so that a group is a range; by their names, so that nobody's place depends on who else is there.

    A run names what it covers by the first and the last camera of a range, and which cameras lie between is found out when it
    begins: a camera that has come since is one of them or not, and all others are as before.
    """
    group = dict(departed) | {camera: each.name for each in groups_of(campaign) for camera in each.cameras}
    return sorted(group, key=lambda camera: (natural(group[camera]), natural(camera)))


def partitions_per_run(campaign: Campaign) -> int:
    """``CCTVIEW_PARTITIONS_PER_RUN``; or two, fewer runs where a campaign is small, and as many as needed in a large one: an hour
    of a camera group, where there are several."""
    if chosen := PARTITIONS_PER_RUN.get():
        if not chosen.isdecimal() or not int(chosen):
            raise ConfigurationError(f"CCTVIEW_PARTITIONS_PER_RUN is '{chosen}': set a whole number above 0, or leave it unset.")
        return int(chosen)
    runs, sizes = AT_A_TIME if campaign.size <= SMALL else MAX_RUNS, [len(group.cameras) for group in groups_of(campaign)]
    return max(max(sizes) if len(sizes) > 1 else 2, -(-campaign.size // runs))


def fits_one_run(campaign: Campaign) -> bool:
    """Whether one run over everything is what a backfill of the whole campaign is best cut into: of one camera-hour or two, in a
    window that has an end, so that the command and a code server that was loaded long ago say the same.

    Of more of them Dagster could cut a range of cameras and hours that has one policy into a run a camera, and match a camera
    before its neighbour was tracked; policies that differ make it wait for all tracks.
    """
    return campaign.end is not None and campaign.size <= 2


def to_partition(key: str) -> Partition:
    """A Dagster partition key -> the lake's partition."""
    camera, _, time_key = key.rpartition("|")
    if camera:
        return Partition.camera_hour(camera, parse_hour(time_key))
    return Partition.of_hour(parse_hour(key)) if "T" in key else Partition.of_day(parse_day(key))


def to_key(partition: Partition) -> str:
    """The lake's partition -> a Dagster partition key."""
    if partition.camera:
        return str(dg.MultiPartitionKey({"camera": partition.camera, "hour": format_hour(partition.begin)}))
    return format_hour(partition.hour) if partition.hour else format_day(partition.begin)


def _days(campaign: Campaign) -> dg.DailyPartitionsDefinition:
    calendar = calendar_of(campaign)
    last = calendar.day_of(campaign.end - timedelta(microseconds=1)) if campaign.end else None
    return dg.DailyPartitionsDefinition(
        datetime.combine(calendar.day_of(campaign.start), time(), UTC),
        end_date=calendar.closes(last) if last else None,
        hour_offset=calendar.behind_h,
        fmt=DAY_FORMAT,
        timezone="UTC",
    )
