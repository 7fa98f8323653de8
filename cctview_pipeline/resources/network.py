"""The campaign's camera network as a Dagster resource."""

import dagster as dg

from cctview_pipeline.cameras import open_network
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.frames import CameraNetwork
from cctview_pipeline.resources.cores import share_cores


class NetworkResource(dg.ConfigurableResource):
    """Opens the network that the lake's campaign names, so that a run of the UI and one of the command line read alike."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        share_cores(context)  # people are found and painted over here

    def open(self, campaign: Campaign) -> CameraNetwork:
        return open_network(campaign.network, campaign.path, campaign.settings, campaign.timezone)
