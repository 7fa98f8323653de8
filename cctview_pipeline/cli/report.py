"""``cctview report``: a day's figures as one file, held against the lake, or two times side by side."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cctview_pipeline.cli.terminal import console, print_json, say
from cctview_pipeline.errors import CctviewError, ConfigurationError, NotFoundError, printable, reason_of
from cctview_pipeline.files import write_whole
from cctview_pipeline.limits import REPORT_BYTES

if TYPE_CHECKING:
    from cctview_pipeline.campaign import Campaign
    from cctview_pipeline.lake import Lake

SHOWN = 50
"""Differences that a terminal is given; --json has all."""


def report(
    day: Annotated[str, typer.Option(help="A local day, 2020-05-05; the last that has figures when left out.")] = "",
    out: Annotated[Path | None, typer.Option(help="The file to write; report-DAY.html when left out.")] = None,
    verify: Annotated[Path | None, typer.Option(help="A report that is to be held against the lake.")] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="FROM..TO FROM..TO", help="Two times: days, 2020-05-04..2020-05-08, or local times."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, of --verify and --compare.")] = False,
) -> None:
    """Write a local day's figures as one HTML file: what roads did, how sure that is, and what it rests on.

    With --verify every figure of such a file is calculated anew, and the command ends with 1 if one differs. With --compare two
    times stand side by side, on the quarters of an hour that can be used in both.
    """
    from cctview_pipeline.automation.instance import open_campaign

    if verify and compare:
        raise CctviewError("One thing at a time: give --verify or --compare.")
    lake, campaign = open_campaign()
    if verify:
        _verify(lake, campaign, verify, as_json)
    elif compare:
        _compare(lake, campaign, compare, out, as_json)
    else:
        _write(lake, campaign, day, out)


def _write(lake: "Lake", campaign: "Campaign", day: str, out: Path | None) -> None:
    from cctview_pipeline.analytics.report.document import daily_report
    from cctview_pipeline.analytics.report.sources import days_with_marts, open_day
    from cctview_pipeline.cameras.local_time import calendar_of
    from cctview_pipeline.privacy.tombstones import Tombstones

    if day:
        try:
            chosen = date.fromisoformat(day)
        except ValueError:
            raise ConfigurationError(f"'{printable(day)}' is no day: write one such as 2020-05-05.") from None
    else:
        days = days_with_marts(lake)
        if not days:
            raise NotFoundError(f"No day of the lake {lake.uri} has figures yet: `cctview backfill` makes them.")
        chosen = days[-1]
    opened = open_day(lake, campaign, calendar_of(campaign), chosen)
    found = daily_report(lake, campaign, chosen, Tombstones(lake).sentences(opened.reads))
    path = out or Path(f"report-{chosen}.html")
    _store(path, found.html)
    console.print(f"Wrote {path}, {len(found.html) / 1000:,.0f} kB.", soft_wrap=True)


def _verify(lake: "Lake", campaign: "Campaign", path: Path, as_json: bool) -> None:
    from cctview_pipeline.analytics.report.sources import open_day
    from cctview_pipeline.analytics.report.verify import verify
    from cctview_pipeline.cameras.local_time import calendar_of
    from cctview_pipeline.privacy.tombstones import Tombstones

    found = verify(lake, campaign, _read(path), str(path))
    if as_json:
        print_json(found.to_json())
    else:
        for sentence in found.changed:
            say(sentence)
        for table, count in found.gone.items():
            say(f"{table}: {count} partitions that it was made from are not in the lake any more.")
        if found.gone:
            opened = open_day(lake, campaign, calendar_of(campaign), date.fromisoformat(found.day))
            for sentence in Tombstones(lake).sentences(opened.reads):
                say(sentence)
        for each in found.differences[:SHOWN]:
            say(str(each))
        if len(found.differences) > SHOWN:
            say(f"These are the first {SHOWN} of {len(found.differences):,} differences: --json has all.")
        kept = f"; {found.unverifiable:,} cannot be verified, as what they rest on has gone" if found.unverifiable else ""
        say(f"{found.compared:,} figures of {found.day} were calculated anew, {len(found.differences):,} differ{kept}.")
    if found.differences:
        raise typer.Exit(1)


def _compare(lake: "Lake", campaign: "Campaign", spans: tuple[str, str], out: Path | None, as_json: bool) -> None:
    from cctview_pipeline.analytics.clock import Clock
    from cctview_pipeline.analytics.report.compare import compare
    from cctview_pipeline.analytics.report.compared import page, table_of
    from cctview_pipeline.analytics.report.windows import read_window
    from cctview_pipeline.cameras.attribution import attributions
    from cctview_pipeline.cameras.local_time import calendar_of

    calendar = calendar_of(campaign)
    first, second = (read_window(span, calendar) for span in spans)
    found = compare(lake, calendar, first, second)
    if out:
        days = [calendar.day_of(window.begin) for window in (first, second)]
        _store(out, page(found, Clock(calendar.zone), campaign.name, attributions(campaign, days)))
    if as_json:
        print_json(found.to_json())
        return
    for side in found.sides:
        told = table_of(side)
        table = Table(title=told.caption, title_justify="left", box=None, pad_edge=False)
        for name in told.head:
            table.add_column(name, justify="left" if name in ("of", "days") else "right", no_wrap=True)
        for row in told.rows:
            table.add_row(*row)
        console.print(table)
        why = ", ".join(f"{count:,} ({reason})" for reason, count in side.dropped.items())
        say(f"{side.matched:,} quarters were compared{f'; left out: {why}' if why else ''}.\n")
    for note in found.notes:
        say(note)
    say("* the 90 % interval leaves out 0.")
    if out:
        console.print(f"Wrote {out}.", soft_wrap=True)


def _store(path: Path, html: bytes) -> None:
    try:
        write_whole(path, html)
    except OSError as error:
        raise CctviewError(f"{path} cannot be written: {reason_of(error)}. Choose another place with --out.") from None


def _read(path: Path) -> bytes:
    try:
        REPORT_BYTES.check(path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {reason_of(error)}.") from None
