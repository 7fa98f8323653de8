"""Whether all that a campaign says is understood, before anything is done by it."""

from dataclasses import dataclass

from cctview_pipeline.cameras import NETWORKS
from cctview_pipeline.cameras.footage.settings import FootageSettings
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.cameras.networks.generic import Generic
from cctview_pipeline.cameras.pictures.settings import PictureSettings
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.collect.settings import CollectSettings
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.policy import Policy
from cctview_pipeline.resources.needs import check_resources
from cctview_pipeline.settings import CLOSED, Section, read


@dataclass(frozen=True)
class NoSettings:
    """``[campaign.settings]`` of an archive, which has none."""

    __pydantic_config__ = CLOSED


def understood(campaign: Campaign) -> Campaign:
    """The same campaign. Raises CctviewError for a network that there is not, for settings that its network does not have, for
    needs of jobs that cannot be, and for a promise about people in its pictures that nobody would keep, as it is misspelt."""
    if campaign.network not in NETWORKS:
        section, why = Section(campaign.source, "[campaign]"), "is no camera network"
        raise section.wrong("network", campaign.network, why, f"one of {', '.join(NETWORKS)}")
    Policy.of(campaign)
    check_resources(campaign)
    if campaign.network in LIVE_NETWORKS:
        settings = CollectSettings.read(campaign.settings, campaign.source)
        settings.network(campaign.network)
        if settings.source and campaign.network != Generic.name:
            raise ConfigurationError(
                f"{campaign.source}: [campaign.settings.source] describes a network of its own, and this one is "
                f"'{campaign.network}': take it out, or write network = \"{Generic.name}\"."
            )
    elif campaign.network == "city":
        from cctview_pipeline.city import CitySettings  # not at the top: the renderer takes a second to load

        CitySettings.read(campaign.settings, campaign.source)
    elif campaign.network == "footage":
        FootageSettings.read(campaign.settings, campaign.source)
    elif campaign.network == "pictures":
        PictureSettings.read(campaign.settings, campaign.source)
    else:
        read(NoSettings, campaign.settings, Section(campaign.source, "[campaign.settings]"))
    return campaign
