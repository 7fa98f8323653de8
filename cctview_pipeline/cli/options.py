"""What several commands are asked alike."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cctview_pipeline.environment import DAGSTER_HOME, LAKE
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.paths import project_root
from cctview_pipeline.shell import command

CamerasOption = Annotated[list[str], typer.Option("--cameras", help="Camera ids, separated by commas; all when left out.")]
FromOption = Annotated[str, typer.Option("--from", help="First hour, ISO 8601; UTC unless it has an offset.")]
ToOption = Annotated[str, typer.Option("--to", help="End, exclusive, in the same form.")]
SeedOption = Annotated[int | None, typer.Option(help="The city's; 1000 when left out, 9000 and above are for evaluation.")]
MinutesOption = Annotated[int | None, typer.Option(help="How long the city is watched; 60 when left out.")]
PeopleOption = Annotated[
    int | None,
    typer.Option(
        help="Who walk or cycle past each camera of the city in an hour; 120 in its streets and else nobody when left out."
    ),
]
WorldOption = Annotated[str | None, typer.Option(help="Of the city: expressway or streets; expressway when left out.")]
SizesOption = Annotated[
    list[str], typer.Option("--sizes", help="Of the city's pictures, px, such as 1280x720,720x576:city-3; 352x240 when left out.")
]
FaultsOption = Annotated[list[str], typer.Option("--faults", help="What goes wrong in the city, such as jam,frozen:city-2.")]


def split(values: list[str]) -> list[str]:
    """What stands between the commas, each once. Raises CctviewError for an option that was given and names nothing: a shell's
    variable that is not set would choose everything."""
    parts = list(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))
    if values and not parts:
        raise CctviewError("An option that takes names, separated by commas, was given without any: name some, or leave it out.")
    return parts


def city_settings(
    seed: int | None, minutes: int | None, faults: list[str], people: int | None, sizes: list[str], world: str | None
) -> dict:
    """What was said about the city, and nothing else."""
    said: dict = {"seed": seed, "minutes": minutes, "faults": split(faults) or None, "people": people}
    said |= {"sizes": split(sizes) or None, "world": world}
    return {name: value for name, value in said.items() if value is not None}


def command_line(*words: str) -> str:
    """A command of this program as a person must give it to reach the same lake."""
    usual = {variable: str(project_root() / variable.default) for variable in (LAKE, DAGSTER_HOME)}
    chosen = {variable.name: variable.get() for variable, path in usual.items() if variable.get() not in ("", path)}
    program = Path(sys.argv[0])
    by_module = program.name == "__main__.py"
    given = ("python", "-m", program.parent.name) if by_module else (os.path.relpath(program),)
    return command(*given, *words, **chosen)
