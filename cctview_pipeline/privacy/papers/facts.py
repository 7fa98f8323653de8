"""What the papers of privacy/papers.py rest on: nothing stands in them that is not here, or left blank for the controller.

The asset graph comes as plain data from whoever knows Dagster (automation/paper_graph.py).
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cctview_pipeline.analytics.warehouse import MARTS
from cctview_pipeline.cameras.live import LIVE_NETWORKS, Terms
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.collect.settings import CollectSettings
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.paths import models_directory, project_root
from cctview_pipeline.privacy.erasures import KEPT, RULES
from cctview_pipeline.privacy.policy import Policy

SYNTHETIC = "city"
"""The network whose cameras nobody has passed."""
BESIDE = {
    "spool": "what the collectors wrote before an hour is sealed into the lake",
    "logs": "what runs printed",
    "keys": "the secrets of days, from which pseudonyms and the turning of embeddings follow",
}
"""What has a lifetime and is no table, as privacy/policy.py names it."""
_TOLD = re.compile(r"\*\*(?P<title>What it [\w ]+|Where it fails)(?P<dot>\.?)\*\*(?P<text>.*?)(?=\n\n|\Z)", re.DOTALL)
_MISSED = ("recall", "missed")


@dataclass(frozen=True)
class Made:
    """A table or a model as the asset graph knows it. inputs: what it is made from; its own name for its earlier hour."""

    description: str
    inputs: frozenset[str] = frozenset()


AssetGraph = Mapping[str, Made]


@dataclass(frozen=True)
class Model:
    """A model in use. facts: all that the manifest says; told: title -> what its card goes on
    with, about its learning and its limits."""

    name: str
    version: str
    facts: Mapping
    told: Mapping[str, str]
    card: str


@dataclass(frozen=True)
class Facts:
    """terms: network -> what its operator says, as far as the package knows it; cadence_s: between a live network's frames;
    collect: how it is collected; people: how many of the people are found, name -> figure, as far as measured; home: from the
    papers to the project, so that they can link to it; empty when they lie elsewhere."""

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
    def corridors(self) -> dict[str, tuple[int, float]]:
        """Road -> its cameras, and metres along them from the first to the last, at least."""
        found = {}
        for name in sorted({camera.corridor for camera in self.campaign.cameras}):
            road = sorted((c for c in self.campaign.cameras if c.corridor == name), key=lambda camera: camera.order)
            found[name] = len(road), sum(one.distance_m(other) for one, other in itertools.pairwise(road))
        return found

    def polygons(self, kind: str) -> int:
        """kind: masks or privacy_zones."""
        return sum(len(getattr(camera, kind)) for camera in self.campaign.cameras)

    def lifetime(self, name: str) -> str:
        return words(self.policy.lifetime(name))


def gather(campaign: Campaign, graph: AssetGraph, home: str = "", results: Path | None = None) -> Facts:
    """Everything that is known of a campaign. home: as in Facts; results: the folder of measured figures, the project's own when
    left out. Raises CctviewError for settings that are not understood."""
    live = LIVE_NETWORKS.get(campaign.network)
    networks = dict.fromkeys([campaign.network, *(camera.network for camera in campaign.cameras)])
    return Facts(
        campaign,
        Policy.of(campaign),
        graph,
        {name: LIVE_NETWORKS[name].terms for name in networks if name in LIVE_NETWORKS},
        live.cadence_s if live else None,
        CollectSettings.read(campaign.settings, campaign.source) if live else None,
        tuple(_models(campaign)),
        _people(results or project_root() / "benchmarks" / "results"),
        home.rstrip("/"),
    )


def words(lifetime: timedelta | None) -> str:
    """How long, in words."""
    if lifetime is None:
        return "for ever"
    hours = round(lifetime / timedelta(hours=1))
    count, unit = (hours, "hour") if hours < 48 or hours % 24 else (hours // 24, "day")
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def _models(campaign: Campaign) -> Iterator[Model]:
    """The models that are used unless a run says otherwise: of every task the campaign's, the default one, or its only one."""
    from cctview_pipeline.weights import list_models, read_facts  # not at the top: torch takes seconds to import

    entries = list_models()
    names = {entry.name for entry in entries}
    for entry in entries:
        default = f"default-{entry.task}"
        used = campaign.models.get(entry.task, default)
        if entry.name == (default if used == "default" else used) or default not in names:
            card = models_directory() / f"{entry.name}.md"
            text = card.read_text() if card.exists() else ""
            told = {found["title"]: (found["dot"] + found["text"]).rstrip() for found in _TOLD.finditer(text)}
            yield Model(entry.name, entry.version, read_facts(entry), told, f"models/{card.name}" if text else "")


def _people(results: Path) -> dict[str, float]:
    """What people.json says of how many people are found or missed; empty when it is not there."""
    path = results / "people.json"
    return dict(_figures(json.loads(path.read_text())["results"])) if path.exists() else {}


def _figures(found: object, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number below a name with recall or missed in it."""
    if isinstance(found, Mapping):
        for key, value in found.items():
            yield from _figures(value, f"{name}, {key}" if name else key)
    elif isinstance(found, int | float) and not isinstance(found, bool) and any(word in name.lower() for word in _MISSED):
        yield name, found
