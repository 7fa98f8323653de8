"""``cctview purge``, ``cctview erase`` and ``cctview papers``: what is over, what somebody asked to be forgotten, and what has to
be written down."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cctview_pipeline.campaign import parse_time
from cctview_pipeline.cli.options import split
from cctview_pipeline.cli.terminal import console, print_json
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.files import made_folder
from cctview_pipeline.paths import project_root


def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and delete nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
) -> None:
    """Delete what is older than the campaign allows. Dagster does this every hour while `cctview dev` or a daemon runs."""
    from cctview_pipeline.automation.instance import open_campaign, open_instance
    from cctview_pipeline.automation.lifetimes import end_lifetimes

    lake, campaign = open_campaign()
    with open_instance() as instance:
        ended = end_lifetimes(instance, lake, campaign, datetime.now(UTC), dry_run)
    if as_json:
        print_json(ended.report.as_dict() | {"counts": ended.counts()})
    elif not ended.counts():
        console.print("Nothing is older than the campaign allows.")
    else:
        table = Table("", "would go" if dry_run else "gone")
        for kind, count in ended.counts().items():
            table.add_row(kind, f"{count:,}")
        console.print(table)
    if ended.report.failed:
        each, why = ended.report.failed[0]
        raise CctviewError(f"{len(ended.report.failed)} could not be deleted, such as {each.place}: {why}")


def erase(
    request: Annotated[str, typer.Option(help="The request's reference, such as a letter's number: it goes into the audit log.")],
    cameras: Annotated[list[str], typer.Option("--camera", help="Camera ids, separated by commas.")] = [],  # noqa: B006
    begin: Annotated[str, typer.Option("--from", help="Beginning, ISO 8601; UTC unless it has an offset.")] = "",
    end: Annotated[str, typer.Option("--to", help="End, exclusive, in the same form.")] = "",
    journey: Annotated[str, typer.Option(help="A journey's id or pseudonym, for one vehicle's erasure.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Erase a span of cameras' time, or one vehicle, and all that was made of it. No run brings it back."""
    from cctview_pipeline.automation.instance import open_campaign, open_instance
    from cctview_pipeline.automation.lifetimes import carry_out
    from cctview_pipeline.privacy.audit import AuditLog
    from cctview_pipeline.privacy.forgetting import of_journey, of_span, reference_of
    from cctview_pipeline.resources.keys import open_keys

    span = bool(cameras and begin and end)
    if span == bool(journey) or bool(cameras or begin or end) != span:
        raise CctviewError("Say what to erase: either --camera, --from and --to, or --journey.")
    request = reference_of(request)
    lake, campaign = open_campaign()
    now = datetime.now(UTC)
    if span and (first := parse_time(begin)) and (last := parse_time(end)):
        erasure = of_span(lake, campaign, split(cameras), first, last, request, now)
        what = f"{', '.join(erasure.cameras)} from {first:%Y-%m-%dT%H:%M:%SZ} to {last:%Y-%m-%dT%H:%M:%SZ}"
    else:
        erasure = of_journey(lake, open_keys(lake.uri), journey, request, now)
        what = f"one vehicle at {len(erasure.tracks)} cameras"
    console.print(f"This erases {what}: {len(erasure.tracks)} tracks and {len(erasure.journeys)} journeys.", soft_wrap=True)
    if not yes and not typer.confirm("It can't be undone. Go on?"):
        raise CctviewError("Nothing was erased.")
    AuditLog().append("erase", f"{what} as {erasure.id}", purpose=request, lake=lake.uri)
    with open_instance() as instance:
        report = carry_out(instance, lake, campaign, erasure)
    if as_json:
        print_json(report.as_dict())
        return
    table = Table("table", "partitions", "rows")
    for name, partitions in report.changed.items():
        table.add_row(name, str(len(partitions)), f"{sum(partitions.values()):,}")
    if report.spool:
        table.add_row("spool", "", f"{report.spool:,}")
    console.print(table)
    for line in (
        *(f"{mart}: made anew" for mart in report.made_anew),
        *(f"{name} stays: {why}" for name, why in report.kept.items()),
    ):
        console.print(line, soft_wrap=True)
    console.print(f"The erasure is {erasure.id}; its report lies in the lake under reports/.", soft_wrap=True)


def papers(
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    again: Annotated[bool, typer.Option("--again", help="Also replace what was filled in.")] = False,
) -> None:
    """Write this campaign's record of processing activities and a draft of its data protection impact assessment."""
    from cctview_pipeline.automation.instance import open_campaign
    from cctview_pipeline.automation.paper_graph import paper_graph, write
    from cctview_pipeline.privacy.compliance import papers as written

    _, campaign = open_campaign()
    texts = written(campaign, paper_graph(campaign), home=os.path.relpath(project_root(), out))
    made_folder(out)
    changed = [name for name, text in texts.items() if (out / name).exists() and (out / name).read_bytes() != text.encode()]
    if changed and not again:
        raise CctviewError(
            f"{out / changed[0]} was filled in, or is of another state: take a copy, and add --again to replace it."
        )
    write(out, texts)
    console.print(f"Wrote {' and '.join(texts)} to {out}. What is marked there is for you to fill in.", soft_wrap=True)
