"""campaign.toml with links that a person accepted; everything else of the file, its comments too, stays as it is."""

from collections.abc import Iterable, Sequence
from typing import cast

import tomlkit

from cctview_pipeline.campaign import Campaign, nearest
from cctview_pipeline.errors import ConfigurationError, NotFoundError, printable
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.tables import CAMPAIGN
from cctview_pipeline.limits import TOML_BYTES
from cctview_pipeline.links import Link, Side
from cctview_pipeline.match.proposal import Proposal
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline.toml_text import decode_toml


def name_of(proposal: Proposal) -> str:
    """``cam-1:cam-2``, as a person names a link; no camera's id has a colon."""
    return f"{proposal.source}:{proposal.target}"


def chosen(proposals: Sequence[Proposal], names: Sequence[str], at_most: float) -> list[Proposal]:
    """Those named, or, where none are, all with a false discovery rate of ``at_most``. Raises CctviewError for a name that was
    not proposed."""
    known = {name_of(each): each for each in proposals}
    for name in names:
        if name not in known:
            near = f"it may mean {found}, or " if (found := nearest(name, known)) else ""
            raise NotFoundError(
                f"No link '{printable(name)}' was proposed: {near}`cctview links list` shows those that were, and "
                "`cctview links propose` looks again."
            )
    return [known[name] for name in names] if names else [each for each in proposals if each.q <= at_most]


def link_of(proposal: Proposal) -> Link:
    """As campaign.toml has it."""
    return Link(
        from_camera=proposal.source,
        to_camera=proposal.target,
        metres=round(proposal.metres, 1),
        leaves=cast(Side, proposal.leaves),
        enters=cast(Side, proposal.enters),
    )


def with_links(text: str, links: Iterable[Link], source: str) -> tuple[str, Campaign]:
    """The campaign's text with these links at its end, and the campaign that it says. Raises CctviewError for one that it
    refuses."""
    document = tomlkit.parse(text)
    if "links" in document and not isinstance(document["links"], tomlkit.items.AoT):
        raise ConfigurationError(f"{source} has its links in one line: write each under a [[links]] of its own.")
    if "links" not in document:
        document.add(tomlkit.nl())
    rows = document.setdefault("links", tomlkit.aot())
    for link in links:
        rows.append(tomlkit.item(link.to_dict()))
    written = tomlkit.dumps(document)
    return written, Campaign.from_toml(written, source)


def accept(lake: Lake, proposals: Sequence[Proposal]) -> list[Link]:
    """Write links into the lake's campaign.toml, whole or not at all; those from and to whose cameras it has a link already are
    left out, one by its corridor too. Returns those that were written. Raises CctviewError for a campaign that would be none."""
    source = lake.storage.path(CAMPAIGN)
    text = decode_toml(lake.storage.read(CAMPAIGN, TOML_BYTES).to_pybytes(), source)
    there = {edge.pair for edge in RoadNetwork.of(Campaign.from_toml(text, source)).edges}
    fresh = [link for link in map(link_of, proposals) if link.pair not in there]
    if fresh:
        written, _ = with_links(text, fresh, source)
        lake.storage.write(CAMPAIGN, written.encode())
    return fresh
