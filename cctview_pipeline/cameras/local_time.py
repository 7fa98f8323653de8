"""The clock that people read beside a campaign's cameras. What is stored is in UTC; days, and what is shown, are local."""

from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.live import network_of
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.ids import NEW_YORK
from cctview_pipeline.local_calendar import LocalCalendar

_RECORDED = {"archive": NEW_YORK, "city": NEW_YORK}
_COUNTRIES = {"America/New_York": "US"}
"""Whose holidays cameras that are not live have where the campaign does not say."""


def zone_of(campaign: Campaign) -> ZoneInfo:
    """Of the cameras of a campaign's network; UTC for one that is not known here."""
    network = network_of(campaign)
    return network.zone if network else _RECORDED.get(campaign.network, ZoneInfo("UTC"))


def calendar_of(campaign: Campaign) -> LocalCalendar:
    """By the campaign's timezone and country; by its network's where it names none.

    A campaign has one clock, also where its network's cameras stand in two zones.
    """
    zone, network = ZoneInfo(campaign.timezone) if campaign.timezone else zone_of(campaign), network_of(campaign)
    of_network = network.country if network and network.zone.key == zone.key else _COUNTRIES.get(zone.key, "")
    return LocalCalendar(zone, campaign.country or of_network)
