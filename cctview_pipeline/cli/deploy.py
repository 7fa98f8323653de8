"""``cctview deploy``: what a deployment takes."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.table import Table

from cctview_pipeline.cli.terminal import console, print_json, say
from cctview_pipeline.deployment import Asked, Figures, Plan, Prices, figures_of_lake, make_plan, shipped
from cctview_pipeline.durations import parse_duration

deploy = typer.Typer(no_args_is_help=True, help="What a deployment of many cameras takes.")

PriceOption = Annotated[float | None, typer.Option(min=0, help="In your currency; what it costs is left out without.")]


@deploy.command("plan")
def plan(
    cameras: Annotated[int, typer.Option(help="How many cameras.")],
    days: Annotated[int, typer.Option(help="For how many days: those of each campaign's window.")],
    hours: Annotated[float, typer.Option(help="Of a day that are collected.")] = 24.0,
    busy: Annotated[float, typer.Option(help="For what share of the day cores and GPUs may work.")] = 0.7,
    runs_kept: Annotated[str, typer.Option("--runs-kept", help="For how long Dagster keeps runs (CCTVIEW_RUNS_KEPT).")] = "14d",
    gpu_seconds: Annotated[float, typer.Option(help="Of a GPU for the frames of a camera-hour, as you measured it.")] = 0.0,
    cores_a_run: Annotated[
        float, typer.Option(min=0.1, help="Cores that each of the lake's runs had when they were measured.")
    ] = 1.0,
    from_shipped: Annotated[
        bool, typer.Option("--shipped", help="Take the shipped figures, also where the lake has its own.")
    ] = False,
    price_core_hour: PriceOption = None,
    price_gpu_hour: PriceOption = None,
    price_store: Annotated[float | None, typer.Option(min=0, help="Of a GB of the store for a month.")] = None,
    price_database: Annotated[float | None, typer.Option(min=0, help="Of a GB of the database for a month.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print tables for a document.")] = False,
) -> None:
    """Reckon districts, groups, runs, cores, store, database and cost of so many cameras, with the formula beside each.

    By what this lake's own runs took (its mart `throughput`), or where there is no such lake by what the published hour took.
    """
    asked = Asked(
        cameras=cameras,
        days=days,
        hours=hours,
        busy=busy,
        runs_kept_days=parse_duration(runs_kept).total_seconds() / 86_400,
        gpu_seconds=gpu_seconds,
    )
    prices = Prices(
        core_hour=price_core_hour, gpu_hour=price_gpu_hour, store_gb_month=price_store, database_gb_month=price_database
    )
    made = make_plan(asked, shipped() if from_shipped else _own(cores_a_run) or shipped(), prices)
    if as_json:
        print_json(made.as_dict())
    elif as_markdown:
        say(_markdown(made))
    else:
        _print(made)


def _own(cores_a_run: float) -> Figures | None:
    """The figures of the lake that CCTVIEW_LAKE names, if it has any."""
    from cctview_pipeline.resources.lake import open_lake

    lake = open_lake()
    campaign = lake.campaign()
    return figures_of_lake(lake, campaign, cores_a_run) if campaign else None


HEADINGS = ("what", "value", "unit", "formula")
BY_TABLE = ("table", "core-seconds", "bytes", "kept, days")


def _print(made: Plan) -> None:
    for section, lines in groupby(made.lines, key=lambda line: line.section):
        table = Table(*HEADINGS, title=section, box=SIMPLE, pad_edge=False, title_justify="left")
        table.columns[1].justify = "right"
        for line in lines:
            table.add_row(line.name, shown(line.value), line.unit, line.formula)
        console.print(table)
    table = Table(*BY_TABLE, title="A camera-hour", box=SIMPLE, pad_edge=False, title_justify="left")
    for row in _by_table(made.figures):
        table.add_row(*row)
    console.print(table)
    for sentence in _sentences(made):
        console.print(sentence, soft_wrap=True)


def _markdown(made: Plan) -> str:
    parts = []
    for section, lines in groupby(made.lines, key=lambda line: line.section):
        rows = [(line.name, shown(line.value), line.unit, line.formula) for line in lines]
        parts.append(f"**{section}**\n\n{_rows(HEADINGS, rows)}")
    parts.append(f"**A camera-hour**\n\n{_rows(BY_TABLE, _by_table(made.figures))}")
    return "\n\n".join([*parts, *_sentences(made)])


def _rows(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _by_table(figures: Figures) -> list[tuple[str, ...]]:
    return [
        (name, f"{of.core_seconds:.2f}", f"{of.bytes:,.0f}", "for ever" if of.lifetime_days is None else f"{of.lifetime_days:g}")
        for name, of in figures.tables.items()
    ]


def _sentences(made: Plan) -> list[str]:
    return [
        f"Seconds and bytes: {made.figures.source}.",
        f"Rows of the database: {made.figures.rows_source}.",
        *made.unknown,
    ]


def shown(value: float) -> str:
    """Whole numbers as such, others with three digits that count."""
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.3g}"
