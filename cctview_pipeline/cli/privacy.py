"""``cctview audit``: who asked about vehicles, and whether the log of it is whole."""

from itertools import islice
from typing import Annotated

import typer

from cctview_pipeline.cli.terminal import console
from cctview_pipeline.errors import CctviewError, printable
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.entries import Head
from cctview_pipeline.privacy.verification import verify as read

audit = typer.Typer(no_args_is_help=True, help="Who asked about vehicles, when and what for, and whether that log is whole.")

PurposeOption = Annotated[
    str, typer.Option("--purpose", help="What for, when it is about vehicles: one of the campaign's purposes.")
]


@audit.command("verify")
def verify(expect: Annotated[str, typer.Option(help="NUMBER:HASH, as `cctview audit head` printed it once.")] = "") -> None:
    """Look for lines that were changed, taken out, put elsewhere or cut off. Status 1 when there is one."""
    log = AuditLog()
    verdict = read(log, Head.parse(expect) if expect else None)
    if not verdict.whole:
        raise CctviewError(f"{log.path}, line {verdict.line}: {verdict.sentence}")
    console.print(f"{log.path}: {verdict.sentence}", soft_wrap=True, highlight=False)


@audit.command("head")
def head() -> None:
    """Print the newest entry's number and hash, to be noted where nobody can change it. Checks the log first."""
    log = AuditLog()
    verdict = read(log)
    if not verdict.whole:
        raise CctviewError(f"{log.path}, line {verdict.line}: {verdict.sentence}")
    print(verdict.head)


@audit.command("show")
def show(last: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many entries.")] = 20) -> None:
    """Show the newest entries."""
    for entry in reversed(list(islice(AuditLog().newest(), last))):
        head = f"{entry.number}  {entry.time:%Y-%m-%d %H:%M:%S} UTC  {entry.user}  {entry.kind}"
        tables = f" of {', '.join(entry.tables)}" if entry.tables else ""
        purpose = f" for '{entry.purpose}'" if entry.purpose else ""
        for line in (f"{head}{tables}{purpose} in {entry.lake}", *(f"    {each}" for each in entry.asked.split("\n"))):
            print(printable(line))
