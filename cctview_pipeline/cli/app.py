"""``cctview``: thin commands over the same functions that notebooks and Dagster use.

Dagster, the renderer of the city and the evaluation take a second or more to load: a command that needs one imports it itself, so
that `cctview --help` and a question to the lake need not wait for them.
"""

from pathlib import Path
from typing import Annotated

import typer

from cctview_pipeline.analytics.summary import summarise
from cctview_pipeline.cameras.archive import ArchiveNetwork
from cctview_pipeline.cameras.replay import serve as serve_archive
from cctview_pipeline.campaign import Campaign, parse_time
from cctview_pipeline.cli.backfill import backfill, print_summary
from cctview_pipeline.cli.collect import cameras, collect
from cctview_pipeline.cli.deploy import deploy
from cctview_pipeline.cli.doctor import doctor
from cctview_pipeline.cli.example import run_example
from cctview_pipeline.cli.export import export
from cctview_pipeline.cli.forget import erase, papers, purge
from cctview_pipeline.cli.init import init
from cctview_pipeline.cli.links import links
from cctview_pipeline.cli.metrics import metrics
from cctview_pipeline.cli.models import models
from cctview_pipeline.cli.options import (
    FaultsOption,
    FromOption,
    MinutesOption,
    PeopleOption,
    SeedOption,
    SizesOption,
    WorldOption,
    city_settings,
    split,
)
from cctview_pipeline.cli.privacy import audit
from cctview_pipeline.cli.publish import publish
from cctview_pipeline.cli.query import QueryCommand, query
from cctview_pipeline.cli.report import report
from cctview_pipeline.cli.terminal import console, print_json, say
from cctview_pipeline.cli.train import train
from cctview_pipeline.cli.view import view
from cctview_pipeline.detect import load_detector, threshold_of
from cctview_pipeline.embed import load_extractor
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.files import made_folder
from cctview_pipeline.lake import Lake, Partition

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Public traffic cameras to vehicles, tracks, journeys and figures."
)
city = typer.Typer(no_args_is_help=True, help="The synthetic city: six rendered cameras whose every vehicle is known.")
app.command("init")(init)
app.command("doctor")(doctor)
app.command("backfill")(backfill)
app.command("query", cls=QueryCommand)(query)
app.command("report")(report)
app.command("collect")(collect)
app.command("purge")(purge)
app.command("erase")(erase)
app.command("papers")(papers)
app.command("view")(view)
app.command("metrics")(metrics)
app.command("export")(export)
app.command("publish")(publish)
app.add_typer(cameras, name="cameras")
app.add_typer(audit, name="audit")
app.add_typer(links, name="links")
app.add_typer(train, name="train")
app.add_typer(deploy, name="deploy")
app.add_typer(models, name="models")
app.add_typer(city, name="city")


@app.command()
def summary(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False) -> None:
    """Show what the lake holds."""
    lake, campaign = _campaign()
    found = summarise(lake, [camera.id for camera in campaign.cameras], campaign.hours())
    if as_json:
        print_json(found.as_dict())
    else:
        print_summary(found)


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
    where = made_folder(out or folder)
    found = run_example(
        folder, where, load_detector(detector), load_extractor(extractor), base, split(targets), lambda text: console.print(text)
    )
    count = sum(len(others) for of_vehicle in found.distances.values() for others in of_vehicle.values())
    console.print(
        f"Compared {len(found.distances)} vehicles of {found.base} in {count} pairs: see {where / 'matches'}.", soft_wrap=True
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
    """Compare what the lake holds with the truth of the synthetic city, and with what people said of matches in the viewer."""
    from cctview_pipeline.evaluate import NO_SAMPLE, Evaluation, evaluate_verdicts, judged_hours
    from cctview_pipeline.evaluate import evaluate as measure

    lake, campaign = _campaign()
    judged = evaluate_verdicts(lake, judged_hours(lake))
    hours = [hour for hour in campaign.hours() if campaign.network == "city" and lake.has("journeys", Partition.of_hour(hour))]
    if not hours and not judged.rows:
        raise CctviewError(
            "No hour of this lake has journeys yet: `cctview backfill --network city` makes them."
            if campaign.network == "city"
            else "Nobody knows the truth about real cameras: evaluate a lake of `cctview backfill --network city`, or judge "
            "matches in `cctview view`."
        )
    cameras, threshold = [camera.id for camera in campaign.cameras], threshold_of(campaign.model("detector"))
    found = Evaluation((measure(lake, cameras, hours, threshold).rows if hours else ()) + judged.rows)
    if as_json:
        print_json(found.as_dict())
        return
    if as_markdown:
        print(found.markdown())
    else:
        for table in found.tables():
            console.print(table)
    if judged.rows:
        say(f"\n{NO_SAMPLE}")


@city.command("serve")
def serve_city(
    seed: SeedOption = None,
    minutes: MinutesOption = None,
    faults: FaultsOption = [],  # noqa: B006
    people: PeopleOption = None,
    world: WorldOption = None,
    sizes: SizesOption = [],  # noqa: B006
    begin: FromOption = "",
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8010,
    speed: Annotated[float, typer.Option(help="City seconds a second.")] = 1.0,
) -> None:
    """Serve the city's cameras on this machine in the form of New York's public API."""
    from cctview_pipeline.cameras.city_server import serve
    from cctview_pipeline.city import CityNetwork, CitySettings

    start = {"start": parse_time(begin)} if begin else {}
    network = CityNetwork(CitySettings.read(city_settings(seed, minutes, faults, people, sizes, world) | start))
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
    from cctview_pipeline.city.faults import KINDS

    for name, meaning in KINDS.items():
        console.print(f"{name}: {meaning}")


def _campaign() -> tuple[Lake, Campaign]:
    from cctview_pipeline.automation.instance import open_campaign

    return open_campaign()
