"""Lakes whose days have their marts, so that a report can be made of them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.analytics.marts.day import Day
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.factories.day_lake import DayLake, road

MAY_5 = date(2020, 5, 5)
BEGIN = datetime(2020, 5, 5, 14, tzinfo=UTC)


def always(camera: str, began: datetime) -> float:
    return 900.0


def make_marts(lake: Lake, campaign: Campaign, day: date) -> None:
    with Day(lake, campaign, calendar_of(campaign), day) as opened:
        for name in MARTS:
            lake.write(name, Partition.of_day(day), opened.build(name))


def reported(
    folder: Path,
    campaign: Campaign | None = None,
    live: Callable[[str, datetime], float] = always,
    days: tuple[date, ...] = (MAY_5,),
    per_hour: float = 120.0,
) -> Lake:
    """Three cameras and four hours of 5 May 2020, where no campaign is given."""
    lake, campaign = Lake(str(folder / "lake")), campaign or road(3, BEGIN, 4)
    lake.write_campaign(campaign)
    DayLake(lake, campaign, live=live, per_hour=per_hour).write()
    for day in days:
        make_marts(lake, campaign, day)
    return lake
