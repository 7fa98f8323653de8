"""detector_model: the detector's weights in use, and what they were made from."""

from pathlib import Path

import dagster as dg

from cctview_pipeline.assets.weights import DETECTOR, AdaptationConfig, candidate, kept, learned_from, result
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.extras import TRAINING, need
from cctview_pipeline.partitions import Partitions
from cctview_pipeline.paths import project_root
from cctview_pipeline.registry.manifest import find_model
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.training.versions import detector_version


class DetectorTraining(AdaptationConfig):
    """data: folders of recorded frames, separated by commas, to train anew; with ``adapt`` the labels of the
    lake are learned instead; with neither the weights in use are taken as they are. The other figures are those of
    ``cctview train detector``."""

    data: str = ""
    epochs: int = 0
    seed: int = 7
    device: str = "auto"


def detector_model(campaign: Campaign, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        key=DETECTOR,
        description="The weights of the detector in use. Trained or adapted when that is configured, else taken from models/.",
        group_name="models",
        code_version=detector_version(),
        owners=["team:cctview"],
        kinds={"pytorch", "openvino"},
        pool="gpu",
        deps=[learned_from(campaign, partitions, "labels", "detector")],
    )
    def asset(config: DetectorTraining, lake: LakeResource) -> dg.MaterializeResult:
        store, used_by = lake.open_campaign()
        start = find_model(used_by.model("detector"), "detector")
        if not (config.data or config.adapt):
            return result(start)
        need("Training", *TRAINING)
        from cctview_pipeline.training.detector.adaptation import AdaptationRecipe, adapt_detector
        from cctview_pipeline.training.detector.recipe import DetectorRecipe, train_detector

        workspace = project_root() / "var" / "training"
        if config.data:
            folders = [Path(folder.strip()) for folder in config.data.split(",")]
            recipe = DetectorRecipe(seed=config.seed, epochs=config.epochs or DetectorRecipe.epochs)
            return result(train_detector(folders, workspace, recipe, config.device))
        hours = config.camera_hours(store, "detector", "labels", ("raw_frames", "labels"))
        adapting = AdaptationRecipe(seed=config.seed, epochs=config.epochs or AdaptationRecipe.epochs)
        adapted = adapt_detector(store, hours, config.adapt, workspace, adapting, config.device, start.name)
        return candidate(start, kept(adapted.entry, adapted.refused))

    return asset
