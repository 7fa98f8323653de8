"""What Dagster knows of a model's weights: detector_model and extractor_model are no tables, but the tables follow from them."""

from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from matplotlib.figure import Figure

from cctview_pipeline.assets.pictures import plot
from cctview_pipeline.weights import ModelEntry, find_model, read_facts

DETECTOR, EXTRACTOR = dg.AssetKey("detector_model"), dg.AssetKey("extractor_model")
TITLES = {
    "loss": "loss",
    "identity_loss": "loss of identity",
    "ap50": "AP50 on tuning frames",
    "agreement": "published nearest in top 5, tuning crops",
}


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


def result(entry: ModelEntry) -> dg.MaterializeResult:
    return dg.MaterializeResult(data_version=dg.DataVersion(entry.sha256), metadata=describe(entry))


def record_models(instance: dg.DagsterInstance) -> None:
    """Let Dagster know of the weights in models/, unless it does: what was made by others then shows as stale."""
    for key, task in ((DETECTOR, "detector"), (EXTRACTOR, "extractor")):
        entry = find_model("default", task)
        known = instance.get_latest_materialization_event(key)
        if known is None or known.asset_materialization.tags.get(DATA_VERSION_TAG) != entry.sha256:
            instance.report_runless_asset_event(
                dg.AssetMaterialization(key, metadata=describe(entry), tags={DATA_VERSION_TAG: entry.sha256})
            )


def _draw(curve: dict[str, list[float]]) -> Figure:
    figure = Figure((7, 3), layout="constrained")
    for place, (name, values) in enumerate(curve.items(), 1):
        axes = figure.add_subplot(1, len(curve), place)
        axes.plot(range(1, len(values) + 1), values, marker=".")
        axes.set(xlabel="epoch", title=TITLES[name])
        axes.grid(alpha=0.3)
    return figure
