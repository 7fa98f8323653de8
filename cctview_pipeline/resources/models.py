"""The detector and the extractor as Dagster resources, loaded once a process."""

import os

import dagster as dg
from pydantic import PrivateAttr

from cctview_pipeline.detect import Detector, load_detector
from cctview_pipeline.device import set_threads
from cctview_pipeline.embed import Extractor, load_extractor
from cctview_pipeline.partitions import CAMPAIGN


def share_cores(context: dg.InitResourceContext) -> None:
    """Let the runs that go on at a time divide the machine's cores: two that use all of them are slower than one."""
    runs = context.instance.get_concurrency_config().run_queue_config if context.instance else None
    set_threads(len(os.sched_getaffinity(0)) // max(1, runs.max_concurrent_runs if runs else 1))


class DetectorResource(dg.ConfigurableResource):
    """name: a detector of models/manifest.toml, the campaign's when left out; device: auto, cpu, cuda or cuda:N."""

    name: str = ""
    device: str = "auto"
    _model: Detector = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        share_cores(context)
        self._model = load_detector(self.name or CAMPAIGN.model("detector"), self.device)

    @property
    def model(self) -> Detector:
        return self._model


class ExtractorResource(dg.ConfigurableResource):
    """name: an extractor of models/manifest.toml, the campaign's when left out; device: auto, cpu, cuda or cuda:N."""

    name: str = ""
    device: str = "auto"
    _model: Extractor = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        share_cores(context)
        self._model = load_extractor(self.name or CAMPAIGN.model("extractor"), self.device)

    @property
    def model(self) -> Extractor:
        return self._model
