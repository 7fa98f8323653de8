"""extractor_model: the extractor's weights in use, and what they were made from."""

from pathlib import Path

import dagster as dg

from cctview_pipeline.assets.weights import EXTRACTOR, result
from cctview_pipeline.embed import training_version
from cctview_pipeline.paths import project_root
from cctview_pipeline.weights import find_model


class ExtractorTraining(dg.Config):
    """data: a folder of the published layout with ``*--features-pca256.parquet``, to train anew; without one the weights in
    models/ are taken as they are. The other figures are those of ``cctview train extractor``."""

    data: str = ""
    epochs: int = 14
    seed: int = 7
    device: str = "auto"


@dg.asset(
    key=EXTRACTOR,
    description="The default extractor's weights: trained when a folder is configured, else those that are shipped.",
    group_name="models",
    code_version=training_version(),
    owners=["team:cctview"],
    kinds={"pytorch"},
    pool="gpu",
)
def extractor_model(context: dg.AssetExecutionContext, config: ExtractorTraining) -> dg.MaterializeResult:
    if not config.data:
        return result(find_model("default", "extractor"))
    # Not at the top: torch and the city take seconds to import, in every run and in the code server.
    from cctview_pipeline.embed.training import ExtractorRecipe, train_extractor

    recipe = ExtractorRecipe(epochs=config.epochs, seed=config.seed)
    return result(train_extractor(Path(config.data), project_root() / "var" / "training", recipe, config.device))
