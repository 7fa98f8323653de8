"""The live networks by name."""

from collections.abc import Callable, Mapping
from functools import partial

from cctview_pipeline.cameras.networks.caltrans import Caltrans
from cctview_pipeline.cameras.networks.digitraffic import Digitraffic
from cctview_pipeline.cameras.networks.drivebc import DriveBC
from cctview_pipeline.cameras.networks.five_one_one import HOSTS, FiveOneOne, FiveOneOneNY
from cctview_pipeline.cameras.networks.generic import Generic, Source
from cctview_pipeline.cameras.networks.hong_kong import HongKong
from cctview_pipeline.cameras.networks.norway import Norway
from cctview_pipeline.cameras.networks.nyc_dot import LocalServer, NycDot
from cctview_pipeline.cameras.networks.singapore import Singapore
from cctview_pipeline.cameras.networks.tfl import TfL
from cctview_pipeline.cameras.protocol import LiveNetwork
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import ConfigurationError, NotFoundError

_ALONE = (NycDot, Digitraffic, TfL, DriveBC, HongKong, Singapore, Norway, Caltrans, FiveOneOneNY, LocalServer)
LIVE_NETWORKS: Mapping[str, Callable[[str], LiveNetwork] | None] = {
    **{network.name: network for network in _ALONE},
    **{name: partial(FiveOneOne, host) for name, host in HOSTS.items()},
    Generic.name: None,
}
"""Name -> what makes one, of its own server or of another of the same form; None for what its settings alone describe."""


def open_live(name: str, base_url: str = "", source: Source | None = None) -> LiveNetwork:
    """A live network by name. source: what describes a ``generic`` one.

    Raises NotFoundError, naming those that there are, and ConfigurationError, with the mend, for one that is not described.
    """
    if name not in LIVE_NETWORKS:
        raise NotFoundError(f"There is no live network named '{name}': known are {', '.join(LIVE_NETWORKS)}.")
    if make := LIVE_NETWORKS[name]:
        return make(base_url)
    if not source:
        raise ConfigurationError(
            "A generic network is described by a file: give --list, or write [campaign.settings.source] in campaign.toml."
        )
    return Generic(source, base_url)


def network_of(campaign: Campaign) -> LiveNetwork | None:
    """The campaign's, as its settings describe it; None for one that is not live."""
    return named(campaign, campaign.network)


def named(campaign: Campaign, network: str) -> LiveNetwork | None:
    """The same of a network that the campaign's cameras name."""
    if network not in LIVE_NETWORKS:
        return None
    told = campaign.settings.get("source") if network == Generic.name else None
    return open_live(network, str(campaign.settings.get("base_url", "")), Source.read(told, campaign.source) if told else None)
