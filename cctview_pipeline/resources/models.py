"""The detector and the extractor as Dagster resources."""

from typing import TYPE_CHECKING

import dagster as dg

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.detect import load_detector, threshold_of
from cctview_pipeline.embed import load_extractor
from cctview_pipeline.resources.cores import share_cores

if TYPE_CHECKING:
    from cctview_pipeline.detect import Detector
    from cctview_pipeline.embed import Extractor


class DetectorResource(dg.ConfigurableResource):
    """name: a detector of models/manifest.toml, the campaign's when left out; device: auto, cpu, cuda or cuda:N."""

    name: str = ""
    device: str = "auto"

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        share_cores(context)

    def load(self, campaign: Campaign) -> "Detector":
        """The campaign's detector; once a process, however often it is asked for."""
        return load_detector(self.name or campaign.model("detector"), self.device)

    def threshold(self, campaign: Campaign) -> float:
        """Its operating point, without loading it."""
        return threshold_of(self.name or campaign.model("detector"))


class ExtractorResource(dg.ConfigurableResource):
    """name: an extractor of models/manifest.toml, the campaign's when left out; device: auto, cpu, cuda or cuda:N."""

    name: str = ""
    device: str = "auto"

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        share_cores(context)

    def load(self, campaign: Campaign) -> "Extractor":
        """The campaign's extractor; once a process, however often it is asked for."""
        return load_extractor(self.name or campaign.model("extractor"), self.device)
