"""``cctview publish``: figures as everybody may have them."""

from typing import Annotated

import typer
from rich.table import Table

from cctview_pipeline.cli.export import day_span
from cctview_pipeline.cli.terminal import console, print_json
from cctview_pipeline.privacy.publication import publish as publish_figures


def publish(
    out: Annotated[str, typer.Option(help="A new folder, or s3://bucket/prefix, for the package.")],
    licence: Annotated[str, typer.Option(help="Under which others may use the figures, such as CC-BY-4.0.")] = "",
    begin: Annotated[
        str, typer.Option("--from", help="First local day, 2020-05-05; the first that has figures when left out.")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="End, exclusive, in the same form.")] = "",
    k: Annotated[int, typer.Option("--k", help="Vehicles of a published group at least; the campaign's when left out.")] = 0,
    again: Annotated[
        bool, typer.Option("--again", help="What was published of these days before was withdrawn: their figures are others now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was published as JSON.")] = False,
) -> None:
    """Write local days' figures as a data package that may be handed on: no group below k, no id, no bin below 15 minutes.

    CSV files with a datapackage.json, a README of every column, cameras and ways as GeoJSON. A row that k hides has the status
    withheld. A day that was published is published again only with the same figures. It is written to the audit log first.
    """
    from cctview_pipeline.automation.instance import open_campaign
    from cctview_pipeline.lake import S3Access

    lake, _ = open_campaign()
    span = day_span(begin, end)
    access = S3Access.found("place to publish to") if out.startswith("s3://") else None
    done = publish_figures(lake, out, licence=licence, between=span, k=k or None, again=again, s3=access)
    if as_json:
        print_json(done.as_dict())
        return
    table = Table("table", "rows", "withheld")
    for name, rows in done.rows.items():
        table.add_row(name, f"{rows:,}", f"{done.withheld[name]:,}")
    console.print(table)
    days = f"{len(done.days)} day{'s' * (len(done.days) != 1)}, {done.days[0]} to {done.days[-1]}"
    console.print(f"Published {days}, with k = {done.k}, under {licence} to {out}.", soft_wrap=True, highlight=False)
