"""extractor_model: the extractor's weights in use, and what they were made from."""

from pathlib import Path

import dagster as dg

from cctview_pipeline.assets.weights import EXTRACTOR, Learning, candidate, in_use, kept, learned_from, result
from cctview_pipeline.embed import training_version
from cctview_pipeline.extras import TRAINING, need
from cctview_pipeline.paths import project_root
from cctview_pipeline.resources.lake import LakeResource


class ExtractorTraining(Learning):
    """data: a folder of the published layout with ``*--features-pca256.parquet``, to train anew; with ``adapt`` the tracks of
    the lake are learned instead; with neither the weights in use are taken as they are. The other figures are those of
    ``cctview train extractor``."""

    data: str = ""
    epochs: int = 0
    seed: int = 7
    device: str = "auto"


@dg.asset(
    key=EXTRACTOR,
    description="The weights of the extractor in use. Trained or adapted when that is configured, else taken from models/.",
    group_name="models",
    code_version=training_version(),
    owners=["team:cctview"],
    kinds={"pytorch"},
    pool="gpu",
    # It learns from tracks too, but these are made with it: the graph can't say so.
    deps=[learned_from("crops", "extractor")],
)
def extractor_model(config: ExtractorTraining, lake: LakeResource) -> dg.MaterializeResult:
    if not (config.data or config.adapt):
        return result(in_use("extractor"))
    need("Training", *TRAINING)
    # Not at the top: torch and the city take seconds to import, in every run and in the code server.
    from cctview_pipeline.embed.adaptation import AdaptationRecipe, adapt_extractor
    from cctview_pipeline.embed.training import ExtractorRecipe, train_extractor

    workspace, chosen = project_root() / "var" / "training", {"seed": config.seed}
    chosen |= {"epochs": config.epochs} if config.epochs else {}
    if config.data:
        return result(train_extractor(Path(config.data), workspace, ExtractorRecipe(**chosen), config.device))
    store, start = lake.open(), in_use("extractor")
    hours = config.camera_hours(store, "extractor", "tracks", ("crops", "tracks"))
    adapted = adapt_extractor(store, hours, config.adapt, workspace, AdaptationRecipe(**chosen), config.device, start.name)
    return candidate(start, kept(adapted.entry, adapted.refused))
