"""Whose pictures a campaign's figures are made of: what their operators ask to be shown wherever something made of them is."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from cctview_pipeline.cameras.live import named
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.cameras.protocol import ACCESSED
from cctview_pipeline.campaign import Campaign

FILE = "ATTRIBUTION.txt"
"""Beside files of other programs, most of which have no place for it."""


def attributions(campaign: Campaign, days: Sequence[date] = ()) -> tuple[str, ...]:
    """A sentence a network of the campaign and of its cameras that asks for one. days: local ones whose pictures it is about, all
    of the campaign when left out: pictures were accessed when they were collected."""
    names = dict.fromkeys([campaign.network, *(camera.network for camera in campaign.cameras)])
    asked = [network.terms.attribution for name in names if (network := named(campaign, name))]
    if not any(ACCESSED in text for text in asked):
        return tuple(filter(None, asked))
    first, last = (min(days), max(days)) if days else _window(campaign)
    accessed = f"{first}" if first == last else f"{first} to {last}"
    return tuple(text.replace(ACCESSED, accessed) for text in asked if text)


def _window(campaign: Campaign) -> tuple[date, date]:
    """Its first and last local day, today's while it is open."""
    calendar = calendar_of(campaign)
    end = campaign.end - timedelta(microseconds=1) if campaign.end else max(campaign.start, datetime.now(UTC))
    return calendar.day_of(campaign.start), calendar.day_of(end)
