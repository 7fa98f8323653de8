"""``cctview doctor``: what is wrong with the lake's campaign, before anything is begun."""

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from cctview_pipeline.cli.terminal import console, print_json
from cctview_pipeline.errors import CctviewError

_STYLES = {"fine": "green", "doubt": "yellow", "wrong": "bold red"}


def doctor(
    contact: Annotated[str, typer.Option(help="For the cameras' operator, where campaign.toml names none.")] = "",
    alone: Annotated[bool, typer.Option("--alone", help="Ask nothing outside of this machine.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Look over the lake's campaign: its hours and roads, models, terms, key, one frame of each camera, and the disk.

    Nothing is stored. The exit status is 1 where something is wrong; doubts do not count.
    """
    from cctview_pipeline.resources.lake import open_lake
    from cctview_pipeline.resources.understood import understood
    from cctview_pipeline.setup.checks import Checkup

    lake = open_lake()
    found = []
    for finding in Checkup(lake=lake, campaign=understood(lake.require_campaign()), contact=contact, alone=alone).run():
        found.append(finding)
        if not as_json:
            console.print(f"{finding.level:<5} ", style=_STYLES[finding.level], end="")
            console.print(f"{finding.about:<9} {finding.sentence}", soft_wrap=True, highlight=False)
    counts = Counter(str(finding.level) for finding in found)
    if as_json:
        print_json({"findings": [asdict(finding) for finding in found], "wrong": counts["wrong"], "doubts": counts["doubt"]})
    if counts["wrong"]:
        raise CctviewError(f"{counts['wrong']} of {len(found)} findings are wrong: each says what to do.")
    if not as_json:
        console.print(f"Nothing is wrong; {counts['doubt']} of {len(found)} findings are doubts.")
