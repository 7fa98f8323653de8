"""Whether all is there that the next job reads: tracks of an hour, matches of an hour, journeys of a day."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.roster import Roster
from cctview_pipeline.privacy.tombstones import Tombstones


def tracked(campaign: Campaign, lake: Lake, roster: Roster, hour: datetime) -> bool:
    """Whether every camera has its tracks of an hour."""
    return _there(campaign, lake, roster, hour, ("tracks",))


def matched(campaign: Campaign, lake: Lake, roster: Roster, hour: datetime) -> bool:
    """Whether every camera has its passages and matches of an hour."""
    return _there(campaign, lake, roster, hour, ("passages", "matches"))


def _there(campaign: Campaign, lake: Lake, roster: Roster, hour: datetime, tables: Iterable[str]) -> bool:
    """Whether every camera that was there in an hour has these tables, or had them until they were deleted on purpose."""
    places = [Partition.camera_hour(each.id, hour) for each in campaign.cameras if roster.expects(each.id, hour)]
    tombstones = Tombstones(lake)
    for table in tables:
        written = set(lake.existing(table, places))
        if any(tombstones.get(table, place) is None for place in places if place not in written):
            return False
    return True


def ready_hours(campaign: Campaign, lake: Lake, roster: Roster, first: Partition, last: Partition) -> list[Partition]:
    """The hours from first to last in which every camera has its passages and matches."""
    hours = [hour for hour in campaign.hours() if first.begin <= hour <= last.begin]
    return [Partition.of_hour(hour) for hour in hours if matched(campaign, lake, roster, hour)]


def ready_days(campaign: Campaign, lake: Lake, first: Partition, last: Partition) -> list[Partition]:
    """The finished days of the hours from first to last all of whose hours in the campaign have journeys; and the day before them
    where it has no figures: when its last journeys were made it was not over in Dagster's eyes."""
    calendar, over = calendar_of(campaign), set(campaign.hours())
    touched = calendar.days_of([first.begin + number * HOUR for number in range((last.begin - first.begin) // HOUR + 1)])
    earlier = min(touched) - timedelta(days=1)
    touched += [] if lake.has(MARTS[0], Partition.of_day(earlier)) else [earlier]
    there = lambda hour: lake.has("journeys", Partition.of_hour(hour))  # noqa: E731
    return [
        Partition.of_day(day)
        for day in campaign.days(calendar)
        if day in touched and all(map(there, over.intersection(calendar.hours(day))))
    ]


def stretches(partitions: Sequence[Partition]) -> Iterator[tuple[Partition, Partition]]:
    """First and last of every uninterrupted stretch, so that one run serves it."""
    times = [partition.begin for partition in partitions]
    step = timedelta(hours=1) if partitions and partitions[0].hour else timedelta(days=1)
    begin = 0
    for index in range(1, len(partitions) + 1):
        if index == len(partitions) or times[index] - times[index - 1] != step:
            yield partitions[begin], partitions[index - 1]
            begin = index
