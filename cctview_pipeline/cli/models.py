"""``cctview models``: which there are, where their weights come from, and which of them a lake uses."""

from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from cctview_pipeline.campaign import TASKS
from cctview_pipeline.cli.drift import drift
from cctview_pipeline.cli.terminal import console
from cctview_pipeline.errors import NotFoundError
from cctview_pipeline.paths import models_directory
from cctview_pipeline.registry.download import pull
from cctview_pipeline.registry.manifest import check_file, find_model, list_models, read_facts
from cctview_pipeline.shell import command

models = typer.Typer(no_args_is_help=True, help="The detectors and extractors that can be used, and their weights.")
models.command("drift")(drift)


@models.command("list")
def list_all() -> None:
    """Show every model, what it is for, its licence, and whether its weights are here."""
    table = Table("model", "task", "MB", "licence", "weights")
    entries = list_models()
    if not entries:
        place = models_directory()
        raise NotFoundError(f"There is no model in {place}: it has no manifest.toml. Name another folder in CCTVIEW_MODELS.")
    for entry in entries:
        facts = read_facts(entry)
        where = (
            "here" if entry.path.exists() else command("cctview", "models", "pull", entry.name) if "url" in facts else "missing"
        )
        size = f"{facts['size'] / 1e6:.1f}" if "size" in facts else "?"
        table.add_row(entry.name, entry.task, size, facts["licence"], where)
    console.print(table)


@models.command("pull")
def pull_model(name: Annotated[str, typer.Argument(help="A model of models/manifest.toml.")]) -> None:
    """Fetch weights that are not shipped with the project. A stopped download goes on where it was, if the size is known."""
    known = {entry.name: entry for entry in list_models()}
    if name not in known:
        raise NotFoundError(f"There is no model named '{name}': known are {', '.join(known) or 'none'}.")
    with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=console, transient=True) as progress:
        task = progress.add_task(name, total=None)
        fetched = pull(known[name], lambda done, total: progress.update(task, completed=done, total=total or None))
    console.print(f"{known[name].path} is {'now here and whole' if fetched else 'here already, and whole'}.", soft_wrap=True)
    if not known[name].pinned:
        console.print(
            f"Nobody publishes its whole hash: {find_model(name, known[name].task).sha256} is pinned on first use in "
            "models/manifest.toml, and every other file is refused from now on.",
            soft_wrap=True,
        )


@models.command("use")
def use_model(
    name: Annotated[
        str, typer.Argument(help="A detector or extractor of models/manifest.toml; default-detector for the shipped.")
    ],
) -> None:
    """Make this lake use another detector or extractor. What the one before made is stale from then on, and stays as it is."""
    from cctview_pipeline.assets.weights import record_models
    from cctview_pipeline.automation.instance import check_not_served, open_campaign, open_instance

    lake, campaign = open_campaign()
    known = {entry.name: entry for entry in list_models() if entry.task in TASKS}
    if name not in known:
        raise NotFoundError(f"There is no detector or extractor named '{name}': known are {', '.join(known) or 'none'}.")
    entry = known[name]
    check_file(entry)
    chosen = campaign.with_model(entry.task, name)
    with open_instance() as instance:
        check_not_served(instance)
        lake.write_campaign(chosen)
        record_models(instance, chosen)
    console.print(
        f"The {entry.task} is now {entry.version}. What another one made shows as stale in the Dagster UI; "
        "`cctview backfill --again` makes it anew.",
        soft_wrap=True,
    )
