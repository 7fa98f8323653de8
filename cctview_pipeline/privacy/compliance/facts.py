"""What the papers of privacy/compliance/ rest on: nothing stands in them that is not here, or left blank for the controller.

The asset graph comes as plain data from whoever knows Dagster (automation/paper_graph.py).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.cameras.live import LIVE_NETWORKS, named, network_of
from cctview_pipeline.cameras.protocol import Terms
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.collect.settings import CollectSettings
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.paths import models_directory, project_root
from cctview_pipeline.policy import Policy
from cctview_pipeline.privacy.erasures import KEPT, RULES
from cctview_pipeline.roads import RoadNetwork

SYNTHETIC = "city"
"""The network whose cameras nobody has passed."""
BESIDE = {
    "spool": "what the collectors wrote before an hour is sealed into the lake",
    "logs": "what runs printed",
    "keys": "the secrets of days, from which pseudonyms follow",
}
"""What has a lifetime and is no table, as policy.py names it."""
_TOLD = re.compile(r"\*\*(?P<title>What it [\w ]+|Where it fails)(?P<dot>\.?)\*\*(?P<text>.*?)(?=\n\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Made:
    """A table or a model as the asset graph knows it. inputs: what it is made from; its own name for its earlier hour."""

    description: str
    inputs: frozenset[str] = frozenset()


AssetGraph = Mapping[str, Made]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model in use. facts: all that the manifest says; told: title -> what its card goes on with, about its learning
    and its limits."""

    name: str
    version: str
    facts: Mapping
    told: Mapping[str, str]
    card: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """terms: network -> what its operator says, as far as the package knows it; cadence_s: between a live network's frames;
    collect: how it is collected; people: scene -> share of people's pixels that masking leaves visible, as far as measured;
    home: from the papers to the project, so that they can link to it; empty when they lie elsewhere."""

    campaign: Campaign
    policy: Policy
    graph: AssetGraph
    terms: Mapping[str, Terms]
    cadence_s: float | None
    collect: CollectSettings | None
    models: tuple[Model, ...]
    people: Mapping[str, float]
    home: str = ""

    @property
    def live(self) -> bool:
        return self.campaign.network in LIVE_NETWORKS

    @property
    def synthetic(self) -> bool:
        return self.campaign.network == SYNTHETIC

    @property
    def tables(self) -> list[str]:
        """The graph's tables, in the order of the schemas."""
        return [name for name in TABLES if name in self.graph]

    @property
    def about_vehicles(self) -> list[str]:
        """The tables that tell of single vehicles, since an erasure takes rows out of them."""
        return [name for name in self.tables if name in RULES]

    @property
    def about_nobody_known(self) -> list[str]:
        """The tables of which nothing in the code says whether they tell of somebody."""
        return [name for name in self.tables if name not in RULES and name not in KEPT and name not in MARTS]

    @property
    def beside(self) -> list[str]:
        """What this campaign has beside the lake's tables. Only live cameras have a spool."""
        return [name for name in BESIDE if name != "spool" or self.live]

    @property
    def kept_for_ever(self) -> list[str]:
        """What tells of single vehicles, or opens what does, and never ends."""
        return [name for name in (*self.about_vehicles, *self.beside) if self.policy.lifetime(name) is None]

    @property
    def not_in_use(self) -> set[str]:
        """The measures, as the assessment names them, that this campaign could have and has not."""
        used = {
            "masking": self.policy.masks_people,
            "zones": self.polygons("masks") + self.polygons("privacy_zones") > 0,
            "lifetimes": len(self.kept_for_ever) < len(self.about_vehicles) + len(self.beside),
            "purposes": bool(self.policy.purposes) and not self.synthetic,
        }
        return {name for name, each in used.items() if not each}

    @property
    def roads(self) -> list[tuple[str, int, float]]:
        """Of every road with two cameras and more: its name, its cameras, and metres along them, at least."""
        return [(road.name, len(road.cameras), road.length) for road in RoadNetwork.of(self.campaign).roads if road.length]

    @property
    def model_assets(self) -> list[str]:
        """What of the graph is no table."""
        return sorted(set(self.graph) - set(TABLES))

    @property
    def nodes(self) -> list[str]:
        """All of the graph: models, then tables, in an order that does not change."""
        return [*self.model_assets, *self.tables]

    def inputs(self, name: str) -> list[str]:
        """What a table or a model is made from, in that order."""
        return [each for each in self.nodes if each in self.graph[name].inputs]

    def polygons(self, kind: str) -> int:
        """kind: masks or privacy_zones."""
        return sum(len(getattr(camera, kind)) for camera in self.campaign.cameras)

    def lifetime(self, name: str) -> str:
        return words(self.policy.lifetime(name))

    def link(self, path: str) -> str:
        """To a file of the project."""
        return _link(path, self.home)


def gather(campaign: Campaign, graph: AssetGraph, home: str = "", results: Path | None = None) -> Facts:
    """Everything that is known of a campaign. home: as in Facts; results: the folder of measured figures, the project's own when
    left out. Raises CctviewError for settings that are not understood."""
    live = network_of(campaign)
    networks = dict.fromkeys([campaign.network, *(camera.network for camera in campaign.cameras)])
    return Facts(
        campaign=campaign,
        policy=Policy.of(campaign),
        graph=graph,
        terms={name: network.terms for name in networks if (network := named(campaign, name))},
        cadence_s=live.cadence_s if live else None,
        collect=CollectSettings.read(campaign.settings, campaign.source) if live else None,
        models=tuple(_models(campaign, home)),
        people=_people(results or project_root() / "benchmarks" / "results"),
        home=home,
    )


def words(lifetime: timedelta | None) -> str:
    """How long, in words."""
    if lifetime is None:
        return "for ever"
    hours = round(lifetime / timedelta(hours=1))
    count, unit = (hours, "hour") if hours < 48 or hours % 24 else (hours // 24, "day")
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def _models(campaign: Campaign, home: str) -> Iterator[Model]:
    """The models that are used unless a run says otherwise: of every task the campaign's, the default one, or its only one."""
    from cctview_pipeline.registry.manifest import list_models, read_facts  # not at the top: torch takes seconds to import

    entries = list_models()
    names = {entry.name for entry in entries}
    for entry in entries:
        default = f"default-{entry.task}"
        used = campaign.model(entry.task)
        if entry.name == (default if used == "default" else used) or default not in names:
            card = models_directory() / f"{entry.name}.md"
            text = card.read_text() if card.exists() else ""
            yield Model(
                name=entry.name,
                version=entry.version,
                facts=read_facts(entry),
                told={found["title"]: _quoted(found["dot"] + found["text"].rstrip(), home) for found in _TOLD.finditer(text)},
                card=f"models/{card.name}" if text else "",
            )


def _quoted(text: str, home: str) -> str:
    """A card's text as one paragraph, its links as they are from the papers."""
    line = re.sub(r"[^\S\n]*\n\s*(- )?", lambda found: " / " if found[1] else " ", text)
    return re.sub(r"\[[^]]*\]\(\.\./([^)]*)\)", lambda found: _link(found[1], home), line)


def _link(path: str, home: str) -> str:
    """To a file of the project, or its name where nobody knows the way there."""
    return f"[{path.rsplit('/', 1)[-1]}]({home.rstrip('/')}/{path})" if home else f"`{path}`"


def _people(results: Path) -> dict[str, float]:
    """What people.json says of how much of people stays visible; empty when it is not there."""
    path = results / "people.json"
    found = json.loads(path.read_text())["results"] if path.exists() else {}
    return {scene: figures["people_missed"] for scene, figures in found.items()}
