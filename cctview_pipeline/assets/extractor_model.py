"""extractor_model: the extractor's weights in use, and what they were made from."""

from pathlib import Path

import dagster as dg

from cctview_pipeline.assets.weights import EXTRACTOR, AdaptationConfig, candidate, kept, learned_from, result
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.extras import TRAINING, need
from cctview_pipeline.partitions import Partitions
from cctview_pipeline.paths import project_root
from cctview_pipeline.registry.manifest import find_model
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.training.versions import extractor_version


class ExtractorTraining(AdaptationConfig):
    """data: a folder of the published layout with ``*--features-pca256.parquet``, to train anew; with ``adapt`` the tracks of
    the lake are learned instead; with neither the weights in use are taken as they are. The other figures are those of
    ``cctview train extractor``."""

    data: str = ""
    epochs: int = 0
    seed: int = 7
    device: str = "auto"


def extractor_model(campaign: Campaign, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        key=EXTRACTOR,
        description="The weights of the extractor in use. Trained or adapted when that is configured, else taken from models/.",
        group_name="models",
        code_version=extractor_version(),
        owners=["team:cctview"],
        kinds={"pytorch", "openvino"},
        pool="gpu",
        # It learns from tracks too, but these are made with it: the graph can't say so.
        deps=[learned_from(campaign, partitions, "crops", "extractor")],
    )
    def asset(config: ExtractorTraining, lake: LakeResource) -> dg.MaterializeResult:
        store, used_by = lake.open_campaign()
        start = find_model(used_by.model("extractor"), "extractor")
        if not (config.data or config.adapt):
            return result(start)
        need("Training", *TRAINING)
        from cctview_pipeline.training.extractor.adaptation import AdaptationRecipe, adapt_extractor
        from cctview_pipeline.training.extractor.recipe import ExtractorRecipe, train_extractor

        workspace = project_root() / "var" / "training"
        if config.data:
            recipe = ExtractorRecipe(seed=config.seed, epochs=config.epochs or ExtractorRecipe.epochs)
            return result(train_extractor(Path(config.data), workspace, recipe, config.device))
        hours = config.camera_hours(store, "extractor", "tracks", ("crops", "tracks", "matches", "verdicts"))
        adapting = AdaptationRecipe(seed=config.seed, epochs=config.epochs or AdaptationRecipe.epochs)
        adapted = adapt_extractor(store, hours, config.adapt, workspace, adapting, config.device, start.name)
        return candidate(start, kept(adapted.entry, adapted.refused))

    return asset
