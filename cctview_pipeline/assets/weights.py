"""What Dagster knows of a model's weights: detector_model and extractor_model are no tables, but the tables follow from them."""

from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from cctview_pipeline.assets.pictures import plot
from cctview_pipeline.campaign import Campaign, parse_span
from cctview_pipeline.districts import asset_key
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import parse_hour
from cctview_pipeline.partitions import Partitions, to_key
from cctview_pipeline.registry.manifest import ModelEntry, find_model, read_facts
from cctview_pipeline.shell import command

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DETECTOR, EXTRACTOR = "detector_model", "extractor_model"
TITLES = {
    "loss": "loss",
    "identity_loss": "loss of identity",
    "city_loss": "loss on the city",
    "ap50": "AP50 on tuning frames",
    "agreement": "published nearest in top 5, tuning crops",
}


class AdaptationConfig(dg.Config):
    """Adapting to the lake's own cameras. adapt: the new model's name; cameras: all when left out; begin, end: hours, ISO 8601,
    the second exclusive; purpose: of the campaign's, for which pictures of vehicles are learned from."""

    adapt: str = ""
    cameras: list[str] = []  # noqa: RUF012 - pydantic copies it
    begin: str = ""
    end: str = ""
    purpose: str = ""

    def camera_hours(self, lake: Lake, task: str, table: str, read: tuple[str, ...]) -> list[Partition]:
        """The camera-hours of a table that a detector or extractor (task) is to learn from, after that was written down. read:
        the tables that are looked at."""
        from cctview_pipeline.training.permission import authorize_training, written_hours

        found = written_hours(lake, table, self.cameras, *parse_span(self.begin, self.end))
        authorize_training(lake, task, self.adapt, found, read, self.purpose)
        return found


def describe(entry: ModelEntry) -> dict[str, Any]:
    """What Dagster shows of a model: its hash, what it was made from, how good it is, and the curve of its training."""
    facts = read_facts(entry)
    curve = facts.get("curve")
    shown = {name: facts[name] for name in ("data_version", "code_version", "licence", "size") if name in facts}
    shown |= {name: dg.JsonMetadataValue(facts[name]) for name in ("recipe", "measured", "lineage") if name in facts}
    return (
        {"model": entry.version, "sha256": entry.digest, "weights": dg.MetadataValue.path(str(entry.path))}
        | shown
        | {name: value for name, value in facts.get("measured", {}).items() if isinstance(value, float)}
        | ({"curve": plot(_draw(curve))} if curve else {})
    )


def result(entry: ModelEntry) -> dg.MaterializeResult:
    """Weights in use, as Dagster keeps them: their digest is the version of the data that they are."""
    return dg.MaterializeResult(data_version=dg.DataVersion(entry.digest), metadata=describe(entry))


def candidate(used: ModelEntry, made: ModelEntry) -> dg.MaterializeResult:
    """New weights beside those in use, which stay the data that the tables follow from until the campaign names the others."""
    told = {f"candidate/{name}": value for name, value in describe(made).items()}
    mend = dg.MetadataValue.md(f"`{command('cctview', 'models', 'use', made.name)}` makes it the model in use.")
    return dg.MaterializeResult(data_version=dg.DataVersion(used.digest), metadata=describe(used) | told | {"next": mend})


def record_candidate(instance: dg.DagsterInstance, campaign: Campaign, name: str, entry: ModelEntry) -> None:
    """Let Dagster know of weights that were made outside it, and are not in use yet. name: of the asset."""
    instance.report_runless_asset_event(dg.AssetObservation(asset_key(campaign.district, name), metadata=describe(entry)))


def kept(entry: ModelEntry | None, refused: str) -> ModelEntry:
    """Raises CctviewError, with the reason, for weights that were not good enough to be registered."""
    if entry is None:
        raise CctviewError(refused)
    return entry


def learned_from(campaign: Campaign, partitions: Partitions, table: str, task: str) -> dg.AssetDep:
    """The very camera-hours of this lake that the model in use was adapted on; none for a model that was not.

    So the graph shows the loop, and a model is stale when what it learned from was made anew, not with every hour that comes.
    """
    try:
        lineage = read_facts(find_model(campaign.model(task), task)).get("lineage", {})
    except CctviewError:
        lineage = {}  # a run that needs the model says what is wrong with it; the graph must load all the same
    mine = lineage.get("campaign") == campaign.name
    known = set(partitions.camera_hours.get_partition_keys()) if mine else set()
    hours = [parse_hour(text) for text in lineage.get("hours", [])]
    keys = [to_key(Partition.camera_hour(camera, hour)) for camera in lineage.get("cameras", []) for hour in hours]
    return dg.AssetDep(table, partition_mapping=dg.SpecificPartitionsPartitionMapping([key for key in keys if key in known]))


def record_models(instance: dg.DagsterInstance, campaign: Campaign) -> None:
    """Let Dagster know of the weights in use, unless it does: what was made by others then shows as stale."""
    for name, task in ((DETECTOR, "detector"), (EXTRACTOR, "extractor")):
        entry, key = find_model(campaign.model(task), task), asset_key(campaign.district, name)
        latest = instance.get_latest_materialization_event(key)
        known = latest.asset_materialization if latest else None
        if known is None or (known.tags or {}).get(DATA_VERSION_TAG) != entry.digest:
            instance.report_runless_asset_event(
                dg.AssetMaterialization(key, metadata=describe(entry), tags={DATA_VERSION_TAG: entry.digest})
            )


def _draw(curve: dict[str, list[float]]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure((7, 3), layout="constrained")
    for place, (name, values) in enumerate(curve.items(), 1):
        axes = figure.add_subplot(1, len(curve), place)
        axes.plot(range(1, len(values) + 1), values, marker=".")
        axes.set(xlabel="epoch", title=TITLES[name])
        axes.grid(alpha=0.3)
    return figure
