"""The clock that people read beside a network's cameras. Everything is stored in UTC; only what is shown is local."""

from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.ids import NEW_YORK

_RECORDED = {"archive": NEW_YORK, "city": NEW_YORK}


def zone_of(network: str) -> ZoneInfo:
    """Of the cameras of a campaign's network, by its name; UTC for one that is not known here."""
    if network in LIVE_NETWORKS:
        return LIVE_NETWORKS[network].zone
    return _RECORDED.get(network, ZoneInfo("UTC"))
