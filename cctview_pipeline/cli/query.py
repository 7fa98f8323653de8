"""``cctview query``: a question to the lake, and its answer in the form that is wanted."""

import re
from typing import Annotated

import typer
from typer.core import TyperCommand

from cctview_pipeline.analytics.forms import csv_lines, fitting_table, head, json_lines, records, rows
from cctview_pipeline.analytics.question import Answer
from cctview_pipeline.cli.privacy import PurposeOption
from cctview_pipeline.cli.terminal import console, write
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.privacy.access import asked

MAX_SHOWN = 1000
"""Rows that a terminal is given; a file or a pipe gets all."""


class QueryCommand(TyperCommand):
    """A question may begin with a comment, which looks like an option; but only a question has blanks behind it, or lines."""

    # typer has taken click into itself, and its commands' own signatures name classes that are not to be imported.
    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        questions = [word for word in args if re.match(r"--(\s|[^\n]*\n)", word)]
        if questions and "--" not in args:
            args = [*(word for word in args if word not in questions), "--", *questions]
        return super().parse_args(ctx, args)


def query(
    sql: Annotated[str, typer.Argument(help="One SELECT over the tables of the lake.")],
    purpose: PurposeOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a row.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header, as a pipe or a file gets it anyway.")] = False,
    as_records: Annotated[bool, typer.Option("--records", help="Print a line a column, for rows that are wide.")] = False,
) -> None:
    """Ask the lake with SQL (DuckDB). Every table is a view; times are UTC.

    A terminal shows a table, or records where it would not fit. What is about single vehicles needs a purpose, is written to the
    audit log first, and has pseudonyms for ids.
    """
    from cctview_pipeline.automation.instance import open_campaign

    if as_json + as_csv + as_records > 1:
        raise CctviewError("An answer has one form: give --json, --csv or --records.")
    lake, _ = open_campaign()
    with asked(lake, sql, purpose) as answer:
        if as_json:
            write(json_lines(answer))
        elif as_csv or not (as_records or console.is_terminal):
            write(csv_lines(answer))
        elif not console.is_terminal:
            write(records(answer.columns, rows(answer)))
        else:
            _show(answer, as_records)


def _show(answer: Answer, as_records: bool) -> None:
    first, more = head(rows(answer), MAX_SHOWN)
    table = None if as_records else fitting_table(answer.columns, first, console)
    if table:
        console.print(table)
    else:
        write(records(answer.columns, first))
    if not first:
        console.print("No rows.")
    if more:
        console.print(f"These are the first {MAX_SHOWN} rows: --csv or --json gives all.")
