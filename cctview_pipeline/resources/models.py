"""The detector and the extractor as Dagster resources, loaded once a process."""

import dagster as dg
from pydantic import PrivateAttr

from cctview_pipeline.detect import Detector, load_detector
from cctview_pipeline.embed import Extractor, load_extractor


class DetectorResource(dg.ConfigurableResource):
    """name: a detector of models/manifest.toml; device: auto, cpu, cuda or cuda:N."""

    name: str = "default"
    device: str = "auto"
    _model: Detector = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        self._model = load_detector(self.name, self.device)

    @property
    def model(self) -> Detector:
        return self._model


class ExtractorResource(dg.ConfigurableResource):
    """name: an extractor of models/manifest.toml; device: auto, cpu, cuda or cuda:N."""

    name: str = "default"
    device: str = "auto"
    _model: Extractor = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        self._model = load_extractor(self.name, self.device)

    @property
    def model(self) -> Extractor:
        return self._model
