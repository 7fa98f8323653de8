"""The clock that people read beside a campaign's cameras. What is stored is in UTC; days, and what is shown, are local."""

from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.ids import NEW_YORK
from cctview_pipeline.local_calendar import LocalCalendar

_RECORDED = {"archive": NEW_YORK, "city": NEW_YORK}
_COUNTRIES = {"America/New_York": "US"}
"""Whose holidays a network's cameras have where the campaign does not say."""


def zone_of(network: str) -> ZoneInfo:
    """Of the cameras of a campaign's network, by its name; UTC for one that is not known here."""
    if network in LIVE_NETWORKS:
        return LIVE_NETWORKS[network].zone
    return _RECORDED.get(network, ZoneInfo("UTC"))


def calendar_of(campaign: Campaign) -> LocalCalendar:
    """By the campaign's timezone and country; by its network's where it names none."""
    zone = ZoneInfo(campaign.timezone) if campaign.timezone else zone_of(campaign.network)
    return LocalCalendar(zone, campaign.country or _COUNTRIES.get(zone.key, ""))
