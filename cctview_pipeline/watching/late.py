"""Which hours and days of a live campaign are late.

Dagster's own freshness policies go by when an asset was last materialized. Here that says nothing: an hour that was deleted at
its end of life is a materialization too (automation/forgetting.py), and so are a partition that a check refused and an hour that
only some cameras have. What is late is therefore read from the lake: a partition that should be there and is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.analytics.report.stored import report_key
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import GRACE, HOUR, Campaign
from cctview_pipeline.collect.settings import CollectSettings
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.privacy.tombstones import Tombstones

LATE_AFTER = timedelta(hours=1)
"""How long after an hour's or a day's end what is made of it may take."""
LOOK_BACK = timedelta(days=1)
"""What has not come for so long comes no more by itself: it is a gap by then, and no delay. Of days twice as long."""
OF_CAMERA_HOURS = (
    *("raw_frames", "camera_status", "gaps", "coverage", "detections", "crops", "features"),
    *("tracks", "passages", "camera_flows", "matches"),
)
REPORT = "daily_report"
"""No table: a file a day."""
OF_DAYS = (*MARTS, "throughput", REPORT)
WATCHED = (*OF_CAMERA_HOURS, "journeys", *OF_DAYS)
"""What comes by itself, hour by hour and day by day."""


@dataclass(frozen=True)
class Late:
    """What of a table is late. missing: its partitions, the oldest first; newest: the begin of the last that is there in the time
    looked at, UTC; due: from when on the next is late."""

    missing: tuple[Partition, ...]
    newest: datetime | None
    due: datetime

    @property
    def sentence(self) -> str:
        """For a person."""
        if not self.missing:
            return f"Nothing is late; the next is due at {self.due:%Y-%m-%d %H:%M} UTC."
        count = len(self.missing)
        return f"{count} {'partitions are' if count > 1 else 'partition is'} late, the oldest of {self.missing[0]}."


class Lateness:
    """Of one campaign. What was there once is not looked for again: keep it between two looks."""

    def __init__(self, lake: Lake, campaign: Campaign, late_after: timedelta = LATE_AFTER) -> None:
        self.campaign, self._lake, self._late_after = campaign, lake, late_after
        self._there: dict[str, set[Partition]] = {table: set() for table in WATCHED}

    def look(self, now: datetime) -> Mapping[str, Late]:
        """Table -> what of it is late; empty where nothing is expected any more, and where cameras are not live."""
        if not is_watched(self.campaign, now):
            return {}
        hours = self._expected_hours(now)
        days = self._expected_days(now)
        of_kind = (
            (OF_CAMERA_HOURS, [Partition.camera_hour(each.id, hour) for hour in hours for each in self.campaign.cameras]),
            (("journeys",), [Partition.of_hour(hour) for hour in hours]),
            (OF_DAYS, [Partition.of_day(day) for day in days]),
        )
        due = self._next_due(now)
        return {table: self._of(table, wanted, due[tables is OF_DAYS]) for tables, wanted in of_kind for table in tables}

    def _of(self, table: str, wanted: list[Partition], due: datetime) -> Late:
        known = self._there[table]
        known &= set(wanted)
        known |= set(self._existing(table, [place for place in wanted if place not in known]))
        tombstones = Tombstones(self._lake)
        missing = tuple(p for p in wanted if p not in known and not (table in TABLES and tombstones.get(table, p)))
        newest = max((place.begin for place in known), default=None)
        return Late(missing, newest, due)

    def _existing(self, table: str, wanted: list[Partition]) -> list[Partition]:
        if table != REPORT:
            return self._lake.existing(table, wanted)
        there = self._lake.storage.exist([report_key(place.local_day) for place in wanted])
        return [place for place, has in zip(wanted, there, strict=True) if has]

    def _expected_hours(self, now: datetime) -> list[datetime]:
        """Those that should be there by now."""
        last, first = now - GRACE - self._late_after - HOUR, now - LOOK_BACK - HOUR
        return [hour for hour in self.campaign.hours(now) if first <= hour <= last and self._collects(hour)]

    def _expected_days(self, now: datetime) -> list[date]:
        calendar = calendar_of(self.campaign)
        return [
            day
            for day in self.campaign.days(calendar, now)
            if calendar.closes(day) + self._late_after <= now <= calendar.closes(day) + 2 * LOOK_BACK
            and any(self.campaign.covers(hour) and self._collects(hour) for hour in calendar.hours(day))
        ]

    def _collects(self, hour: datetime) -> bool:
        return touches(hour, self.campaign)

    def _next_due(self, now: datetime) -> tuple[datetime, datetime]:
        """Of hours and of days."""
        calendar = calendar_of(self.campaign)
        whole = now.replace(minute=0, second=0, microsecond=0)
        ends = (whole + number * HOUR for number in range(-2, 3))
        hour = next(due for end in ends if (due := end + GRACE + self._late_after) > now)
        days = (calendar.day_of(now) + timedelta(days=number) for number in range(-3, 3))
        return hour, next(due for day in days if (due := calendar.closes(day) + self._late_after) > now)


def is_watched(campaign: Campaign, now: datetime) -> bool:
    """Whether anything is expected of a campaign: its cameras are live, its collection is turned on, and its window has not ended
    long ago."""
    if campaign.network not in LIVE_NETWORKS or not campaign.cameras:
        return False
    settings = CollectSettings.read(campaign.settings, campaign.source)
    return settings.collect and (campaign.end is None or now < campaign.end + 2 * LOOK_BACK)


def touches(hour: datetime, campaign: Campaign) -> bool:
    """Whether an hour has a part of the span of the day in which cameras are collected (``window``, local time)."""
    begin, seconds = CollectSettings.read(campaign.settings, campaign.source).begin_and_seconds()
    zone = calendar_of(campaign).zone
    local = hour.astimezone(zone)
    starts = (datetime.combine(local.date() + timedelta(days=days), begin, zone) for days in (-1, 0, 1))
    return any(start < hour + HOUR and hour < start + timedelta(seconds=seconds) for start in starts)
