"""detector_model: the weights in use, and what they were made from."""

from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from matplotlib.figure import Figure

from cctview_pipeline.assets.pictures import plot
from cctview_pipeline.detect import training_version
from cctview_pipeline.paths import project_root
from cctview_pipeline.weights import ModelEntry, find_model, read_facts

KEY = dg.AssetKey("detector_model")


class DetectorTraining(dg.Config):
    """data: a folder of the published layout with packaged-detections.parquet, to train anew; without one the weights in
    models/ are taken as they are. The other figures are those of ``cctview train detector``."""

    data: str = ""
    epochs: int = 12
    seed: int = 7
    device: str = "auto"


@dg.asset(
    key=KEY,
    description="The default detector's weights: trained when a folder is configured, else those that are shipped.",
    group_name="models",
    code_version=training_version(),
    owners=["team:cctview"],
    kinds={"pytorch", "openvino"},
    pool="gpu",
)
def detector_model(context: dg.AssetExecutionContext, config: DetectorTraining) -> dg.MaterializeResult:
    if config.data:
        # Not at the top: torch and the city take seconds to import, in every run and in the code server.
        from cctview_pipeline.detect.training import DetectorRecipe, train_detector

        recipe = DetectorRecipe(epochs=config.epochs, seed=config.seed)
        entry = train_detector(Path(config.data), project_root() / "var" / "training", recipe, config.device)
    else:
        entry = find_model("default", "detector")
    return dg.MaterializeResult(data_version=dg.DataVersion(entry.sha256), metadata=describe(entry))


def describe(entry: ModelEntry) -> dict[str, Any]:
    """What Dagster shows of a model: its hash, what it was made from, how good it is, and the curve of its training."""
    facts = read_facts(entry)
    curve = facts.get("curve")
    shown = {name: facts[name] for name in ("data_version", "code_version", "licence", "size") if name in facts}
    shown |= {name: dg.JsonMetadataValue(facts[name]) for name in ("recipe", "measured") if name in facts}
    return (
        {"model": entry.version, "sha256": entry.sha256, "weights": dg.MetadataValue.path(str(entry.path))}
        | shown
        | {name: value for name, value in facts.get("measured", {}).items() if isinstance(value, float)}
        | ({"curve": plot(_draw(curve))} if curve else {})
    )


def record_model(instance: dg.DagsterInstance) -> None:
    """Let Dagster know of the weights in models/, unless it does: detections made by others then show as stale."""
    entry = find_model("default", "detector")
    known = instance.get_latest_materialization_event(KEY)
    if known is None or known.asset_materialization.tags.get(DATA_VERSION_TAG) != entry.sha256:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(KEY, metadata=describe(entry), tags={DATA_VERSION_TAG: entry.sha256})
        )


def _draw(curve: dict[str, list[float]]) -> Figure:
    figure = Figure((7, 3), layout="constrained")
    for place, (name, values) in enumerate(curve.items(), 1):
        axes = figure.add_subplot(1, len(curve), place)
        axes.plot(range(1, len(values) + 1), values, marker=".")
        axes.set(xlabel="epoch", title={"loss": "loss", "ap50": "AP50 on tuning frames"}[name])
        axes.grid(alpha=0.3)
    return figure
