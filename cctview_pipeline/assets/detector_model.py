"""detector_model: the detector's weights in use, and what they were made from."""

from pathlib import Path

import dagster as dg

from cctview_pipeline.assets.weights import DETECTOR, result
from cctview_pipeline.detect import training_version
from cctview_pipeline.paths import project_root
from cctview_pipeline.weights import find_model


class DetectorTraining(dg.Config):
    """data: a folder of the published layout with packaged-detections.parquet, to train anew; without one the weights in
    models/ are taken as they are. The other figures are those of ``cctview train detector``."""

    data: str = ""
    epochs: int = 12
    seed: int = 7
    device: str = "auto"


@dg.asset(
    key=DETECTOR,
    description="The default detector's weights: trained when a folder is configured, else those that are shipped.",
    group_name="models",
    code_version=training_version(),
    owners=["team:cctview"],
    kinds={"pytorch", "openvino"},
    pool="gpu",
)
def detector_model(context: dg.AssetExecutionContext, config: DetectorTraining) -> dg.MaterializeResult:
    if not config.data:
        return result(find_model("default", "detector"))
    # Not at the top: torch and the city take seconds to import, in every run and in the code server.
    from cctview_pipeline.detect.training import DetectorRecipe, train_detector

    recipe = DetectorRecipe(epochs=config.epochs, seed=config.seed)
    return result(train_detector(Path(config.data), project_root() / "var" / "training", recipe, config.device))
