"""``cctview links``: which cameras share vehicles, learned from their tracks, and accepted by a person."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cctview_pipeline.campaign import parse_span, touching
from cctview_pipeline.cli.options import CamerasOption, FromOption, ToOption, command_line, split
from cctview_pipeline.cli.terminal import console, print_json, say
from cctview_pipeline.durations import parse_duration
from cctview_pipeline.errors import ConfigurationError, NotFoundError
from cctview_pipeline.match.proposal import DISCOVERIES, FEWEST, LONGEST_S, Proposal, Proposals
from cctview_pipeline.roads import RoadNetwork

links = typer.Typer(no_args_is_help=True, help="Which cameras' traffic comes next: learned from tracks, accepted by a person.")

RateOption = Annotated[float, typer.Option("--q", help="The false discovery rate up to which links are believed.")]
HEADINGS = (
    "from",
    "leaves",
    "to",
    "enters",
    "travel time, s",
    "pole to pole, s",
    "spread, s",
    "vehicles",
    "evidence",
    "q",
    "metres",
)
MOST_S = 3600


@links.command("propose")
def propose(
    cameras: CamerasOption = [],  # noqa: B006
    begin: FromOption = "",
    end: ToOption = "",
    longest: Annotated[str, typer.Option(help="The longest travel time that is looked for, up to 1h.")] = f"{LONGEST_S // 60}m",
    at_most: RateOption = DISCOVERIES,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print a table for a document.")] = False,
) -> None:
    """Learn from the tracks of some hours which cameras share vehicles, in which direction and how far apart in time.

    Neither faces, corridor, order nor links are read. What is proposed is kept beside campaign.toml; `cctview links accept`
    writes it there.
    """
    from cctview_pipeline.automation.instance import open_campaign
    from cctview_pipeline.match.propose import propose as learn
    from cctview_pipeline.match.propose.stored import hours_of_tracks, keep, metres_apart, read_passers

    _check_rate(at_most)
    seconds = int(parse_duration(longest).total_seconds())
    if not 0 < seconds <= MOST_S:
        raise ConfigurationError(f"--longest {longest} is no travel time between neighbours: give up to 1h.")
    span = parse_span(begin, end)
    lake, campaign = open_campaign()
    asked = [campaign.camera(name) for name in split(cameras)] or list(campaign.cameras)
    names = [camera.id for camera in asked]
    hours = hours_of_tracks(lake, names, touching(campaign.hours(), *span))
    if not hours:
        raise NotFoundError("No hour of those asked for has tracks yet: `cctview backfill` makes them.")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        shown = partial(progress.track, description="pairs of directions")
        found = learn(read_passers(lake, names, hours), metres_apart(asked), longest_s=seconds, at_most=at_most, shown=shown)
    if not found.hypotheses:
        raise NotFoundError(
            f"Links lead from one camera to another, and of those asked for fewer than two have {FEWEST} vehicles in one "
            "direction: read more hours or more cameras."
        )
    keep(lake, found, hours)
    proposed = found.links(at_most)
    if as_json:
        print_json({"links": [asdict(each) for each in proposed], **_counts(found, proposed)})
        return
    _print(proposed, as_markdown)
    for sentence in _sentences(found, proposed):
        say(sentence) if as_markdown else console.print(sentence, soft_wrap=True, highlight=False)
    if proposed and not as_markdown:
        rate = () if at_most == DISCOVERIES else ("--q", f"{at_most:g}")
        say(f"\nNext: {command_line('links', 'accept', *rate)}\n      writes these links into campaign.toml")


@links.command("accept")
def accept(
    names: Annotated[list[str] | None, typer.Argument(help="Links as FROM:TO; all up to --q when left out.")] = None,
    at_most: RateOption = DISCOVERIES,
) -> None:
    """Write proposed links into campaign.toml, whose comments stay. Matches and journeys of before rest on what it said."""
    from cctview_pipeline.automation.instance import check_not_served, open_campaign, open_instance
    from cctview_pipeline.match.propose.accepting import accept as write_accepted
    from cctview_pipeline.match.propose.accepting import chosen
    from cctview_pipeline.match.propose.stored import kept

    _check_rate(at_most)
    lake, campaign = open_campaign()
    here = {camera.id for camera in campaign.cameras}
    stored = kept(lake).links
    known = [each for each in stored if {each.source, each.target} <= here]
    if gone := len(stored) - len(known):
        console.print(f"Left out: {gone} that were proposed for cameras which campaign.toml no longer has.", soft_wrap=True)
    wanted = chosen(known, names or [], at_most)
    with open_instance() as instance:
        check_not_served(instance)
        written = write_accepted(lake, wanted)
    for link in written:
        console.print(f"{link.from_camera}:{link.to_camera} leaves {link.leaves}, enters {link.enters}, {link.metres:g} m")
    left = f"; {len(wanted) - len(written)} stood there already" if len(wanted) > len(written) else ""
    console.print(f"Wrote {len(written)} links into {lake.storage.path('campaign.toml')}{left}.", soft_wrap=True, highlight=False)
    if written:
        say(f"\nNext: {command_line('backfill', '--again-from', 'matches')}\n      matches vehicles along them")


@links.command("list")
def list_links(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False) -> None:
    """Show the links of campaign.toml, and those that were proposed last."""
    from cctview_pipeline.automation.instance import open_campaign
    from cctview_pipeline.match.propose.stored import kept

    lake, campaign = open_campaign()
    try:
        stored = kept(lake)
    except NotFoundError:
        stored = None
    if as_json:
        proposed = [asdict(each) for each in stored.links] if stored else []
        print_json({"links": [link.to_dict() for link in campaign.links], "proposed": proposed})
        return
    edges, written = RoadNetwork.of(campaign).edges, {link.pair for link in campaign.links}
    table = Table("from", "leaves", "to", "enters", "metres", "by", title="Links of campaign.toml")
    for edge in edges:
        by = "[[links]]" if edge.pair in written else f"corridor {edge.road}"
        table.add_row(edge.source.id, edge.leaves, edge.target.id, edge.enters, f"{edge.metres:.0f}", by)
    console.print(table)
    if stored is None:
        console.print("No links were proposed yet: `cctview links propose` does.")
        return
    there = {edge.pair for edge in edges}
    _print([each for each in stored.links if (each.source, each.target) not in there], False)
    console.print(f"Proposed at {stored.at} by the tracks of {', '.join(stored.hours)}, less what was accepted.", soft_wrap=True)


def _check_rate(rate: float) -> None:
    if not 0 < rate <= 1:
        raise ConfigurationError(f"--q {rate:g} is no false discovery rate: give a number above 0 and up to 1, such as 0.05.")


def _cells(each: Proposal) -> tuple[str, ...]:
    time = f"{each.seconds:.1f} ({each.low:.1f} to {each.high:.1f})"
    counted = f"{each.vehicles:.0f} of {each.passed}"
    metres = f"{each.metres:.0f}" if each.metres_from == "places" else f"{each.metres:.0f}, by travel time"
    ends = each.source, each.leaves, each.target, each.enters
    poles = "" if each.at_poles is None else f"{each.at_poles:.1f}"
    return (*ends, time, poles, f"{each.spread:.1f}", counted, f"{each.score:.1f}", f"{each.q:.4f}", metres)


def _print(proposed: Sequence[Proposal], as_markdown: bool) -> None:
    if as_markdown:
        say(f"| {' | '.join(HEADINGS)} |\n|{' --- |' * len(HEADINGS)}")
        for each in proposed:
            say(f"| {' | '.join(_cells(each))} |")
        return
    table = Table(title="Proposed links", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)  # for narrow terminals
    for heading in ("from", "to", *HEADINGS[4:]):
        table.add_column(heading, overflow="fold", justify="left" if heading in ("from", "to") else "right")
    for each in proposed:
        source, leaves, target, enters, *rest = _cells(each)
        table.add_row(f"{source} {leaves}", f"{target} {enters}", *rest)
    console.print(table)


def _counts(found: Proposals, proposed: Sequence[Proposal]) -> dict[str, object]:
    """Of links one way each, and of pairs of cameras that have one or two."""
    return {
        "directed": len(proposed),
        "pairs": len({frozenset((each.source, each.target)) for each in proposed}),
        "told_by_cameras_between": len([each for each in found.ways if each.by_way_of]),
        "hypotheses": found.hypotheses,
        "decoys": found.decoys,
        "too_few": [":".join(each) for each in found.too_few],
    }


def _sentences(found: Proposals, proposed: Sequence[Proposal]) -> list[str]:
    counts = _counts(found, proposed)
    said = [
        f"{counts['directed']} links, one way each, between {counts['pairs']} pairs of cameras; "
        f"{counts['told_by_cameras_between']} more ways are told by cameras between; "
        f"{counts['hypotheses']} were asked, against {counts['decoys']} decoys."
    ]
    if found.too_few:
        said.append(f"Left out for fewer than {FEWEST} vehicles: {', '.join(' '.join(each) for each in found.too_few)}.")
    return said
