"""``cctview models drift``: whether a day's camera-hours are still like what the models were trained on."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.table import Table

from cctview_pipeline.cli.terminal import console, print_json
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake.layout import format_day, parse_day

if TYPE_CHECKING:
    from cctview_pipeline.drift import DriftReport

MAX_ROWS = 20
TITLES = {"detections": "Scores (detections)", "features": "How alike vehicles look (features)"}


def drift(
    day: Annotated[str, typer.Option(help="YYYY-MM-DD, UTC; the newest that has detections when left out.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say which cameras and hours the models were not trained for, and so should be labelled next."""
    from cctview_pipeline.drift.survey import latest_day, survey  # scipy and pyarrow take a second to import
    from cctview_pipeline.resources.lake import open_lake

    lake = open_lake()
    try:
        chosen = parse_day(day) if day else latest_day(lake)
    except ValueError:
        raise CctviewError(f"A day is given as YYYY-MM-DD, not '{day}'.") from None
    if chosen is None:
        raise CctviewError(f"The lake {lake.uri} has no detections yet: `cctview backfill` makes them.")
    surveys = [survey(lake, table, chosen) for table in ("detections", "features")]
    if as_json:
        print_json([found.as_dict() for found in surveys])
        return
    for found in surveys:
        if found.findings:
            console.print(_table(found))
        console.print(found.sentence, soft_wrap=True, highlight=False)


def _table(found: "DriftReport") -> Table:
    title = f"{TITLES[found.table]} on {format_day(found.day)}, UTC"
    table = Table(title=title, box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)  # narrow enough for 80 columns
    scored = found.table == "detections"
    for heading in ("camera", "hour", "verdict", "distance", "nearest", *(("expected F1", "in doubt") if scored else ())):
        table.add_column(heading)
    table.add_column("vehicles", justify="right")
    for each in found.findings[:MAX_ROWS]:
        distance = "" if each.distance is None else f"{each.distance:.3f}"
        promised = "" if each.expected_f1 is None else f"{each.expected_f1:.3f}"
        doubt = "" if each.in_doubt is None else f"{100 * each.in_doubt:.0f} %"
        seen = distance, each.nearest, *((promised, doubt) if scored else ()), f"{each.count:,}"
        table.add_row(each.camera, f"{each.hour:%H:%M}", each.verdict, *seen)
    if (left := len(found.findings) - MAX_ROWS) > 0:
        table.caption = f"{left} more: --json shows all."
    return table
