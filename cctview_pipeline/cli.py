"""``cctview``: thin commands over the same functions that notebooks and Dagster use.

Dagster, the renderer of the city and the evaluation take a second or more to load: a command that needs one imports it itself, so
that `cctview --help` and a question to the lake need not wait for them.
"""

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cctview_pipeline.analytics.summary import summarise
from cctview_pipeline.cameras.archive import ArchiveNetwork
from cctview_pipeline.cameras.replay import serve as serve_archive
from cctview_pipeline.campaign import HOUR, TASKS, Campaign, parse_time
from cctview_pipeline.cli_collect import cameras, collect
from cctview_pipeline.cli_forget import erase, papers, purge
from cctview_pipeline.cli_models import models
from cctview_pipeline.cli_privacy import PurposeOption, audit
from cctview_pipeline.cli_train import train
from cctview_pipeline.cli_view import view
from cctview_pipeline.detect import load_detector, threshold_of
from cctview_pipeline.embed import load_extractor
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.example import run_example
from cctview_pipeline.export import export_partitions
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.paths import project_root
from cctview_pipeline.privacy.access import ask
from cctview_pipeline.selection import choose
from cctview_pipeline.terminal import console
from cctview_pipeline.weights import check_file, find_model

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Public traffic cameras to vehicles, tracks, journeys and figures."
)
city = typer.Typer(no_args_is_help=True, help="The synthetic city: six rendered cameras whose every vehicle is known.")
app.command("collect")(collect)
app.command("purge")(purge)
app.command("erase")(erase)
app.command("papers")(papers)
app.command("view")(view)
app.add_typer(cameras, name="cameras")
app.add_typer(audit, name="audit")
app.add_typer(train, name="train")
app.add_typer(models, name="models")
app.add_typer(city, name="city")

SOON_DONE = 100
"""Partitions of all assets up to which a backfill is a matter of a minute, so that every second of waiting shows."""

CamerasOption = Annotated[list[str], typer.Option("--cameras", help="Camera ids, separated by commas; all when left out.")]
FromOption = Annotated[str, typer.Option("--from", help="First hour, ISO 8601; UTC unless it has an offset.")]
SeedOption = Annotated[int | None, typer.Option(help="The city's; 1000 when left out, 9000 and above are for evaluation.")]
MinutesOption = Annotated[int | None, typer.Option(help="How long the city is watched; 60 when left out.")]
PeopleOption = Annotated[
    int | None, typer.Option(help="Who walk or cycle past each camera of the city in an hour; nobody when left out.")
]
FaultsOption = Annotated[list[str], typer.Option("--faults", help="What goes wrong in the city, such as jam,frozen:city-2.")]
ToOption = Annotated[str, typer.Option("--to", help="End, exclusive, in the same form.")]


@app.command()
def backfill(
    network: Annotated[str, typer.Option(help="Where frames come from: archive, or city for the synthetic one.")] = "archive",
    path: Annotated[str, typer.Option(help="The archive's folder or zip file.")] = "",
    cameras: CamerasOption = [],  # noqa: B006
    begin: FromOption = "",
    end: ToOption = "",
    again: Annotated[bool, typer.Option("--again", help="Also make what is finished already.")] = False,
    seed: SeedOption = None,
    minutes: MinutesOption = None,
    faults: FaultsOption = [],  # noqa: B006
    people: PeopleOption = None,
    purposes: Annotated[
        list[str], typer.Option("--purpose", help="Of a new lake: what vehicles may be asked about for; may be given again.")
    ] = [],  # noqa: B006
) -> None:
    """Turn an archive or the synthetic city into frames, detections, crops, features, tracks, matches, journeys and marts.

    On an empty lake this writes campaign.toml. What an interrupted run left undone is done by the same command.
    """
    import dagster as dg

    from cctview_pipeline.automation.instance import check_not_served, prepare_home
    from cctview_pipeline.resources.lake import open_lake

    prepare_home()
    lake = open_lake()
    settings = _city_settings(seed, minutes, faults, people)
    if settings and network != "city":
        raise CctviewError("--seed, --minutes, --faults and --people are the city's: add --network city.")
    chosen = choose(lake, network, path, _split(cameras), parse_time(begin), parse_time(end), settings, purposes)
    for note in chosen.notes:
        console.print(note, style="yellow")
    _check_models(chosen.campaign)
    lake.storage.check_writable()
    if lake.campaign() != chosen.campaign:
        with dg.DagsterInstance.get() as instance:
            check_not_served(instance)
        lake.write_campaign(chosen.campaign)
    _run(lake, chosen.campaign, chosen.cameras, chosen.hours, again)


def _run(lake: Lake, campaign: Campaign, cameras: list[str], hours: list[datetime], again: bool) -> None:
    """Launch, wait and report."""
    import dagster as dg

    from cctview_pipeline.assets.weights import record_models
    from cctview_pipeline.automation import backfill as launching
    from cctview_pipeline.automation.instance import running_daemon
    from cctview_pipeline.definitions import build_definitions

    with dg.DagsterInstance.get() as instance:
        plan = launching.whole_plan(campaign, cameras, hours)
        todo = plan if again else launching.missing_plan(plan, campaign, lake, instance)
        total = launching.count(todo)
        if total:
            title = f"{len(cameras)} cameras, {len(hours)} hours from {hours[0]:%Y-%m-%dT%HZ}"
            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
            tick_s = 0.5 if total <= SOON_DONE else 2.0
            with running_daemon(instance, tick_s), Progress(*columns, console=console) as progress:
                task = progress.add_task("partitions", total=total)
                record_models(instance, campaign)  # while the daemon starts
                graph = build_definitions(campaign).get_repository_def().asset_graph
                show = lambda done: progress.update(task, completed=done)  # noqa: E731
                outcome = launching.run(instance, graph, campaign, todo, title, show)
        else:
            record_models(instance, campaign)
    _print_summary(lake, cameras, hours)
    _print_truth(lake, hours)
    if not total:
        console.print(f"All {launching.count(plan)} partitions are finished. Use --again to make them anew.")
    elif (unwritten := launching.count(launching.unwritten(todo, lake))) or not outcome.succeeded:
        raise CctviewError(
            f"{min(outcome.finished, total - unwritten)} of {total} partitions are finished"
            f"{'; ' + outcome.error if outcome.error else ''}. See the runs with `cctview dev`, or daemon.log in "
            f"{os.environ['DAGSTER_HOME']}; the same command does what is left."
        )
    else:
        console.print(f"Finished all {total} partitions.", style="green")
    command = _command()
    console.print(
        f"\nNext: {command} view\n      opens the pages of the lake (frames, vehicles, figures) on http://127.0.0.1:8020\n"
        f"      {command} dev\n      opens the Dagster UI (lineage, partitions, pictures) on http://127.0.0.1:3000\n"
        f'      {command} query "select * from travel_times"\n      asks the lake with SQL',
        soft_wrap=True,
    )


@app.command()
def summary(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False) -> None:
    """Show what the lake holds."""
    lake, campaign = _campaign()
    if as_json:
        found = summarise(lake, [camera.id for camera in campaign.cameras], campaign.hours())
        print(json.dumps(found.as_dict(), default=str, indent=2))
    else:
        _print_summary(lake, [camera.id for camera in campaign.cameras], campaign.hours())


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT over the tables of the lake.")],
    purpose: PurposeOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a row.")] = False,
) -> None:
    """Ask the lake with SQL (DuckDB). Every table is a view; times are UTC.

    What is about single vehicles needs a purpose, is written to the audit log first, and has pseudonyms for ids.
    """
    lake, _ = _campaign()
    rows = ask(lake, sql, purpose)
    if as_json:
        for row in rows.to_pylist():
            print(json.dumps(row, default=str))
        return
    table = Table(*rows.column_names)
    for row in rows.slice(0, 1000).to_pylist():
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table)
    if rows.num_rows > 1000:
        console.print(f"{rows.num_rows - 1000} more rows: use --json for all.")


@app.command()
def example(
    folder: Annotated[Path, typer.Argument(help="A folder of frames named *--original.jpeg.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; the folder itself when left out.")] = None,
    base: Annotated[str, typer.Option(help="The camera or frame whose vehicles are looked for; the first when left out.")] = "",
    targets: Annotated[list[str], typer.Option(help="Where they are looked for, in order; all others when left out.")] = [],  # noqa: B006
    detector: Annotated[str, typer.Option(help="A detector of models/manifest.toml.")] = "default",
    extractor: Annotated[str, typer.Option(help="An extractor of models/manifest.toml, such as densenet201-veri.")] = "default",
) -> None:
    """CCTView's own example: detect, extract and match on a few frames, in the published file formats."""
    if not folder.is_dir():
        raise CctviewError(f"The folder {folder} does not exist.")
    where = out or folder
    found = run_example(
        folder, where, load_detector(detector), load_extractor(extractor), base, _split(targets), lambda text: console.print(text)
    )
    count = sum(len(others) for of_vehicle in found.distances.values() for others in of_vehicle.values())
    console.print(
        f"Compared {len(found.distances)} vehicles of {found.base} in {count} pairs: see {where / 'matches'}.", soft_wrap=True
    )


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    layout: Annotated[str, typer.Option(help="Of the files: cctview.")] = "cctview",
    cameras: CamerasOption = [],  # noqa: B006
    begin: FromOption = "",
    end: ToOption = "",
    purpose: PurposeOption = "",
) -> None:
    """Write partitions of the lake as files in CCTView's published layout. It is written to the audit log first."""
    if layout != "cctview":
        raise CctviewError(f"There is no layout named '{layout}': use cctview.")
    lake, campaign = _campaign()
    wanted = [campaign.camera(name).id for name in _split(cameras)] or [camera.id for camera in campaign.cameras]
    first, last = parse_time(begin), parse_time(end)
    hours = [hour for hour in campaign.hours() if (not first or hour + HOUR > first) and (not last or hour < last)]
    partitions = [Partition.camera_hour(camera, hour) for camera in wanted for hour in hours]
    there = [partition for partition in partitions if lake.has("features", partition)]
    if not there:
        raise CctviewError("None of these camera-hours has features yet: `cctview backfill` makes them.")
    threshold, frames = threshold_of(campaign.model("detector")), 0
    with Progress(console=console) as progress:
        written = export_partitions(lake, there, threshold, out, purpose)
        for count in progress.track(written, total=len(there), description="camera-hours"):
            frames += count
    left = len(partitions) - len(there)
    console.print(
        f"Wrote {frames} frames of {len(there)} camera-hours to {out}{f'; {left} are not made yet' if left else ''}.",
        soft_wrap=True,
    )


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the web interface.")] = 3000) -> None:
    """Open the Dagster UI and its daemon on this lake."""
    from cctview_pipeline.automation.instance import prepare_home, serve

    prepare_home()
    serve(port)


@app.command()
def evaluate(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print tables for a document.")] = False,
) -> None:
    """Compare what the lake holds with the truth of the synthetic city."""
    from cctview_pipeline.evaluate import evaluate as measure

    lake, campaign = _campaign()
    if campaign.network != "city":
        raise CctviewError("Nobody knows the truth about real cameras: evaluate a lake of `cctview backfill --network city`.")
    hours = [hour for hour in campaign.hours() if lake.has("journeys", Partition.of_hour(hour))]
    if not hours:
        raise CctviewError("No hour of this lake has journeys yet: `cctview backfill --network city` makes them.")
    threshold = threshold_of(campaign.model("detector"))
    found = measure(lake, [camera.id for camera in campaign.cameras], hours, threshold)
    if as_json:
        print(json.dumps(found.as_dict(), indent=2))
    elif as_markdown:
        print(found.markdown())
    else:
        for table in found.tables():
            console.print(table)


@city.command("serve")
def serve_city(
    seed: SeedOption = None,
    minutes: MinutesOption = None,
    faults: FaultsOption = [],  # noqa: B006
    people: PeopleOption = None,
    begin: FromOption = "",
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8010,
    speed: Annotated[float, typer.Option(help="City seconds a second.")] = 1.0,
) -> None:
    """Serve the city's cameras on this machine in the form of New York's public API."""
    from cctview_pipeline.cameras.city import CityNetwork, CitySettings
    from cctview_pipeline.cameras.city.server import serve

    start = {"start": parse_time(begin)} if begin else {}
    network = CityNetwork(CitySettings.read(_city_settings(seed, minutes, faults, people) | start))
    serve(network, port, speed, lambda text: console.print(text))


@app.command("replay")
def replay(
    archive: Annotated[Path, typer.Argument(help="A folder or zip file in the published layout.")],
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8011,
    speed: Annotated[float, typer.Option(help="Archive seconds a second.")] = 1.0,
) -> None:
    """Play an archive back as if it were live, for `cctview collect --network replay`."""
    serve_archive(ArchiveNetwork(archive), port, speed, lambda text: console.print(text))


@city.command("faults")
def list_faults() -> None:
    """Say which faults can be switched on."""
    from cctview_pipeline.cameras.city.faults import KINDS

    for name, meaning in KINDS.items():
        console.print(f"{name}: {meaning}")


def _city_settings(seed: int | None, minutes: int | None, faults: list[str], people: int | None) -> dict:
    """What was said about the city, and nothing else."""
    said = {"seed": seed, "minutes": minutes, "faults": _split(faults) or None, "people": people}
    return {name: value for name, value in said.items() if value is not None}


def _command() -> str:
    """This program as a person must call it to reach the same lake."""
    defaults = {"CCTVIEW_LAKE": project_root() / "var" / "lake", "DAGSTER_HOME": project_root() / "var" / "dagster"}
    chosen = [f"{name}={os.environ[name]} " for name, value in defaults.items() if os.environ.get(name, str(value)) != str(value)]
    return "".join(chosen) + os.path.relpath(sys.argv[0])


def _campaign() -> tuple[Lake, Campaign]:
    from cctview_pipeline.automation.instance import open_campaign

    return open_campaign()


def _check_models(campaign: Campaign) -> None:
    """Find missing or damaged weights before anything is launched."""
    for task in TASKS:
        check_file(find_model(campaign.model(task), task))


def _print_summary(lake: Lake, cameras: list[str], hours: list[datetime]) -> None:
    found = summarise(lake, cameras, hours)
    for table in found.tables():
        console.print(table)
    console.print(
        "{journeys:,} journeys, {over_two_or_more_cameras:,} of them over two or more cameras, "
        "the longest over {most_cameras}.".format(**found.journeys)
    )


def _print_truth(lake: Lake, hours: list[datetime]) -> None:
    """In the city, what was counted and timed beside what was there."""
    days = [Partition.of_day(day) for day in sorted({hour.date() for hour in hours})]
    known = [day for day in days if lake.has("evaluation", day)]
    if not known:
        return
    from cctview_pipeline.evaluate import Evaluation

    for day in known:
        found = Evaluation.from_table(lake.read("evaluation", day))
        for table in found.summary_tables(f"Beside the truth, {day.day:%Y-%m-%d}"):
            console.print(table)
    console.print(f"{_command()} evaluate shows every figure.", soft_wrap=True)


def _split(values: list[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _cell(value: object) -> str:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: a user's error is one sentence on stderr and status 1. arguments: those of the process if left out."""
    try:
        app(arguments)
    except CctviewError as error:
        print(f"cctview: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("cctview: stopped; the same command goes on where it was.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
